"""A cluster in two halves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.clusters.halving import halve


def test_two_clouds_come_apart() -> None:
    """The half without the first point is split off, whatever its size."""
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(0, 0.1, (5, 8)), rng.normal(3, 0.1, (20, 8))])
    assert halve(points).tolist() == [False] * 5 + [True] * 20
    assert halve(points[::-1]).tolist() == [False] * 20 + [True] * 5


@pytest.mark.parametrize("count", [0, 1, 4])
def test_what_has_no_halves_stays_whole(count: int) -> None:
    """One point, or many in one place."""
    assert not halve(np.ones((count, 3))).any()


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=2, max_size=30))
def test_both_halves_hold_something_and_the_first_point_stays(
    points: list[tuple[float, float]],
) -> None:
    """Unless nothing lies apart; the same points always give the same halves."""
    half = halve(np.array(points))
    assert not half[0]
    assert half.tolist() == halve(np.array(points)).tolist()
    if len({point for point in points}) == 1:
        assert not half.any()
