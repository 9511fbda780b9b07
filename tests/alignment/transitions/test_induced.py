"""How far two sources' matrices lie apart, against matrices fitted one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.transitions.induced import InducedError, induced_distance
from alignment.transitions.matrices import PRESETS, fit
from alignment.transitions.moves import chains, pack

units = st.lists(
    st.lists(st.sets(st.integers(0, 2), max_size=2).map(sorted), min_size=1, max_size=5),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=20)
@given(units)
def test_the_distance_is_that_of_two_fits(a: list[list[list[int]]]) -> None:
    """(1/K²) Σ |P̂ᵃ − P̂ᵇ| in percent, K = N + 2, written out."""
    b = [list(reversed(trace)) for trace in a]
    one, other = (fit(pack(chains(side, 3)), PRESETS["paper"]).matrix for side in (a, b))
    expected = 100 * np.abs(one - other).sum() / 5**2
    found = induced_distance(a, b, 3, PRESETS["paper"], resamples=0)
    assert found.percent == pytest.approx(expected, abs=1e-9)
    assert induced_distance(a, a, 3, PRESETS["paper"], resamples=0).percent == 0.0


def test_the_interval_comes_from_traces_and_is_the_seeds() -> None:
    a = [[[0], [1]], [[0], [2]], [[1], [1]], [[2], [0]]]
    b = [[[0], [1]], [[1], [2]], [[1], [0]], [[2], [0]]]
    once, again = (induced_distance(a, b, 3, resamples=30, seed=4) for _ in range(2))
    assert once == again and once.low is not None and once.high is not None
    assert 0 <= once.low < once.percent < once.high
    assert induced_distance(a[:1], b[:1], 3).low is None


def test_sources_of_different_traces_are_refused() -> None:
    with pytest.raises(InducedError, match="as many traces"):
        induced_distance([[[0]]], [], 1)
