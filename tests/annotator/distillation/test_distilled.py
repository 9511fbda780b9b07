"""The distilled panel: what is sure stands, what is not is kept apart or sent on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from annotator.distillation.decoding import Labels
from annotator.distillation.distilled import DistilledPanel, abstained, unsure_windows
from annotator.distillation.head import Head, HeadError
from annotator.distillation.learning import distill
from annotator.labeling.consensus import Decision, Rule
from annotator.labeling.steps import AnnotatedTrace, CategoryView, ControlledStep, TraceView
from tests.annotator.conftest import Embed
from tests.annotator.distillation.test_learning import KEYS, STORIES, lessons

View = Callable[..., TraceView]
CATEGORIES = tuple(CategoryView(key, key.title(), key) for key in KEYS)
PIECES = ("I remember that the bridge was old", "Wait, no, not the river", "It is the garden")
NEVER_SURE = 10.0


@pytest.fixture(scope="module")
def head(embed: Embed) -> Head:
    """A head of twelve traces on which people differed, so that it is never quite sure."""
    return distill(lessons(embed, STORIES, differ_every=5)[0], KEYS)


def test_without_a_bound_every_segment_is_settled(head: Head, embed: Embed, view: View) -> None:
    trace = view(*PIECES)
    result = DistilledPanel(embed, head, CATEGORIES).annotate(trace)
    assert {d.rule for d in result.decisions} == {Rule.DISTILLED} and result.b is None
    assert [(d.first, d.end) for d in result.decisions] == [(0, 1), (1, 2), (2, 3)]
    assert result.a.steps[0].labels[0][0] == "recall"


def test_what_is_not_sure_has_no_labels_and_the_guess_is_kept(
    head: Head, embed: Embed, view: View
) -> None:
    result = DistilledPanel(embed, head, CATEGORIES, NEVER_SURE).annotate(view(*PIECES))
    assert {(d.labels, d.rule) for d in result.decisions} == {((), Rule.ABSTAINED)}
    assert abstained(result) == 3 and all(step.labels for step in result.a.steps)


def test_only_what_is_not_sure_is_sent_on(head: Head, embed: Embed, view: View) -> None:
    """With its neighbours; what comes back for these changes nothing."""
    sent: list[int] = []

    def second(trace: TraceView) -> AnnotatedTrace:
        sent.append(len(trace.segments))
        steps = [ControlledStep(n, n + 1, (("verdict", 9.0),)) for n in range(len(trace.segments))]
        return AnnotatedTrace(tuple(steps), request_hash="h")

    trace = view(*PIECES[:2] * 5, "The the the.", PIECES[2])
    plain = DistilledPanel(embed, head, CATEGORIES).annotate(trace)
    least = min(step.labels[0][1] for step in plain.a.steps)
    unsure = [n for n, step in enumerate(plain.a.steps) if step.labels[0][1] == least]
    panel = DistilledPanel(embed, head, CATEGORIES, least + 0.001, second)
    result = panel.annotate(trace)
    rules = [d.rule for d in result.decisions]
    assert [n for n, rule in enumerate(rules) if rule == Rule.ESCALATED] == unsure
    assert all(result.decisions[n].labels == (("verdict", 9.0),) for n in unsure)
    assert sum(sent) < len(trace.segments) and result.b is not None


def test_a_trace_that_nobody_answers_for_is_not_settled(
    head: Head, embed: Embed, view: View
) -> None:
    panel = DistilledPanel(embed, head, CATEGORIES, NEVER_SURE,
                           lambda trace: AnnotatedTrace((), invalid="no answer"))  # fmt: skip
    result = panel.annotate(view(*PIECES))
    assert result.invalid is not None and result.unanswered


def test_neighbours_are_one_step_where_they_were_to_the_teacher(
    head: Head, embed: Embed, view: View
) -> None:
    joining = replace(head, details={**head.details, "steps_joined": 1.0})
    trace = view(*PIECES[:1] * 4)
    for panel_head, steps in ((head, 4), (joining, 1)):
        result = DistilledPanel(embed, panel_head, CATEGORIES).annotate(trace)
        assert len(result.a.steps) == steps and result.a.steps[-1].end == 4


def test_windows_show_neighbours_and_are_one_where_they_meet() -> None:
    labels: Labels = ()
    rules = [Rule.ABSTAINED if n in (1, 5, 12) else Rule.DISTILLED for n in range(14)]
    decisions = [Decision(n, n + 1, labels, rule) for n, rule in enumerate(rules)]
    assert [(w.first, w.end) for w in unsure_windows(decisions)] == [(0, 8), (10, 14)]


def test_a_head_for_other_categories_is_refused(head: Head, embed: Embed) -> None:
    with pytest.raises(HeadError, match="distill one from labels of this version"):
        DistilledPanel(embed, head, CATEGORIES[:2])


def test_a_trace_without_segments_is_invalid(head: Head, embed: Embed, view: View) -> None:
    panel = DistilledPanel(embed, head, CATEGORIES)
    results = [result for _, result in panel.annotate_all([view(""), view(*PIECES)])]
    assert results[0].invalid == "the trace has no segments" and results[1].invalid is None
