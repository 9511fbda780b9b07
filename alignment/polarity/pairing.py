"""What a thinking-on trace and its thinking-off partner say about thinking, by exact match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment.polarity.candidates import PolarityName, polarity_of
from alignment.polarity.matching import Normalisation, is_answer, is_hit_gap, stands_in

LONGEST_ID = 500


class PairingError(ValueError):
    """A record that says nothing usable about a pair."""


@dataclass(frozen=True)
class Judgment:
    """Whether each answer is right, and what follows."""

    z_on: bool
    z_off: bool
    polarity: PolarityName | None
    hit_gap: bool


@dataclass(frozen=True)
class PairRecord:
    """A pair that was judged elsewhere."""

    on_id: str
    off_id: str
    z_on: bool
    z_off: bool


def judge(
    thinking: str, on_answer: str, off_answer: str, golds: Sequence[str], how: Normalisation
) -> Judgment:
    """Judge both answers of a pair by exact match with any alias of the gold answer."""
    z_on = is_answer(on_answer, golds, how)
    return judged(thinking, z_on, is_answer(off_answer, golds, how), golds, how)


def judged(
    thinking: str, z_on: bool, z_off: bool, golds: Sequence[str], how: Normalisation
) -> Judgment:
    """What follows from two judgments: the polarity, and whether there is a hit gap.

    The hit gap takes z_on for EM_a, so that a judge who reads more than strings is believed.
    """
    gold_in_thinking = not z_on and stands_in(thinking, golds, how)
    gap = is_hit_gap(gold_in_thinking=gold_in_thinking, gold_is_answer=z_on)
    return Judgment(z_on, z_off, polarity_of(z_on, z_off), gap)


def read_record(document: Mapping[str, Any]) -> PairRecord:
    """The record of a pair, checked: on_id and off_id are ids, z_on and z_off are 0 or 1.

    Raises: PairingError, which names the field.
    """
    for field in ("on_id", "off_id"):
        value = document.get(field)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or "\0" in value:
            raise PairingError(f"expected an id in {field}, got {value!r:.80}")
    for field in ("z_on", "z_off"):
        if document.get(field) not in (0, 1) or not isinstance(document[field], int):
            raise PairingError(f"expected 0 or 1 in {field}, got {document.get(field)!r:.80}")
    return PairRecord(
        on_id=document["on_id"],
        off_id=document["off_id"],
        z_on=bool(document["z_on"]),
        z_off=bool(document["z_off"]),
    )
