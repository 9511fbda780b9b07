"""Two groups compared: what is flagged, what is not, and by how much chance alone differs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.transitions.differences import DifferencesError, compare, discoveries
from alignment.transitions.examples import Unit
from alignment.transitions.fits import LabelledTrace
from benchmarks.naive import unpacked
from benchmarks.simulation import draw_truth, simulate

NAMES = ("a", "b", "c", "d", "e")


def drawn(truth: np.ndarray, count: int, rng: np.random.Generator) -> list[LabelledTrace]:
    return [
        LabelledTrace(
            f"t{number}",
            None,
            tuple(
                Unit(place, place + 1, tuple((label, 8.0) for label in labels))
                for place, labels in enumerate(sets)
            ),
        )
        for number, sets in enumerate(unpacked(simulate(truth, count, 0.3, rng)))
    ]


def renamed(traces: list[LabelledTrace], prefix: str) -> list[LabelledTrace]:
    return [LabelledTrace(prefix + one.trace_id, None, one.units) for one in traces]


def test_a_planted_difference_is_found_and_named_first() -> None:
    rng = np.random.default_rng(0)
    truth = draw_truth(rng, len(NAMES))
    other = truth.copy()
    other[2, 3], other[2, 4] = truth[2, 3] + 0.5 * truth[2, 2], truth[2, 4]
    other[2, 2] = 0.5 * truth[2, 2]
    first, second = drawn(truth, 600, rng), renamed(drawn(other, 300, rng), "x")
    found = compare(first, second, NAMES, replicates=100)
    flagged = {(cell.source, cell.target) for cell in found.flagged()}
    assert {("b", "b"), ("b", "c")} <= flagged
    assert len(flagged) <= 4
    rising, falling = found.largest(1)
    assert (rising[0].source, rising[0].target) == ("b", "c")
    assert (falling[0].source, falling[0].target) == ("b", "b")
    assert rising[0].low <= rising[0].delta <= rising[0].high
    assert rising[0].low > 0


def test_a_distance_is_told_with_its_interval_and_what_chance_gives() -> None:
    rng = np.random.default_rng(4)
    first = drawn(draw_truth(rng, len(NAMES)), 100, rng)
    second = renamed(drawn(draw_truth(rng, len(NAMES)), 60, rng), "x")
    found = compare(first, second, NAMES, replicates=60)
    low, high = found.l1_interval
    assert low <= found.l1 <= high
    assert low > 2 * found.l1_by_chance
    assert found.l1_p_value == pytest.approx(1 / 61)


def test_groups_of_one_kind_are_seldom_told_apart() -> None:
    """Under the null every flag is false, so few comparisons may flag anything."""
    rng = np.random.default_rng(1)
    truth = draw_truth(rng, len(NAMES))
    flags = 0
    for _ in range(6):
        found = compare(
            drawn(truth, 200, rng), renamed(drawn(truth, 80, rng), "x"), NAMES, replicates=60
        )
        flags += bool(found.flagged())
        assert found.l1 < 2.0 * found.l1_by_chance
    assert flags <= 1


def test_the_same_traces_before_and_after_are_paired() -> None:
    rng = np.random.default_rng(2)
    before = drawn(draw_truth(rng, len(NAMES)), 60, rng)
    found = compare(before, before, NAMES, replicates=20)
    assert found.paired_traces == 60
    assert found.l1 == found.l1_by_chance == 0.0
    assert np.abs(found.interval.low).max() < 1e-3
    assert not found.flagged()


def test_the_order_of_the_groups_turns_the_sign() -> None:
    rng = np.random.default_rng(3)
    truth = draw_truth(rng, len(NAMES))
    first, second = drawn(truth, 50, rng), renamed(drawn(truth, 70, rng), "x")
    one, other = compare(first, second, NAMES, replicates=5), compare(
        second, first, NAMES, replicates=5
    )  # fmt: skip
    assert np.allclose(one.delta, -other.delta)
    assert one.l1 == other.l1
    assert np.isclose(one.delta.sum(), 0.0)


def test_an_empty_group_is_refused() -> None:
    with pytest.raises(DifferencesError, match="both groups"):
        compare([], [LabelledTrace("t", None, ())], NAMES)


@given(st.lists(st.floats(0.0, 1.0), max_size=30), st.floats(0.01, 0.3))
def test_flags_are_benjamini_and_hochbergs(values: list[float], rate: float) -> None:
    p_values = np.array(values)
    found = discoveries(p_values, np.ones(len(values), dtype=bool), rate)
    ranked = sorted(values)
    passing = [p for place, p in enumerate(ranked, 1) if p <= rate * place / len(values)]
    limit = max(passing, default=-1.0)
    assert found.tolist() == [p <= limit for p in values]


def test_cells_that_were_not_tested_are_not_flagged() -> None:
    p_values = np.array([[1e-9, 1e-9], [0.5, 1.0]])
    tested = np.array([[True, False], [True, True]])
    assert discoveries(p_values, tested).tolist() == [[True, False], [False, False]]
