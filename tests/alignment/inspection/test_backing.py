"""What stands behind a cell: the moves that the fit counts, and how many traces give them."""

import numpy as np
import pytest

from alignment.inspection.backing import backing, passages
from alignment.inspection.levels import coarse_categories, coarse_units
from alignment.transitions.examples import Unit
from alignment.transitions.fits import LabelledTrace, fit_all
from benchmarks.naive import unpacked
from benchmarks.simulation import draw_truth, simulate

NAMES = ("a", "b", "c", "d")


def trace(name: str, *sets: tuple[int, ...]) -> LabelledTrace:
    """A trace of one-segment units."""
    units = tuple(
        Unit(n, n + 1, tuple((label, 8.0) for label in one)) for n, one in enumerate(sets)
    )
    return LabelledTrace(name, None, units)


def drawn(count: int) -> list[LabelledTrace]:
    """Traces of a made-up matrix, some units with two labels."""
    rng = np.random.default_rng(3)
    sets = unpacked(simulate(draw_truth(rng, len(NAMES)), count, 0.5, rng))
    return [trace(f"t{n}", *(tuple(one) for one in each)) for n, each in enumerate(sets)]


def test_the_moves_behind_all_traces_are_the_fits_support() -> None:
    """Cell by cell, whatever hides behind sets of two."""
    traces = drawn(200)
    fits = fit_all(traces, NAMES, by_polarity=False)
    found = backing(fits.evidence.traced, fits.overall.matrix, np.ones(200, dtype=bool))
    assert found.moves == pytest.approx(fits.overall.support, abs=1e-9)
    assert found.row_moves == pytest.approx(fits.overall.support.sum(axis=1), abs=1e-9)
    assert (found.traces <= 200 + 1e-9).all()
    assert ((found.traces > 0) == (found.moves > 0)).all()


def test_traces_that_do_not_count_give_nothing() -> None:
    traces = drawn(60)
    fits = fit_all(traces, NAMES, by_polarity=False)
    half = np.arange(60) < 30
    parts = [backing(fits.evidence.traced, fits.overall.matrix, one) for one in (half, ~half)]
    assert parts[0].moves + parts[1].moves == pytest.approx(fits.overall.support, abs=1e-9)


def test_one_trace_that_gives_nearly_all_moves_counts_as_little_more_than_one() -> None:
    """Ten moves of one trace are not ten traces."""
    talker = trace("talker", *[(0,)] * 31)
    others = [trace(f"t{n}", (0,), (0,)) for n in range(3)]
    fits = fit_all([talker, *others], NAMES, by_polarity=False)
    found = backing(fits.evidence.traced, fits.overall.matrix, np.ones(4, dtype=bool))
    assert found.moves[1, 1] == pytest.approx(33)
    assert found.traces[1, 1] == pytest.approx(33**2 / (30**2 + 3))
    assert found.traces[0, 1] == pytest.approx(4), "each begins once"


def test_rare_rows_are_those_that_too_few_moves_leave_and_never_stop() -> None:
    fits = fit_all([trace("t", (0,), (0,), (1,))], NAMES, by_polarity=False)
    found = backing(fits.evidence.traced, fits.overall.matrix, np.ones(1, dtype=bool))
    assert found.rare_rows(2).tolist() == [True, False, True, True, True, False]


def test_the_passages_of_a_cell_add_up_to_its_moves_and_say_where() -> None:
    """A set of two hides the move with a share; stop has no unit to arrive at."""
    traces = [trace("one", (0,), (1, 2)), trace("two", (0,), (1,))]
    fits = fit_all(traces, NAMES, by_polarity=False)
    everybody = np.ones(2, dtype=bool)
    found = passages(fits.evidence.traced, fits.overall.matrix, (1, 2), everybody)
    assert [one.trace for one in found] == [1, 0]
    assert found[0].share == 1.0 > found[1].share > 0.5
    assert sum(one.share for one in found) == pytest.approx(fits.overall.support[1, 2])
    ends = passages(fits.evidence.traced, fits.overall.matrix, (2, 5), everybody)
    assert [one.arrival for one in ends] == [None, None]
    nobody = np.zeros(2, dtype=bool)
    assert passages(fits.evidence.traced, fits.overall.matrix, (1, 2), nobody) == []


def test_macro_strategies_take_the_place_of_categories() -> None:
    """Two categories of one become one label, with the higher confidence."""
    macro = {"a": "think", "b": "know", "c": "think", "d": "say"}
    units = (Unit(0, 1, ((0, 3.0), (2, 9.0))), Unit(1, 2, ((1, 5.0), (3, 6.0))), Unit(2, 3, ()))
    assert coarse_categories(NAMES, macro) == ("think", "know", "say")
    found = coarse_units(units, NAMES, macro)
    assert [unit.labels for unit in found] == [((0, 9.0),), ((1, 5.0), (2, 6.0)), ()]
