"""Where the gold answer stands in a text, character by character, so that it can be marked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alignment.polarity.matching import READINGS, bare_words, plain

Span = tuple[int, int]
_CHUNK = re.compile(r"\S+")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class _Word:
    """A word as the match reads it, and the characters [start, end) that it was made of."""

    text: str
    start: int
    end: int


def gold_spans(text: str, golds: Sequence[str]) -> list[Span]:
    """The spans [start, end) of the text in which an alias of the gold answer stands.

    They are in order and apart: where aliases overlap, one span covers both. The match is the
    squad one, without regard to case, punctuation and articles.
    Identity: there is a span if and only if `find_position(text, golds, "squad")` finds one.
    """
    found: set[Span] = set()
    for reading in READINGS:
        words = list(_words(text, reading))
        for gold in golds:
            found.update(_hits(words, bare_words(plain(gold), reading)))
    return _merged(sorted(found))


def _words(text: str, reading: dict[int, str]) -> Iterator[_Word]:
    for chunk in _CHUNK.finditer(text):
        form = unicodedata.normalize("NFC", chunk[0]).lower()
        if form.isalnum():
            yield from (_Word(word, *chunk.span()) for word in bare_words(form, reading))
        else:
            yield from _parts(form, chunk.start(), chunk.end(), reading)


def _parts(form: str, start: int, end: int, reading: dict[int, str]) -> Iterator[_Word]:
    """The words of a chunk with punctuation in it, each at its own place where that is known."""
    read = form.translate(reading)
    known = len(read) == len(form) == end - start
    inner = _trimmed(form, start, end) if len(form) == end - start else (start, end)
    for part in _WORD.finditer(read):
        own = (start + part.start(), start + part.end()) if known else inner
        yield from (_Word(word, *own) for word in bare_words(part[0], reading))


def _trimmed(form: str, start: int, end: int) -> Span:
    """The span without the punctuation around it."""
    letters = [place for place, char in enumerate(form) if char.isalnum()]
    return (start + letters[0], start + letters[-1] + 1) if letters else (start, end)


def _hits(words: Sequence[_Word], wanted: Sequence[str]) -> Iterator[Span]:
    """The spans of the wanted words, one after the other."""
    count = len(wanted)
    for place, word in enumerate(words if count else ()):
        if word.text == wanted[0] and place + count <= len(words):
            run = words[place : place + count]
            if all(one.text == other for one, other in zip(run, wanted, strict=True)):
                yield run[0].start, run[-1].end


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
