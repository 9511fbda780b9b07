"""Tables as CSV that a spreadsheet shows and never runs."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

# What a spreadsheet takes for the beginning of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> str:
    """The value as text; one that could be a formula begins with an apostrophe.

    Spaces in front do not hide a formula: some programs take them away.
    """
    text = "" if value is None else str(value).replace("\x00", "")
    risky = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return f"'{text}" if risky else text


def write_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The table line by line."""
    for row in chain([head], rows):
        line = io.StringIO()
        csv.writer(line, quoting=csv.QUOTE_ALL).writerow([safe_cell(value) for value in row])
        yield line.getvalue()
