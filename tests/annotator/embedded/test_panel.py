"""The offline panel: any vocabulary, annotators that differ, a fit that can be kept."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from annotator.embedded.categories import CategoryError
from annotator.embedded.panel import OfflinePanel
from annotator.embedded.sequence import estimated_matrix
from annotator.labeling.consensus import PanelResult
from annotator.labeling.steps import AnnotatedTrace, CategoryView, TraceView
from tests.annotator.conftest import Embed
from tests.annotator.embedded.test_offline import TRACE

View = Callable[..., TraceView]
Moves = tuple[CategoryView, ...]


def annotated(panel: OfflinePanel, *traces: TraceView) -> list[PanelResult]:
    return [result for _, result in panel.annotate_all(traces)]


def labels_of(side: AnnotatedTrace) -> dict[int, set[str]]:
    return {
        position: {key for key, _ in step.labels}
        for step in side.steps
        for position in range(step.first, step.end)
    }


@pytest.mark.models
def test_both_annotators_know_plain_moves_of_an_unknown_vocabulary(
    minilm: Embed, view: View, moves: Moves
) -> None:
    """By name and definition alone, at least one of them finds each plain move."""
    panel = OfflinePanel(minilm, moves)
    panel.fit([view(*TRACE)])
    (result,) = annotated(panel, view(*TRACE))
    a, b = labels_of(result.a), labels_of(result.b)
    for position, key in {0: "setup", 2: "recall", 3: "doubt", 4: "check"}.items():
        assert key in a[position] | b[position], (TRACE[position], a[position], b[position])


def test_sides_tile_the_trace_and_units_have_a_rule(embed: Embed, view: View, moves: Moves) -> None:
    (result,) = annotated(OfflinePanel(embed, moves), view(*TRACE))
    keys = {category.key for category in moves}
    for steps in (result.a.steps, result.b.steps, result.decisions):
        assert [s for step in steps for s in range(step.first, step.end)] == list(range(8))
        for step in steps:
            assert len(step.labels) <= 2
            assert {key for key, _ in step.labels} <= keys
            assert all(0 <= confidence <= 10 for _, confidence in step.labels)


def test_the_annotators_differ(embed: Embed, view: View, moves: Moves) -> None:
    """A reads the words and B the cues, so they cannot always say the same."""
    (result,) = annotated(OfflinePanel(embed, moves), view(*TRACE))
    assert labels_of(result.a) != labels_of(result.b)


def test_a_traces_labels_do_not_depend_on_the_batch(embed: Embed, view: View, moves: Moves) -> None:
    panel = OfflinePanel(embed, moves)
    one, other = view(*TRACE, number=1), view("Therefore it is 4.", "Wait, no.", number=2)
    assert annotated(panel, one, other) == [*annotated(panel, one), *annotated(panel, other)]


def test_a_fit_can_be_kept_and_taken_up(embed: Embed, view: View, moves: Moves) -> None:
    """Through JSON, as the run's row keeps it."""
    fitted, other = OfflinePanel(embed, moves), OfflinePanel(embed, moves)
    fitted.fit([view(*TRACE), view("Who was it?", "It was he.")])
    other.restore(json.loads(json.dumps(fitted.state())))
    assert annotated(other, view(*TRACE)) == annotated(fitted, view(*TRACE))


def test_a_fit_steadies_no_category_above_all(embed: Embed, view: View, moves: Moves) -> None:
    """Over the sample it was fitted on, no category leads on more than half of A's scores."""
    traces = [view(*(f"{piece} {n}" for piece in TRACE), number=n) for n in range(1, 6)]
    panel = OfflinePanel(embed, moves)
    panel.fit(traces)
    read = panel._read(traces)
    tops = panel.evidence.by_meaning(read, panel.calibration).argmax(axis=1)
    assert np.bincount(tops, minlength=len(moves)).max() <= len(tops) / 2


def test_a_given_matrix_is_kept_by_a_fit_and_can_decide(
    embed: Embed, view: View, moves: Moves
) -> None:
    """A matrix that allows one category only makes the adjudicator say nothing else."""
    matrix = np.full((7, 7), 1e-12)
    matrix[:, 3] = 1.0
    panel = OfflinePanel(embed, moves, matrix=matrix)
    panel.fit([view(*TRACE)])
    np.testing.assert_array_equal(panel.matrix, matrix)
    (result,) = annotated(panel, view(*TRACE))
    decided = [d.labels[0][0] for d in result.decisions if d.rule.value == "adjudicated"]
    assert decided and set(decided) == {moves[2].key}


def test_without_a_fit_the_matrix_is_uniform_over_allowed_moves(embed: Embed, moves: Moves) -> None:
    np.testing.assert_array_equal(OfflinePanel(embed, moves).matrix, estimated_matrix([], 5))


def test_what_reviewers_put_into_a_category_moves_its_share(embed: Embed) -> None:
    """A lexicon name that the version holds in a category belongs to it more than before."""
    plain = (CategoryView("x", "Xyz", "abc"), CategoryView("y", "Uvw", "def"))
    known = (CategoryView("x", "Xyz", "abc", known_labels=("Fact_Recall",)), plain[1])
    shares = [OfflinePanel(embed, each).evidence.shares for each in (plain, known)]
    lexicon = OfflinePanel(embed, plain).evidence.lexicon
    row = [entry.label for entry in lexicon.entries].index("fact recall")
    assert shares[1][row, 0] > shares[0][row, 0]
    assert shares[1][row, 1] < shares[0][row, 1]


def test_one_category_is_a_vocabulary(embed: Embed, view: View) -> None:
    """Nothing divides by what is not there."""
    (result,) = annotated(OfflinePanel(embed, [CategoryView("all", "All", "all")]), view(*TRACE))
    assert result.invalid is None


def test_no_category_is_refused(embed: Embed) -> None:
    with pytest.raises(CategoryError, match="at least one"):
        OfflinePanel(embed, [])


def test_a_trace_without_segments_is_invalid(embed: Embed, view: View, moves: Moves) -> None:
    results = annotated(OfflinePanel(embed, moves), view(""), view(*TRACE))
    assert results[0].invalid == "the trace has no segments"
    assert results[1].invalid is None
