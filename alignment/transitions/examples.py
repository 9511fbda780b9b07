"""A trace with its units and their weights, as one row that a trainer takes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alignment.polarity.candidates import question_key
from alignment.transitions.moves import LabelSet, state_names
from alignment.transitions.weights import Weight

INSTRUCTION = (
    "Answer the question. First think step by step inside <think> and </think>, "
    "then give only the final answer inside <answer> and </answer>."
)
THINKING_OPENS = "<think>\n"
THINKING_CLOSES = "\n</think>\n\n"

Split = Literal["train", "validation"]
Span = tuple[int, int]


class ExamplesError(ValueError):
    """Units that do not fit the segments of their trace."""


@dataclass(frozen=True)
class Unit:
    """Segments [first_segment, end_segment) that carry one label set, with its confidences."""

    first_segment: int
    end_segment: int
    labels: tuple[tuple[int, float], ...]  # category index, confidence

    @property
    def label_set(self) -> LabelSet:
        """The categories alone, in the taxonomy's order."""
        return tuple(sorted(index for index, _ in self.labels))


@dataclass(frozen=True)
class ExampleSource:
    """What a row is made of, beside its units."""

    trace_id: str
    question: str
    gold_answers: tuple[str, ...]
    thinking: str
    answer: str
    desirable: bool


def split_of(key: str, validation_share: float) -> Split:
    """Which split a normalised question belongs to: decided by its hash alone, for good."""
    digest = hashlib.sha256(key.encode("utf-8", "replace")).digest()
    place = int.from_bytes(digest[:8], "big") / 2.0**64
    return "validation" if place < validation_share else "train"


def prompt_messages(question: str) -> list[dict[str, str]]:
    """The chat that asks the question, as the policy sees it in training and in evaluation."""
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": question},
    ]


def completion_text(thinking: str, answer: str) -> str:
    """The response to learn from: the thinking and the answer inside their tags."""
    return f"{THINKING_OPENS}{thinking}{THINKING_CLOSES}<answer>{answer}</answer>"


def tiled(units: Sequence[Unit], segment_count: int) -> tuple[Unit, ...]:
    """The units with unlabelled ones in the gaps, so that every segment has its unit.

    Raises: ExamplesError where units overlap, stand out of order, or name a missing segment.
    """
    whole: list[Unit] = []
    position = 0
    for unit in units:
        if not position <= unit.first_segment < unit.end_segment <= segment_count:
            raise ExamplesError(
                f"expected units in order over segments 0 to {segment_count - 1}, got"
                f" [{unit.first_segment}, {unit.end_segment}) after segment {position - 1}:"
                " annotate the trace again"
            )
        if unit.first_segment > position:
            whole.append(Unit(position, unit.first_segment, ()))
        whole.append(unit)
        position = unit.end_segment
    if position < segment_count:
        whole.append(Unit(position, segment_count, ()))
    return tuple(whole)


def unit_spans(
    units: Sequence[Unit], segment_starts: Sequence[int], thinking: str
) -> tuple[Span, ...]:
    """The character spans of tiled units in the thinking: the first starts at 0, each ends where
    the next begins, so the blank line that ends a unit belongs to it, and the last ends the text.
    """
    starts = [0, *(segment_starts[unit.first_segment] for unit in units[1:])]
    ends = [*starts[1:], len(thinking)]
    return tuple(zip(starts, ends, strict=True))


def example_row(
    source: ExampleSource,
    units: Sequence[Unit],
    spans: Sequence[Span],
    weights: Sequence[Weight],
    categories: Sequence[str],
    split: Split,
) -> dict[str, Any]:
    """One training example as a JSON document; the ends of a weight's interval may be unknown.

    Units: spans count characters (code points) of the completion's content, half-open.
    Identity: the segments' spans, joined, are the thinking; outside them every token weighs 1.
    """
    return {
        "id": source.trace_id,
        "question": source.question,
        "question_key": question_key(source.question),
        "prompt": prompt_messages(source.question),
        "completion": [
            {"role": "assistant", "content": completion_text(source.thinking, source.answer)}
        ],
        "label": source.desirable,
        "split": split,
        "gold_answers": list(source.gold_answers),
        "segments": [
            _segment_document(unit, span, weight, categories)
            for unit, span, weight in zip(units, spans, weights, strict=True)
        ],
    }


def _segment_document(
    unit: Unit, span: Span, weight: Weight, categories: Sequence[str]
) -> dict[str, Any]:
    low, high = weight.interval or (None, None)
    return {
        "start": len(THINKING_OPENS) + span[0],
        "end": len(THINKING_OPENS) + span[1],
        "first_segment": unit.first_segment,
        "end_segment": unit.end_segment,
        "labels": [categories[index] for index in unit.label_set],
        "weight": weight.value,
        "weight_low": low,
        "weight_high": high,
        "ratio": weight.ratio,
        "clipped": weight.clipped,
        "move": _move_document(weight, categories),
    }


def _move_document(weight: Weight, categories: Sequence[str]) -> list[list[str]] | None:
    if weight.move is None:
        return None
    names = state_names(categories)
    ends = (weight.move.source, weight.move.target)
    return [[names[state] for state in states] for states in ends]
