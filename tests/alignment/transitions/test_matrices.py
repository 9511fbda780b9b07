"""The EM fit, held against a slow independent one, its mathematics, and simulated truth."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.transitions.matrices import (
    PRESETS,
    EMSettings,
    NotConvergedWarning,
    TransitionsError,
    allowed_cells,
    fit,
    mean_l1,
    move_probability,
    uniform_matrix,
)
from alignment.transitions.moves import (
    NO_LABEL,
    MovesError,
    chains,
    pack,
    pack_by_trace,
    state_names,
    states_of,
    strongest,
)
from benchmarks.naive import naive_counts, naive_fit, naive_likelihood_nats, naive_moves, unpacked
from benchmarks.simulation import simulate_moves

CATEGORIES = 4
Corpus = list[list[tuple[int, ...]]]

label_sets = st.sets(st.integers(0, CATEGORIES - 1), max_size=3).map(tuple)
corpora = st.lists(st.lists(label_sets, max_size=6), max_size=6)


@pytest.mark.parametrize("preset", ["paper", "converged", "frequency"])
@settings(max_examples=40, deadline=None)
@given(corpora)
def test_the_fit_equals_the_naive_one(preset: Any, corpus: Corpus) -> None:
    fitted = fit(pack(chains(corpus, CATEGORIES)), PRESETS[preset])
    slow = naive_fit(corpus, CATEGORIES, PRESETS[preset])
    assert np.abs(fitted.matrix - np.array(slow)).max() <= 1e-12
    slow = naive_counts(naive_moves(corpus, CATEGORIES), fitted.matrix.tolist())
    assert np.abs(fitted.support - np.array(slow)).max() <= 1e-9
    likelihood = naive_likelihood_nats(corpus, CATEGORIES, fitted.matrix.tolist())
    assert fitted.log_likelihood_nats[-1] == pytest.approx(likelihood, abs=1e-9)


@settings(deadline=None)
@given(corpora)
def test_rows_sum_to_one_forbidden_cells_are_zero_and_the_objective_never_falls(
    corpus: Corpus,
) -> None:
    fitted = fit(pack(chains(corpus, CATEGORIES)), PRESETS["converged"])
    allowed = allowed_cells(CATEGORIES)
    assert np.allclose(fitted.matrix.sum(axis=1), 1.0, atol=1e-12)
    assert (fitted.matrix[~allowed] == 0).all()
    assert (fitted.matrix[allowed] > 0).all()
    assert fitted.support.sum() == pytest.approx(fitted.move_count)
    for before, after in zip(fitted.objective_nats, fitted.objective_nats[1:], strict=False):
        assert after - before >= -1e-9 * max(1.0, abs(before))


@settings(max_examples=25, deadline=None)
@given(corpora, st.integers(0, 2**32 - 1))
def test_the_optimum_is_one_whatever_the_start(corpus: Corpus, seed: int) -> None:
    allowed = allowed_cells(CATEGORIES)
    init = np.where(allowed, np.random.default_rng(seed).random(allowed.shape) + 0.05, 0.0)
    init /= init.sum(axis=1, keepdims=True)
    moves, em = pack(chains(corpus, CATEGORIES)), EMSettings(20_000, 0.6, tolerance=1e-10)
    assert np.abs(fit(moves, em).matrix - fit(moves, em, init).matrix).max() < 1e-5


def test_the_plain_likelihood_can_fall_while_the_objective_climbs() -> None:
    moves = pack(chains([[(0, 1), (2,)], [(0,), (2, 3), (1,)]], CATEGORIES))
    sharp = fit(moves, EMSettings(2_000, 0.6, smoothing=1e-9))
    onward = fit(moves, PRESETS["paper"], init=sharp.matrix)
    assert onward.log_likelihood_nats[1] < onward.log_likelihood_nats[0]
    assert onward.objective_nats[1] > onward.objective_nats[0]


def test_an_empty_set_breaks_the_chain() -> None:
    def seen(corpus: Corpus) -> Counter[tuple[tuple[int, ...], tuple[int, ...]]]:
        moves = pack(chains(corpus, 3))
        ends = (moves.sets[moves.sources].tolist(), moves.sets[moves.targets].tolist())
        listed = zip(*ends, moves.counts, strict=True)
        plain = (
            (tuple(s for s in i if s != NO_LABEL), tuple(s for s in j if s != NO_LABEL), c)
            for i, j, c in listed
        )
        return Counter({(i, j): int(count) for i, j, count in plain})

    assert seen([[(0,), (), (1,)]]) == {((0,), (1,)): 1, ((2,), (4,)): 1}
    assert seen([[(), (1,)]]) == {((2,), (4,)): 1}
    assert seen([[(1,), ()]]) == {((0,), (2,)): 1}
    assert seen([[(), ()]]) == {}
    assert seen([[]]) == {((0,), (4,)): 1}
    assert seen([[(2, 0)], [(2, 0)]]) == {((0,), (1, 3)): 2, ((1, 3), (4,)): 2}


@given(corpora)
def test_packing_by_trace_finds_the_same_moves_and_can_weigh_each_trace(corpus: Corpus) -> None:
    packed, traced = pack(chains(corpus, CATEGORIES)), pack_by_trace(chains(corpus, CATEGORIES))
    assert np.array_equal(packed.sets, traced.moves.sets)
    for name in ("sources", "targets", "counts"):
        assert np.array_equal(getattr(packed, name), getattr(traced.moves, name))
    doubled = [trace for place, trace in enumerate(corpus) for _ in range(place % 3)]
    weights = np.arange(len(corpus)) % 3.0
    weighed = fit(traced.weighted(weights), PRESETS["paper"])
    assert np.abs(
        weighed.matrix - fit(pack(chains(doubled, CATEGORIES)), PRESETS["paper"]).matrix
    ).max() <= 1e-12  # fmt: skip


@given(corpora)
def test_packed_traces_unpack_to_what_they_were(corpus: Corpus) -> None:
    ascending = [[sorted(labels) for labels in trace] for trace in corpus]
    assert unpacked(chains(corpus, CATEGORIES)) == ascending


def test_without_moves_the_fit_is_uniform() -> None:
    fitted = fit(pack(chains([], 3)), PRESETS["converged"])
    assert np.allclose(fitted.matrix, uniform_matrix(3))
    assert (fitted.move_count, fitted.converged) == (0, True)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.sets(st.integers(0, 59), max_size=5).map(tuple), max_size=5), max_size=5)
)
def test_wide_sets_are_packed_by_sorting_and_count_the_same(corpus: Corpus) -> None:
    moves = pack(chains(corpus, 60))
    assert moves.total == sum(
        bool(before) and bool(after)
        for trace in corpus
        for before, after in zip([(0,), *trace], [*trace, (0,)], strict=True)
    )
    sets = [tuple(states) for states in moves.sets.tolist()]
    assert len(set(sets)) == len(sets)
    listed = zip(moves.sources.tolist(), moves.targets.tolist(), strict=True)
    assert len(set(listed)) == len(moves.counts)


def test_the_cap_warns_in_the_converged_preset_and_not_in_the_papers() -> None:
    moves = pack(chains([[(0, 1), (1, 2), (0, 3)]] * 3, CATEGORIES))
    with pytest.warns(NotConvergedWarning, match="cap of 2 iterations"):
        fit(moves, EMSettings(2, 0.6, warns_at_cap=True))
    assert not fit(moves, PRESETS["paper"]).converged
    assert fit(moves, PRESETS["paper"]).iterations == 5


def test_a_move_without_any_chance_shares_its_count_evenly() -> None:
    init = np.zeros((5, 5))
    init[:4, 1] = init[4, 4] = 1.0
    fitted = fit(pack(chains([[(0,), (1, 2)]], 3)), EMSettings(1, 1.0), init)
    assert fitted.matrix[1, 2] == fitted.matrix[1, 3] == pytest.approx(0.6 / 1.4)
    assert fitted.objective_nats[0] == -math.inf


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda p: p[:-1], "shape"),
        (lambda p: -p, "negative"),
        (lambda p: p * np.nan, "non-finite"),
        (lambda p: np.full_like(p, 1 / len(p)), "into start"),
        (lambda p: p * 0.9, "sum to 1"),
    ],
)
def test_an_initial_matrix_that_is_none_is_refused(spoil: Any, fault: str) -> None:
    with pytest.raises(TransitionsError, match=fault):
        fit(pack(chains([], 3)), PRESETS["paper"], spoil(uniform_matrix(3)))


def test_labels_outside_the_vocabulary_are_refused() -> None:
    for label in (-1, 3):
        with pytest.raises(MovesError, match="from 0 to 2"):
            chains([[(label,)]], 3)


def test_frequency_counts_each_pair_of_a_move_for_its_share() -> None:
    fitted = fit(pack(chains([[(0, 1)]], 2)), PRESETS["frequency"])
    assert fitted.matrix[0].tolist() == pytest.approx([0, 0.6 / 1.3, 0.6 / 1.3, 0.1 / 1.3])


def test_single_keeps_the_surest_label_and_the_earlier_of_equals() -> None:
    assert strongest([(3, 7.0), (1, 9.0)]) == (1,)
    assert strongest([(3, 8.0), (1, 8.0), (2, 8.0)]) == (1,)
    assert strongest([]) == ()


def test_for_single_labels_one_step_is_the_converged_fit() -> None:
    moves = pack(chains([[(0,), (2,), (1,)], [(1,), (2,)]], 3))
    single, converged = fit(moves, PRESETS["single"]), fit(moves, EMSettings(500, 0.6, 0.1, 1e-13))
    assert np.abs(single.matrix - converged.matrix).max() < 1e-11


def test_the_chance_of_a_move_is_the_mean_of_its_cells() -> None:
    matrix = np.arange(16.0).reshape(4, 4)
    assert move_probability((0,), (1, 2), matrix) == 1.5
    assert states_of((2, 0)) == (1, 3)
    assert state_names(["x"]) == ("start", "x", "stop")
    assert mean_l1(matrix, matrix + 0.25) == 0.25


@pytest.mark.parametrize(
    ("moves", "share", "bound"), [(83_249, 0.30, 0.0030), (50_000, 0.94, 0.0080)]
)
def test_the_converged_fit_recovers_simulated_chains_and_beats_five_steps(
    moves: int, share: float, bound: float
) -> None:
    simulated = simulate_moves(moves, share, seed=7)
    packed = pack(simulated.chains)
    error = {name: mean_l1(fit(packed, PRESETS[name]).matrix, simulated.truth) for name in PRESETS}
    assert error["converged"] <= bound
    assert error["converged"] < error["paper"] < error["frequency"]
