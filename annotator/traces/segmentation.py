"""Cut a thinking part at its blank lines."""

import re
from itertools import pairwise

_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")


def segment(thinking: str) -> list[tuple[int, int]]:
    """Cut at blank lines into spans that tile the text; blank text gives none.

    The blank lines that end a segment belong to it; blank lines at the start belong to the first.

    Shapes: each span is half-open, characters, [start, end).
    Identity: the spans' texts joined are the thinking.
    Source: MR-ALIGN 3.1.2.
    Differs: a line of spaces counts as blank, and several blank lines cut once.
    """
    if not thinking.strip():
        return []
    first, last = len(thinking) - len(thinking.lstrip()), len(thinking.rstrip())
    cuts = [end for match in _BLANK_LINES.finditer(thinking) if first < (end := match.end()) < last]
    return list(pairwise([0, *cuts, len(thinking)]))
