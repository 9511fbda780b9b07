"""What a search found, marked in the text where it stands."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from store.words import UNSPACED, Term

BEFORE, LENGTH = 70, 260  # characters of an excerpt before its first hit, and in all
HITS_LOOKED_AT = 20
_WORDS = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Sought:
    """A term as it is looked for: the letters that it begins with, then all of it."""

    begins: str
    whole: re.Pattern[str]


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


def seek(terms: Sequence[Term]) -> list[Sought]:
    """The terms as they are looked for, each once; those that must not stand there are not."""
    found = (_sought(term) for term in terms if not term.excluded)
    return list(dict.fromkeys(one for one in found if one is not None))


def mark(text: str, sought: Sequence[Sought]) -> list[Piece]:
    """The text in pieces, with the hits marked. Identity: joined, they are the text."""
    return list(_pieces(text, find_hits(text, sought)))


def find_excerpt(fields: Sequence[tuple[str, str]], sought: Sequence[Sought]) -> Excerpt | None:
    """The excerpt of the field in which most terms stand close together; None without a hit."""
    best: tuple[int, Excerpt] | None = None
    for where, text in fields:
        hits = find_hits(text, sought)
        if not hits:
            continue
        count, first = _densest(hits)
        if best is None or count > best[0]:
            best = count, Excerpt(where, cut(text, hits, first.start))
        if count == len(sought):
            break
    return best[1] if best else None


def find_hits(text: str, sought: Sequence[Sought]) -> list[Hit]:
    """The first hits of each term in a text, accents and case aside, in order and apart."""
    if not sought or not text:
        return []
    plain = _plain(text)
    hits = sorted(
        (hit for number, one in enumerate(sought) for hit in _hits(plain, one, number)),
        key=lambda hit: (hit.start, -hit.end),
    )
    apart: list[Hit] = []
    for hit in hits:
        if not apart or hit.start >= apart[-1].end:
            apart.append(hit)
    return apart


def _hits(plain: str, sought: Sought, number: int) -> list[Hit]:
    """A search for the first letters is many times as fast as one for an expression."""
    found: list[Hit] = []
    at = plain.find(sought.begins)
    while at >= 0 and len(found) < HITS_LOOKED_AT:
        match = sought.whole.match(plain, at)
        if match:
            found.append(Hit(at, match.end(), number))
        at = plain.find(sought.begins, match.end() if match else at + 1)
    return found


def _densest(hits: Sequence[Hit]) -> tuple[int, Hit]:
    """How many terms stand in the excerpt that holds most of them, and the hit it begins with."""
    best, end = (0, hits[0]), 0
    most = len({hit.term for hit in hits})
    inside: Counter[int] = Counter()
    for place, first in enumerate(hits):
        while end < len(hits) and hits[end].start < first.start + LENGTH - BEFORE:
            inside[hits[end].term] += 1
            end += 1
        if len(inside) > best[0]:
            best = len(inside), first
        if best[0] == most:
            break
        inside[hits[place].term] -= 1
        if not inside[hits[place].term]:
            del inside[hits[place].term]
    return best


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


def _sought(term: Term) -> Sought | None:
    words = _WORDS.findall(_plain(unicodedata.normalize("NFKC", term.text)))
    if not words:
        return None
    joined = r"[\W_]*".join(map(re.escape, words))
    if re.match(f"[{UNSPACED}]", words[0]):
        return Sought(words[0], re.compile(joined))
    more = r"[^\W_]*" if term.begins else ""
    return Sought(words[0], re.compile(rf"(?<![^\W_]){joined}{more}(?![^\W_])"))


def _plain(text: str) -> str:
    """The text in small letters without accents, every character where it was."""
    if not text.isascii():
        accented: dict[str, str | int | None] = {
            char: base for char in set(text) if (base := _base(char)) != char
        }
        text = text.translate(str.maketrans(accented)) if accented else text
    return text.lower()


@lru_cache(maxsize=10_000)
def _base(char: str) -> str:
    """A small letter without its accent; what would be no single letter stays as it is."""
    if char.isascii():
        return char
    first = unicodedata.normalize("NFKD", char)[0]
    small = (first if first.isalnum() else char).lower()
    return small if len(small) == 1 else "i"  # the one capital whose small letter is two signs
