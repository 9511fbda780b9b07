"""Intervals of matrices and weights: what they hold, and what they say where little was seen."""

import numpy as np
import pytest

from alignment.polarity.candidates import PolarityName
from alignment.transitions.bootstrap import WHOLE, Bootstrap, bootstrap
from alignment.transitions.examples import Unit
from alignment.transitions.fits import FitsError, FitSettings, LabelledTrace, balanced, fit_all
from alignment.transitions.matrices import Preset
from alignment.transitions.weights import Move, Weight
from benchmarks.coverage import coverage
from benchmarks.naive import unpacked
from benchmarks.simulation import draw_truth, simulate

NAMES = ("a", "b", "c", "d")


def interval_of(drawn: Bootstrap, move: Move | None, polarity: PolarityName) -> tuple[float, float]:
    (weight,) = drawn.with_intervals([Weight(1.0, 1.0, False, move)], polarity)
    assert weight.interval is not None
    return weight.interval


def traces(positive: int, negative: int, seed: int = 0) -> list[LabelledTrace]:
    """Traces of two matrices over four categories."""
    rng = np.random.default_rng(seed)
    found = []
    for count, polarity in ((positive, "positive"), (negative, "negative")):
        for sets in unpacked(simulate(draw_truth(rng, len(NAMES)), count, 0.4, rng)):
            units = tuple(
                Unit(place, place + 1, tuple((label, 8.0) for label in labels))
                for place, labels in enumerate(sets)
            )
            found.append(LabelledTrace(f"{polarity} {len(found)}", polarity, units))
    return found


@pytest.mark.parametrize("preset", ["converged", "paper", "frequency", "single"])
def test_intervals_hold_the_estimate_and_narrow_with_more_traces(preset: Preset) -> None:
    settings = FitSettings(preset)
    widths = []
    for times in (1, 16):
        fits = fit_all(traces(60 * times, 40 * times), NAMES, settings)
        drawn = bootstrap(fits, 60)
        interval = drawn.interval("p")
        allowed = ~np.isnan(interval.low)
        inside = (interval.low <= fits.matrix("p")) & (fits.matrix("p") <= interval.high)
        assert inside[allowed].mean() > 0.95
        widths.append(float((interval.high - interval.low)[allowed][:-1].mean()))
    assert widths[1] < 0.5 * widths[0]


def test_the_interval_of_a_move_between_single_labels_is_its_cells() -> None:
    fits = fit_all(traces(60, 40), NAMES)
    drawn = bootstrap(fits, 50)
    cells = drawn.interval("weights-")
    low, high = interval_of(drawn, Move((1,), (2,)), "negative")
    assert (low, high) == pytest.approx((cells.low[1, 2], cells.high[1, 2]))
    assert low <= fits.matrix("weights-")[1, 2] <= high
    assert interval_of(drawn, None, "negative") == (1.0, 1.0)


def test_a_cell_that_was_never_seen_has_an_upper_end_and_a_weight_that_may_be_anything() -> None:
    sets = [((0, 8.0),), ((1, 8.0),), ((0, 8.0),)]
    units = tuple(Unit(place, place + 1, labels) for place, labels in enumerate(sets))
    same = [
        LabelledTrace(f"{polarity} {number}", polarity, units)
        for polarity in ("positive", "negative")
        for number in range(50)
    ]
    fits = fit_all(same, NAMES)
    drawn = bootstrap(fits, 20)
    interval = drawn.interval("p")
    rows = fits.overall.support.sum(axis=1)
    assert rows[2] == 100
    assert interval.low[2, 3] == pytest.approx(fits.overall.matrix[2, 3], abs=1e-5)
    assert interval.high[2, 3] == pytest.approx(3.1 / 100.5)  # three more, smoothed
    assert interval_of(drawn, Move((2,), (3,)), "positive") == WHOLE


def test_drawing_needs_polarity() -> None:
    with pytest.raises(FitsError, match="by polarity"):
        bootstrap(fit_all(traces(5, 5), NAMES, by_polarity=False))


def test_replicates_are_those_of_a_corpus_that_was_drawn() -> None:
    """A draw by weights is a draw of traces: fit the drawn traces themselves and compare."""
    corpus = traces(30, 20)
    fits = fit_all(corpus, NAMES)
    drawn = bootstrap(fits, 1, seed=5)
    rng = np.random.default_rng(5)
    times = [rng.multinomial(n, np.full(n, 1 / n)) for n in (30, 20)]
    again = [
        trace for trace, n in zip(corpus, np.concatenate(times), strict=True) for _ in range(n)
    ]
    whole = fit_all(again, NAMES)
    for name in ("overall", "positive", "negative"):
        fitted = getattr(whole, name).matrix
        assert np.abs(drawn.samples[name][0] - fitted).max() < 1e-3


def test_shrinkage_draws_unsupported_weights_to_one_and_leaves_busy_ones() -> None:
    corpus = traces(400, 200, seed=3)
    plain, shrunk = (
        fit_all(corpus, NAMES, FitSettings(shrinkage_moves=moves)) for moves in (0.0, 5.0)
    )
    support = plain.overall.support
    before, after = plain.matrix("weights-"), shrunk.matrix("weights-")
    busy = support > 200.0
    assert np.abs(np.log(after[busy])).sum() == pytest.approx(
        np.abs(np.log(before[busy])).sum(), rel=0.05
    )
    rare = (support < 2.0) & ~np.isnan(before)
    rare[-1] = False
    assert rare.any()
    assert (np.abs(after[rare] - 1.0) < np.abs(before[rare] - 1.0)).all()
    assert np.allclose(after[rare & (support == 0.0)], 1.0)
    with pytest.raises(FitsError, match="0 moves or more"):
        FitSettings(shrinkage_moves=-1.0)


def test_a_balanced_matrix_takes_half_of_its_moves_from_each_polarity() -> None:
    positive, negative = np.array([30.0, 10.0, 0.0]), np.array([0.0, 1.0, 9.0])
    mixed = balanced(positive, negative)
    assert mixed.sum() == 50.0
    assert mixed.tolist() == pytest.approx([18.75, 6.25 + 2.5, 22.5])
    assert balanced(positive, negative * 0).tolist() == positive.tolist()
    corpus = traces(300, 20)
    fits = fit_all(corpus, NAMES, FitSettings(balanced=True))
    plain = fit_all(corpus, NAMES)

    def between(fitted: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
        return float(np.abs(fitted - one).mean() / np.abs(one - other).mean())

    ends = plain.matrix("positive"), plain.matrix("negative")
    assert between(fits.matrix("p"), *ends) > between(plain.matrix("p"), *ends) + 0.2


def test_intervals_cover_what_the_fit_tends_to() -> None:
    """A few corpora only; `python -m benchmarks.transitions` takes 200."""
    found = coverage(0.3, corpora=2, replicates=80, seed=1, population=40)
    for name, share in found.items():
        assert 0.89 < share < 0.99, name
