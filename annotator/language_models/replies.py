"""Replies of language models: repaired where that is certain, and otherwise invalid with a reason.

Nothing here raises, whatever the reply: it was written by a machine that read a stranger's text.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from annotator.labeling.steps import (
    Adjudication,
    AnnotatedTrace,
    CategoryView,
    ControlledStep,
    LabeledTrace,
    Step,
)
from annotator.language_models.extraction import ReplyError, find_document
from annotator.language_models.fields import (
    Notes,
    read_categories,
    read_confidence,
    read_index,
    read_indices,
    read_list,
    read_object,
    read_open_labels,
)

Label = TypeVar("Label")
Labelled = tuple[tuple[int, ...], tuple[Label, ...]]


def read_labeled_trace(text: str, segments: int) -> LabeledTrace:
    """The open labels that a reply gives to the segments of a trace."""
    notes = Notes()
    try:
        document, cut = find_document(text, "steps")
        steps = _read_steps(document["steps"], segments, read_open_labels, notes)
    except ReplyError as error:
        return LabeledTrace((), invalid=str(error))
    given = tuple(Step(covered, labels) for covered, labels in steps)
    return LabeledTrace(given, repairs=(*cut, *notes.lines))


def read_annotated_trace(
    text: str, segments: int, categories: Sequence[CategoryView]
) -> AnnotatedTrace:
    """The controlled labels that a reply gives to the segments of a trace."""
    notes = Notes()
    try:
        document, cut = find_document(text, "steps")
        steps = _read_steps(
            document["steps"], segments, lambda raw, n: read_categories(raw, categories, n), notes
        )
        overall = _overall(document, notes)
    except ReplyError as error:
        return AnnotatedTrace((), invalid=str(error))
    tiles = tuple(tile for step in steps for tile in _tiles(*step, notes=notes))
    ordered = tuple(sorted(tiles, key=lambda tile: tile.first))
    return AnnotatedTrace(ordered, overall, repairs=(*cut, *notes.lines))


def read_adjudication(text: str, cases: int, categories: Sequence[CategoryView]) -> Adjudication:
    """The decisions that a reply gives, one a case."""
    decided: dict[int, tuple[tuple[str, float], ...]] = {}
    try:
        document, _cut = find_document(text, "cases")
        for item in read_list(document["cases"], "cases"):
            raw = read_object(item, "a case")
            number = read_index(raw.get("case"), cases, "case")
            labels = read_categories(raw.get("labels"), categories, Notes())
            if decided.setdefault(number, labels) != labels:
                raise ReplyError(f"case {number} is decided twice, differently")
        _require_all(set(decided), cases, "case")
    except ReplyError as error:
        return Adjudication((), invalid=str(error))
    return Adjudication(tuple(decided[number] for number in range(cases)))


def _read_steps(
    raw_steps: Any,
    segments: int,
    read_labels: Callable[[Any, Notes], tuple[Label, ...]],
    notes: Notes,
) -> list[Labelled[Label]]:
    """The steps in the order of the trace; together they cover every segment once."""
    taken: dict[int, tuple[Label, ...]] = {}
    steps: list[Labelled[Label]] = []
    for number, item in enumerate(_listed(raw_steps)):
        try:
            raw = read_object(item, "a step")
            covered = read_indices(raw.get("segments"), segments, notes)
            labels = read_labels(raw.get("labels"), notes)
            fresh = _not_taken(covered, labels, taken, notes)
        except ReplyError as error:
            raise ReplyError(f"step {number}: {error}") from error
        taken |= dict.fromkeys(fresh, labels)
        steps += [(fresh, labels)] if fresh else []
    _require_all(set(taken), segments, "segment")
    return sorted(steps)


def _listed(raw_steps: Any) -> list[Any]:
    """The steps as a list, also where the labels stand under the number of their segment."""
    if not isinstance(raw_steps, dict):
        return read_list(raw_steps, "steps")
    return [{"segments": [number], "labels": labels} for number, labels in raw_steps.items()]


def _not_taken(
    covered: tuple[int, ...],
    labels: tuple[Label, ...],
    taken: dict[int, tuple[Label, ...]],
    notes: Notes,
) -> tuple[int, ...]:
    """The segments that no earlier step has; an overlap is certain only where the labels agree."""
    for index in covered:
        if index in taken and taken[index] != labels:
            raise ReplyError(f"segment {index} stands in an earlier step with other labels")
    fresh = tuple(index for index in covered if index not in taken)
    if len(fresh) < len(covered):
        notes.add("a segment stood in two steps with the same labels")
    return fresh


def _require_all(seen: set[int], count: int, noun: str) -> None:
    missing = [index for index in range(count) if index not in seen]
    if missing:
        listed = ", ".join(map(str, missing[:20])) + (", …" if len(missing) > 20 else "")
        raise ReplyError(
            f"{noun}s {listed} are left out; every {noun} from 0 to {count - 1} must stand once"
        )


def _tiles(
    covered: tuple[int, ...], labels: tuple[tuple[str, float], ...], notes: Notes
) -> list[ControlledStep]:
    """The step as runs of neighbouring segments, each with the step's labels."""
    starts = [i for i, index in enumerate(covered) if i == 0 or covered[i - 1] != index - 1]
    if len(starts) > 1:
        notes.add("a step with gaps was split at them")
    runs = [covered[a:b] for a, b in zip(starts, [*starts[1:], len(covered)], strict=True)]
    return [ControlledStep(run[0], run[-1] + 1, labels) for run in runs]


def _overall(document: dict[str, Any], notes: Notes) -> float | None:
    if document.get("confidence") is None:
        notes.add("no overall confidence was given")
        return None
    return read_confidence(document["confidence"], notes)
