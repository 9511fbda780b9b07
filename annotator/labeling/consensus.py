"""Settle what two annotators said: keep what they share, add what one is sure of, else ask."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from annotator.labeling.steps import Adjudication, AdjudicationCase, AnnotatedTrace, ControlledStep

MAX_LABELS = 2
SURE_ABOVE = 7.0

Labels = tuple[tuple[str, float], ...]
Adjudicate = Callable[[Sequence[AdjudicationCase]], Sequence[Labels]]


class ConsensusError(ValueError):
    """Steps that do not cover the same segments, or an adjudicator that left cases out."""


class Rule(StrEnum):
    """How a unit was settled: rules 1, 2 and 3 of the method, or by a distilled head."""

    AGREED = "agreed"
    MERGED = "merged"
    ADJUDICATED = "adjudicated"
    DISTILLED = "distilled"
    ABSTAINED = "abstained"  # the head was not sure enough: no labels
    ESCALATED = "escalated"  # it was not, and the second annotator was asked


@dataclass(frozen=True)
class Decision:
    """A unit, segments [first, end), with its settled labels and the rule that settled them."""

    first: int
    end: int
    labels: Labels
    rule: Rule


def common_refinement(
    a: Sequence[ControlledStep], b: Sequence[ControlledStep]
) -> list[AdjudicationCase]:
    """The units: the largest runs of segments that neither annotator's steps cut.

    Each unit has the labels of the step of either side that covers it.

    Raises:
        ConsensusError: the two sides do not tile the same segments.
    """
    if not a and not b:
        return []
    if _extent(a) != _extent(b):
        raise ConsensusError(f"expected steps over the same segments, got {a} and {b}")
    edges = sorted({step.first for step in (*a, *b)} | {a[-1].end})
    return [AdjudicationCase(x, y, _covering(a, x), _covering(b, x)) for x, y in pairwise(edges)]


def _extent(steps: Sequence[ControlledStep]) -> tuple[int, int] | None:
    """The first and the last edge of steps that follow each other without a gap."""
    gaps = any(left.end != right.first for left, right in pairwise(steps))
    empty = any(step.end <= step.first for step in steps)
    return None if gaps or empty or not steps else (steps[0].first, steps[-1].end)


def _covering(steps: Sequence[ControlledStep], segment: int) -> Labels:
    return next(step.labels for step in steps if step.first <= segment < step.end)


def settle(unit: AdjudicationCase, order: Sequence[str], designated: str = "a") -> Decision | None:
    """Rules 1 and 2; None where the adjudicator has to decide.

    1. The same set on both sides, two empty ones included: kept with the confidences of the
       designated annotator. 2. Otherwise the shared labels stay, each with the higher confidence,
       and while fewer than two stand, one-sided labels above 7 join in order of confidence.

    Source: MR-ALIGN 3.1.2, figure 9. Ties go to the category that `order` names first.
    """
    a, b = dict(unit.a), dict(unit.b)
    if a.keys() == b.keys():
        kept = a if designated == "a" else b
        return Decision(unit.first, unit.end, ordered(kept, order), Rule.AGREED)
    higher = {key: max(a.get(key, 0.0), b.get(key, 0.0)) for key in (*a, *b)}
    shared = {key: higher[key] for key in higher if key in a and key in b}
    sure = {k: v for k, v in higher.items() if k not in shared and v > SURE_ABOVE}
    labels = (*ordered(shared, order), *ordered(sure, order))[:MAX_LABELS]
    if len(labels) < MAX_LABELS:
        return None
    return Decision(unit.first, unit.end, ordered(dict(labels), order), Rule.MERGED)


def ordered(labels: dict[str, float], order: Sequence[str]) -> Labels:
    """The labels by falling confidence; ties go to the category that stands first.

    Raises:
        ConsensusError: a label is no category of the taxonomy.
    """
    place = {key: index for index, key in enumerate(order)}
    unknown = sorted(set(labels) - set(place))
    if unknown:
        raise ConsensusError(f"expected categories of the taxonomy, got {unknown}; known: {order}")
    return tuple(sorted(labels.items(), key=lambda item: (-item[1], place[item[0]])))


def consolidate(
    a: Sequence[ControlledStep],
    b: Sequence[ControlledStep],
    order: Sequence[str],
    adjudicate: Adjudicate,
    designated: str = "a",
) -> list[Decision]:
    """Settle every unit of a trace; what rules 1 and 2 leave open goes to the adjudicator at once.

    Raises:
        ConsensusError: the sides do not tile the same segments, or an answer is missing.
    """
    units = common_refinement(a, b)
    settled = [settle(unit, order, designated) for unit in units]
    open_units = [unit for unit, decision in zip(units, settled, strict=True) if decision is None]
    answers = list(adjudicate(open_units)) if open_units else []
    if len(answers) != len(open_units):
        raise ConsensusError(f"expected {len(open_units)} adjudicated units, got {len(answers)}")
    decided = iter(
        Decision(unit.first, unit.end, ordered(dict(labels), order)[:MAX_LABELS], Rule.ADJUDICATED)
        for unit, labels in zip(open_units, answers, strict=True)
    )
    return [decision or next(decided) for decision in settled]


@dataclass(frozen=True)
class PanelResult:
    """What the annotators and an adjudicator made of a trace; `invalid` says why not.

    There is no B where one annotator was enough.
    """

    a: AnnotatedTrace
    b: AnnotatedTrace | None
    decisions: tuple[Decision, ...] = ()
    adjudication: Adjudication | None = None
    invalid: str | None = None

    @property
    def unanswered(self) -> bool:
        """Whether it is invalid because somebody was asked and did not answer."""
        sides = [each for each in (self.a, self.b, self.adjudication) if each and each.invalid]
        return any(each.request_hash is None for each in sides)


def judged(
    a: AnnotatedTrace,
    b: AnnotatedTrace,
    order: Sequence[str],
    adjudicate: Callable[[Sequence[AdjudicationCase]], Adjudication],
) -> PanelResult:
    """The consensus of two annotators of one trace, or why there is none."""
    for side, name in ((a, "annotator_a"), (b, "annotator_b")):
        if side.invalid is not None:
            return PanelResult(a, b, invalid=f"{name}: {side.invalid}")
    asked: list[Adjudication] = []

    def decide(cases: Sequence[AdjudicationCase]) -> Sequence[Labels]:
        asked.append(adjudicate(cases))
        return asked[0].labels if asked[0].invalid is None else [()] * len(cases)

    decisions = consolidate(a.steps, b.steps, order, decide)
    adjudication = asked[0] if asked else None
    if adjudication is not None and adjudication.invalid is not None:
        return PanelResult(a, b, (), adjudication, f"adjudicator: {adjudication.invalid}")
    return PanelResult(a, b, tuple(decisions), adjudication)


@dataclass(frozen=True)
class PairedUnits:
    """The label sets of two sources, unit by unit, with the trace and the segments of each unit."""

    a: tuple[frozenset[str], ...]
    b: tuple[frozenset[str], ...]
    traces: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    @cached_property
    def by_pair(self) -> dict[tuple[frozenset[str], frozenset[str]], list[int]]:
        """The places of the units by what the two sides said of them."""
        found: dict[tuple[frozenset[str], frozenset[str]], list[int]] = {}
        for place, pair in enumerate(zip(self.a, self.b, strict=True)):
            found.setdefault(pair, []).append(place)
        return found


def pair_units(
    a: Mapping[int, Sequence[ControlledStep]], b: Mapping[int, Sequence[ControlledStep]]
) -> PairedUnits:
    """The units of every trace that both sources annotated, in the order of the traces.

    Where a source saw a part of a trace only, its units are those of that part.
    """
    units = [
        (trace, unit) for trace in sorted(a.keys() & b.keys())
        for unit in _shared_units(a[trace], b[trace])
    ]  # fmt: skip
    sets: dict[frozenset[str], frozenset[str]] = {}  # one object a set, however many units have it

    def keys_of(labels: Labels) -> frozenset[str]:
        keys = frozenset(key for key, _ in labels)
        return sets.setdefault(keys, keys)

    return PairedUnits(
        tuple(keys_of(unit.a) for _, unit in units),
        tuple(keys_of(unit.b) for _, unit in units),
        tuple(trace for trace, _ in units),
        tuple((unit.first, unit.end) for _, unit in units),
    )


def _shared_units(
    a: Sequence[ControlledStep], b: Sequence[ControlledStep]
) -> Iterator[AdjudicationCase]:
    """The common refinement of what both sides cover."""
    edges = sorted({edge for step in (*a, *b) for edge in (step.first, step.end)})
    for first, end in pairwise(edges):
        sides = [[s for s in side if s.first <= first < s.end] for side in (a, b)]
        if all(sides):
            yield AdjudicationCase(first, end, sides[0][0].labels, sides[1][0].labels)
