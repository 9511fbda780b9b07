"""Drawing and shuffling traces: what stays together, and what stays the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment.transitions.resampling import drawn, pair_up, percentile_interval, shuffled

keys = st.lists(st.integers(0, 12), unique=True, max_size=10)


@given(keys, keys)
def test_every_row_is_in_exactly_one_unit(first: list[int], second: list[int]) -> None:
    units = pair_up(first, second)
    rows = [*units.alone_first, *units.alone_second, *units.pairs.ravel()]
    assert sorted(rows) == list(range(len(first) + len(second))) == list(range(units.row_count))
    assert len(units.pairs) == len(set(first) & set(second))
    for one, other in units.pairs:
        assert first[one] == second[other - len(first)]


@given(keys, keys, st.integers(0, 9))
def test_drawing_keeps_the_size_of_each_group_and_pairs_together(
    first: list[int], second: list[int], seed: int
) -> None:
    units = pair_up(first, second)
    for weights in drawn(units, 3, seed):
        assert weights[: len(first)].sum() == len(first)
        assert weights[len(first) :].sum() == len(second)
        for one, other in units.pairs:
            assert weights[one] == weights[other]


@given(keys, keys, st.integers(0, 9))
def test_shuffling_keeps_sizes_and_puts_one_of_each_pair_in_either_group(
    first: list[int], second: list[int], seed: int
) -> None:
    units = pair_up(first, second)
    for chosen in shuffled(units, 3, seed):
        assert chosen.sum() == len(first)
        for one, other in units.pairs:
            assert chosen[one] != chosen[other]


def test_the_same_seed_draws_the_same() -> None:
    units = pair_up(range(20), range(10, 40))
    for draw in (drawn, shuffled):
        runs = [np.stack(list(draw(units, 4, seed))) for seed in (1, 1, 2)]
        assert np.array_equal(runs[0], runs[1])
        assert not np.array_equal(runs[0], runs[2])


def test_an_interval_holds_the_middle_share_of_each_value() -> None:
    samples = np.stack([np.arange(1001.0), np.arange(1001.0) * -2.0], axis=1)
    found = percentile_interval(samples)
    assert np.allclose(found.low, [25.0, -1950.0])
    assert np.allclose(found.high, [975.0, -50.0])
