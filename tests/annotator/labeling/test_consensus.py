"""The three rules, the units, and the rulings on ties, empty sets and differing steps."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labeling.consensus import (
    ConsensusError,
    Labels,
    Rule,
    common_refinement,
    consolidate,
    judged,
    pair_units,
    settle,
)
from annotator.labeling.steps import Adjudication, AdjudicationCase, AnnotatedTrace, ControlledStep

ORDER = ("framing", "retrieval", "chaining", "evaluation")


def case(a: Labels, b: Labels) -> AdjudicationCase:
    return AdjudicationCase(0, 1, a, b)


def never(cases: Sequence[AdjudicationCase]) -> Sequence[Labels]:
    raise AssertionError(f"the adjudicator was asked about {cases}")


def test_equal_sets_keep_the_designated_annotators_confidences() -> None:
    """Rule 1: A's confidences by default, B's where B is designated, whatever their order."""
    unit = case((("framing", 3.0), ("retrieval", 2.0)), (("retrieval", 9.0), ("framing", 8.0)))
    kept, other = settle(unit, ORDER), settle(unit, ORDER, designated="b")
    assert kept is not None and other is not None
    assert kept.labels == (("framing", 3.0), ("retrieval", 2.0))
    assert other.labels == (("retrieval", 9.0), ("framing", 8.0))
    assert kept.rule is other.rule is Rule.AGREED


def test_one_equal_label_stands_alone() -> None:
    """Rule 3 does not apply where the sets are equal, although fewer than two labels stand."""
    decision = settle(case((("framing", 1.0),), (("framing", 2.0),)), ORDER)
    assert decision is not None and decision.labels == (("framing", 1.0),)


def test_two_empty_sets_agree_on_no_strategy() -> None:
    decision = settle(case((), ()), ORDER)
    assert decision is not None
    assert (decision.labels, decision.rule) == ((), Rule.AGREED)


def test_a_shared_label_takes_the_higher_confidence_and_a_sure_one_joins() -> None:
    """Rule 2: the intersection first, then what one side is sure of above 7."""
    decision = settle(case((("framing", 3.0), ("chaining", 7.5)), (("framing", 5.0),)), ORDER)
    assert decision is not None
    assert decision.labels == (("chaining", 7.5), ("framing", 5.0))
    assert decision.rule is Rule.MERGED


def test_the_surest_one_sided_labels_join_first() -> None:
    """With room for one only, 9 goes before 8."""
    unit = case((("framing", 1.0), ("chaining", 8.0)), (("framing", 1.0), ("evaluation", 9.0)))
    decision = settle(unit, ORDER)
    assert decision is not None
    assert {key for key, _ in decision.labels} == {"framing", "evaluation"}


def test_two_sure_labels_need_no_shared_one() -> None:
    decision = settle(case((("framing", 8.0),), (("retrieval", 9.0),)), ORDER)
    assert decision is not None
    assert decision.labels == (("retrieval", 9.0), ("framing", 8.0))


@pytest.mark.parametrize("confidence", [7.0, 6.9, 0.0])
def test_seven_is_not_above_seven(confidence: float) -> None:
    """Rule 3: a label of 7 or less does not join, so the adjudicator decides."""
    assert settle(case((("framing", 9.0), ("chaining", confidence)), (("framing", 9.0),)), ORDER) \
        is None  # fmt: skip


def test_a_tie_goes_to_the_earlier_category() -> None:
    """Retrieval stands before evaluation in the taxonomy, so it takes the one place."""
    unit = case((("framing", 5.0), ("evaluation", 8.0)), (("framing", 5.0), ("retrieval", 8.0)))
    decision = settle(unit, ORDER)
    assert decision is not None
    assert {key for key, _ in decision.labels} == {"framing", "retrieval"}


def test_units_are_the_common_refinement_of_both_sides_steps() -> None:
    a = [ControlledStep(0, 2, (("framing", 9.0),)), ControlledStep(2, 4)]
    b = [ControlledStep(0, 3, (("framing", 5.0),)), ControlledStep(3, 4)]
    units = common_refinement(a, b)
    assert [(unit.first, unit.end) for unit in units] == [(0, 2), (2, 3), (3, 4)]
    assert (units[1].a, units[1].b) == ((), (("framing", 5.0),))


@given(st.sets(st.integers(1, 11)), st.sets(st.integers(1, 11)))
def test_units_tile_the_trace_and_cross_no_edge(a: set[int], b: set[int]) -> None:
    """Every edge of either side is an edge of the units, and there is no other."""
    sides = [[ControlledStep(*span) for span in pairwise([0, *sorted(s), 12])] for s in (a, b)]
    units = common_refinement(sides[0], sides[1])
    assert [unit.first for unit in units] == sorted({0} | a | b)
    assert all(left.end == right.first for left, right in pairwise(units))
    assert units[-1].end == 12


@pytest.mark.parametrize(
    "b", [[], [ControlledStep(0, 1)], [ControlledStep(0, 1), ControlledStep(2, 3)]]
)
def test_sides_that_do_not_tile_the_same_segments_are_refused(b: list[ControlledStep]) -> None:
    with pytest.raises(ConsensusError, match="same segments"):
        common_refinement([ControlledStep(0, 3)], b)


def test_the_adjudicator_is_asked_once_for_all_open_units() -> None:
    """Rule 3: its labels stand, two at most; the other units are not its business."""
    a = [ControlledStep(0, 1, (("framing", 9.0),)), ControlledStep(1, 2, (("retrieval", 2.0),)),
         ControlledStep(2, 3, (("chaining", 2.0),))]  # fmt: skip
    b = [ControlledStep(0, 1, (("framing", 1.0),)), ControlledStep(1, 2), ControlledStep(2, 3)]
    asked: list[int] = []

    def decide(cases: Sequence[AdjudicationCase]) -> list[Labels]:
        asked.append(len(cases))
        return [(("evaluation", 1.0), ("framing", 3.0), ("chaining", 2.0)), ()]

    decisions = consolidate(a, b, ORDER, decide)
    assert asked == [2]
    assert [d.rule for d in decisions] == [Rule.AGREED, Rule.ADJUDICATED, Rule.ADJUDICATED]
    assert decisions[1].labels == (("framing", 3.0), ("chaining", 2.0))
    assert decisions[2].labels == ()


def test_nobody_is_asked_where_all_is_settled() -> None:
    steps = [ControlledStep(0, 2, (("framing", 9.0),))]
    assert consolidate(steps, steps, ORDER, never)[0].rule is Rule.AGREED


def test_an_adjudicator_that_leaves_a_case_out_is_an_error() -> None:
    a, b = [ControlledStep(0, 1, (("framing", 1.0),))], [ControlledStep(0, 1)]
    with pytest.raises(ConsensusError, match="expected 1 adjudicated"):
        consolidate(a, b, ORDER, lambda cases: [])


def test_a_label_outside_the_taxonomy_is_an_error() -> None:
    steps = [ControlledStep(0, 1, (("astrology", 9.0),))]
    with pytest.raises(ConsensusError, match="astrology"):
        consolidate(steps, steps, ORDER, never)


label_sets = st.dictionaries(st.sampled_from(ORDER), st.integers(0, 10).map(float), max_size=2)


@given(label_sets, label_sets)
def test_what_is_merged_was_said_by_somebody(a: dict[str, float], b: dict[str, float]) -> None:
    """A merged set has two labels, holds what both share, and no one-sided label of 7 or less."""
    decision = settle(case(tuple(a.items()), tuple(b.items())), ORDER)
    if decision is None or decision.rule is not Rule.MERGED:
        return
    kept = dict(decision.labels)
    assert len(kept) == 2 and set(a) & set(b) <= set(kept)
    for key, confidence in kept.items():
        assert confidence == max(a.get(key, 0.0), b.get(key, 0.0))
        assert (key in a and key in b) or confidence > 7


def test_a_side_without_steps_makes_the_trace_invalid() -> None:
    """The reason names the side; nothing is decided."""
    fine = AnnotatedTrace((ControlledStep(0, 1),))
    result = judged(fine, AnnotatedTrace((), invalid="no JSON"), ORDER, lambda c: Adjudication(()))
    assert result.invalid == "annotator_b: no JSON" and result.decisions == ()


def test_an_adjudicator_without_an_answer_makes_the_trace_invalid() -> None:
    a = AnnotatedTrace((ControlledStep(0, 1, (("framing", 1.0),)),))
    b = AnnotatedTrace((ControlledStep(0, 1),))
    result = judged(a, b, ORDER, lambda cases: Adjudication((), invalid="cut off"))
    assert result.invalid == "adjudicator: cut off" and result.unanswered


def test_sources_are_paired_on_the_traces_that_both_annotated() -> None:
    steps = [ControlledStep(0, 1, (("framing", 1.0),)), ControlledStep(1, 2)]
    paired = pair_units({1: steps, 2: steps}, {2: [ControlledStep(0, 2)], 3: steps})
    assert paired.traces == (2, 2) and paired.spans == ((0, 1), (1, 2))
    assert paired.a == (frozenset({"framing"}), frozenset())
    assert paired.b == (frozenset(), frozenset())
