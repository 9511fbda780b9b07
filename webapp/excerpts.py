"""What a search found, marked in the text where it stands."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.words import UNSPACED, Term

BEFORE, LENGTH = 70, 260  # characters of an excerpt before its first hit, and in all
HITS_LOOKED_AT = 200
_WORDS = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: something that was looked for, or what stands around it."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of a text that holds most of what was looked for."""

    where: str
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a term stands: characters [start, end)."""

    start: int
    end: int
    term: int


def pattern_of(terms: Sequence[Term]) -> re.Pattern[str] | None:
    """What finds the terms in a text, each as a group of its own; None where there are none."""
    wanted = [_expression(term) for term in terms if not term.excluded]
    kept = [f"({one})" for one in wanted if one]
    return re.compile("|".join(kept), re.IGNORECASE) if kept else None


def mark(text: str, pattern: re.Pattern[str] | None) -> list[Piece]:
    """The text in pieces, with every hit marked. Identity: joined, they are the text."""
    return list(_pieces(text, find_hits(text, pattern)))


def find_excerpt(
    fields: Sequence[tuple[str, str]], pattern: re.Pattern[str] | None
) -> Excerpt | None:
    """The excerpt of the field in which most terms stand close together; None without a hit."""
    best: tuple[int, Excerpt] | None = None
    for where, text in fields:
        hits = find_hits(text, pattern)
        if not hits:
            continue
        count, first = max(
            ((_distinct(hits, hit), hit) for hit in hits), key=lambda one: (one[0], -one[1].start)
        )
        if best is None or count > best[0]:
            best = count, Excerpt(where, cut(text, hits, first.start))
    return best[1] if best else None


def find_hits(text: str, pattern: re.Pattern[str] | None) -> list[Hit]:
    """The first hits in a text, accents and case aside."""
    if pattern is None:
        return []
    found: list[Hit] = []
    for match in pattern.finditer(_plain(text)):
        found.append(Hit(match.start(), match.end(), match.lastindex or 0))
        if len(found) == HITS_LOOKED_AT:
            break
    return found


def cut(text: str, hits: Sequence[Hit], around: int) -> list[Piece]:
    """The excerpt around a place, between spaces where there are some, its hits marked."""
    start = max(0, around - BEFORE)
    if start and (space := text.find(" ", start, around)) >= 0:
        start = space + 1
    end = min(len(text), start + LENGTH)
    if end < len(text) and (space := text.rfind(" ", around + BEFORE, end)) >= 0:
        end = space
    inside = [
        Hit(hit.start - start, min(hit.end, end) - start, hit.term)
        for hit in hits
        if start <= hit.start < end
    ]
    pieces = list(_pieces(text[start:end], inside))
    before = [Piece("… ")] if start else []
    return [*before, *pieces, *([Piece(" …")] if end < len(text) else [])]


def _pieces(text: str, hits: Sequence[Hit]) -> Iterator[Piece]:
    at = 0
    for hit in hits:
        if hit.start > at:
            yield Piece(text[at : hit.start])
        yield Piece(text[hit.start : hit.end], marked=True)
        at = hit.end
    if at < len(text):
        yield Piece(text[at:])


def _distinct(hits: Sequence[Hit], first: Hit) -> int:
    """How many terms stand in the excerpt that begins with a hit."""
    close = (hit for hit in hits if first.start <= hit.start < first.start + LENGTH - BEFORE)
    return len({hit.term for hit in close})


def _expression(term: Term) -> str:
    words = _WORDS.findall(_plain(unicodedata.normalize("NFKC", term.text)))
    if not words:
        return ""
    joined = r"[\W_]*".join(map(re.escape, words))
    if re.match(f"[{UNSPACED}]", words[0]):
        return joined
    more = r"[^\W_]*" if term.begins else ""
    return rf"(?<![^\W_]){joined}{more}(?![^\W_])"


def _plain(text: str) -> str:
    """The text with letters in the place of accented ones, every character where it was."""
    if text.isascii():
        return text
    accented: dict[str, str | int | None] = {
        char: base for char in set(text) if (base := _base(char)) != char
    }
    return text.translate(str.maketrans(accented)) if accented else text


def _base(char: str) -> str:
    first = unicodedata.normalize("NFKD", char)[0] if ord(char) > 0x7F else char
    return first if first.isalnum() else char
