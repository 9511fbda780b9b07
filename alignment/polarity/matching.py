"""Exact match of an answer, and of a gold answer in a thinking text, normalised in two ways."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Normalisation = Literal["plain", "squad"]

_ANSWER_PREFIX = re.compile(r"\A\s*(?:the\s+)?(?:final\s+)?answer\s*:\s*", re.IGNORECASE)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_REMOVED: dict[int, str] = {ord(mark): "" for mark in string.punctuation}
_SPACED: dict[int, str] = {ord(mark): " " for mark in string.punctuation}
READINGS = (_REMOVED, _SPACED)  # punctuation is nothing ("U.S." in "US"), or a space ("1914-1918")


@dataclass(frozen=True)
class Position:
    """Where the gold answer stands in a text first and last, as shares of its length."""

    first: float
    last: float


class MatchingError(ValueError):
    """A normalisation was asked for that does not exist."""


def plain(text: str) -> str:
    """The answer as written, without its wrapping: one leading "Answer:" and one full stop go.

    White space is collapsed, characters are composed (NFC); case, punctuation and articles stay.
    Differs: the source compares strings as they are; instruction-tuned models write "Answer: X.",
    which is the same answer as "X".
    """
    bare = _ANSWER_PREFIX.sub("", _collapsed(text), count=1)
    return bare.removesuffix(".").rstrip()


def squad(text: str) -> str:
    """The answer in lower case, without punctuation and articles.

    Identity: equal plain forms have equal squad forms.
    Source: the SQuAD v1.1 evaluation script, applied to the plain form.
    Differs: an answer that is nothing but articles and punctuation ("A", "?") keeps its lower-case
    plain form, so that it does not equal every other such answer.
    """
    bare = plain(text)
    return _without_articles(bare.lower().translate(_REMOVED)) or bare.lower()


def normalise(text: str, how: Normalisation) -> str:
    """The plain or the squad form of an answer."""
    if how == "plain":
        return plain(text)
    if how == "squad":
        return squad(text)
    raise MatchingError(f"expected a normalisation of 'plain' or 'squad', got {how!r}")


def is_answer(answer: str, golds: Sequence[str], how: Normalisation = "plain") -> bool:
    """Whether the answer equals any alias of the gold answer (EM_a). Source: method, section 8."""
    given = normalise(answer, how)
    return bool(given) and any(given == normalise(gold, how) for gold in golds)


def stands_in(thinking: str, golds: Sequence[str], how: Normalisation = "plain") -> bool:
    """Whether any alias of the gold answer stands in the text, on word boundaries (EM_t).

    Under squad an alias may stand in the text with its punctuation removed ("U.S." in "US") or
    read as spaces ("1914" in "1914-1918"). A gold of one or two characters gives false hits.
    """
    return find_position(thinking, golds, how) is not None


def find_position(
    thinking: str, golds: Sequence[str], how: Normalisation = "plain"
) -> Position | None:
    """Where any alias of the gold answer stands first and last; None where none does.

    Units: shares of the normalised text's characters, in [0, 1).
    Identity: there is a position if and only if the gold stands in the text.
    """
    if how == "plain":
        return _position_on_boundaries(_collapsed(thinking), [plain(gold) for gold in golds])
    if how != "squad":
        raise MatchingError(f"expected a normalisation of 'plain' or 'squad', got {how!r}")
    found = [_position_translated(thinking, golds, table) for table in READINGS]
    return _outermost([position for position in found if position is not None])


def is_hit_gap(*, gold_in_thinking: bool, gold_is_answer: bool) -> bool:
    """Whether the gold answer stands in the thinking and not in the answer: EM_t ∧ ¬EM_a."""
    return gold_in_thinking and not gold_is_answer


def is_misleading(*, gold_in_thinking: bool, gold_is_answer: bool) -> bool:
    """Whether thinking and answer disagree about the gold answer: EM_t ⊕ EM_a."""
    return gold_in_thinking != gold_is_answer


def bare_words(text: str, reading: dict[int, str]) -> list[str]:
    """The words of a text under one reading of punctuation, in lower case, without articles."""
    return _without_articles(text.lower().translate(reading)).split()


def answer_of(response: str) -> str:
    """What stands in the last <answer> pair, else all after the last </think>.

    A response without any tag is its own answer; one whose <think> never closes has none ("").
    """
    end = response.rfind("</answer>")
    start = response.rfind("<answer>", 0, max(end, 0))
    if end >= 0 and start >= 0:
        return response[start + len("<answer>") : end].strip()
    _, closed, after = response.rpartition("</think>")
    if not closed and "<think>" in response:
        return ""
    return after.strip()


def _collapsed(text: str) -> str:
    """The text composed (NFC), each run of white space as one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _without_articles(text: str) -> str:
    """The text without a, an and the, white space collapsed."""
    return " ".join(_ARTICLES.sub(" ", text).split())


def _position_on_boundaries(text: str, golds: Sequence[str]) -> Position | None:
    """Where the golds stand in the text with no word character touching either end."""
    starts: list[int] = []
    for gold in filter(None, golds):
        hits = [hit.start() for hit in re.finditer(rf"(?<!\w){re.escape(gold)}(?!\w)", text)]
        starts += hits[:1] + hits[-1:]
    return Position(min(starts) / len(text), max(starts) / len(text)) if starts else None


def _position_translated(
    thinking: str, golds: Sequence[str], table: dict[int, str]
) -> Position | None:
    """Where the golds' words stand in the thinking's, both under one reading of punctuation."""
    text = f" {_without_articles(_collapsed(thinking).lower().translate(table))} "
    words = [" ".join(bare_words(plain(gold), table)) for gold in golds]
    needles = [f" {gold} " for gold in words if gold]
    starts = [at for needle in needles for at in (text.find(needle), text.rfind(needle)) if at >= 0]
    return Position(min(starts) / len(text), max(starts) / len(text)) if starts else None


def _outermost(positions: Sequence[Position]) -> Position | None:
    if not positions:
        return None
    return Position(min(one.first for one in positions), max(one.last for one in positions))
