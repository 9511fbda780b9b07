"""Distilling from a run in the store, and annotating with the head: rows, refusals, escalation."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from annotator.distillation.run import open_panel, run_distillation, said_of
from annotator.labeling.run import load_vocabulary, run_annotation
from annotator.labeling.steps import AnnotatedTrace, ControlledStep, TraceView
from store import annotations
from store.annotations import StepRow
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.states import RunKind, RunStatus
from store.tables import Run, Trace
from store.taxonomies import list_categories
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from tests.annotator.conftest import Embed
from tests.annotator.distillation.test_learning import SAYS
from tests.builders import add_question, add_run, add_trace

LABELS = {"recall": "retrieval", "doubt": "backtracking", "verdict": "summarization"}
STORY = ("recall", "doubt", "recall", "verdict")
TRACES = 8


@pytest.fixture
def labelled(engine: sa.Engine) -> sa.Engine:
    """Eight traces, half of them annotated in run 1 by a person and an LLM who differ at times."""
    with transaction(engine) as session:
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
        parameters = {"taxonomy": "v1", "version_id": version.id, "content_hash": "c"}
        run = add_run(session, RunKind.ANNOTATE, parameters=parameters)
        ids = {row.key: row.id for row in list_categories(session, version.id)}
        for n in range(TRACES):
            pieces = [SAYS[move].format(f"tower {n}") + "\n\n" for move in STORY]
            trace, _ = add_trace(session, add_question(session, f"question {n}"), pieces,
                              external_id=f"t{n}")  # fmt: skip
            if n < TRACES - 2:
                steps = [StepRow(t, t + 1, ((LABELS[move], 8.0),)) for t, move in enumerate(STORY)]
                annotations.add_steps(session, run.id, trace.id, "consensus", steps, ids)
                other = [StepRow(0, 1, (("framing", 7.0),)), *steps[1:]] if n % 2 else steps
                annotations.add_steps(session, run.id, trace.id, "person", other, ids)
    return engine


def rules(engine: sa.Engine, run: Run) -> dict[str, int]:
    with reading(engine) as session:
        return annotations.count_rules(session, run.id)


def test_a_head_learns_from_a_run_and_labels_the_rest(
    labelled: sa.Engine, embed: Embed, tmp_path: Path
) -> None:
    """The distill run says from what; the annotate run that uses it has every trace."""
    run, head = run_distillation(
        labelled, embed, lambda name: load_vocabulary(labelled, name), tmp_path / "head",
        sources=("consensus", "person"),
    )  # fmt: skip
    assert (run.kind, run.status, run.done_items) == (RunKind.DISTILL, RunStatus.SUCCEEDED, 6)
    assert run.metrics["sha256"] == head.sha256 and run.parameters["sources"] == "consensus,person"
    vocabulary = load_vocabulary(labelled, "v1")
    panel = open_panel(embed, tmp_path / "head", vocabulary)
    done = run_annotation(labelled, panel, vocabulary, more_parameters={"distilled": "head"})
    assert done.status == RunStatus.SUCCEEDED and done.parameters["distilled"] == "head"
    assert rules(labelled, done) == {"distilled": TRACES * len(STORY)}
    with reading(labelled) as session:
        last = session.exec(select(Trace.id).order_by(sa.desc("id"))).first()
        given = dict(annotations.list_label_sets(session, done.id, "consensus"))
        assert annotations.list_sources(session, done.id) == ["annotator_a", "consensus"]
    assert last is not None
    assert [s.labels[0][0] for s in given[last]] == [LABELS[move] for move in STORY]


def test_what_is_not_sure_goes_to_the_second_annotator(
    labelled: sa.Engine, embed: Embed, tmp_path: Path
) -> None:
    def second(trace: TraceView) -> AnnotatedTrace:
        whole = ControlledStep(0, len(trace.segments), (("analogy", 9.0),))
        return AnnotatedTrace((whole,), request_hash="h")

    run_distillation(labelled, embed, lambda name: load_vocabulary(labelled, name), tmp_path,
                     sources=("consensus", "person"))  # fmt: skip
    vocabulary = load_vocabulary(labelled)
    for escalate, rule in ((None, "abstained"), (second, "escalated")):
        panel = open_panel(embed, tmp_path, vocabulary, 10.0, escalate)
        done = run_annotation(labelled, panel, vocabulary)
        assert rules(labelled, done) == {rule: TRACES * len(STORY)}
    with reading(labelled) as session:
        counts = annotations.count_categories(session, done.id, "consensus")
        guesses = annotations.count_categories(session, done.id, "annotator_a")
    assert counts == {"analogy": TRACES * len(STORY)} and "retrieval" in guesses


def test_what_a_head_said_teaches_nothing() -> None:
    """Nor does what nobody said; steps of several segments say that neighbours are joined."""
    trace = TraceView(1, "t", "", (), "abcd", ((0, 1), (1, 2), (2, 3), (3, 4)))
    sure = (("retrieval", 9.0),)
    said = said_of(trace, [[StepRow(0, 2, sure), StepRow(2, 3, (), "abstained")]])
    assert said.votes == ((sure, sure, None, None),)
    assert (said.pairs, said.joined) == (1, 1)


def test_bad_sources_and_too_few_labels_are_refused(
    labelled: sa.Engine, embed: Embed, tmp_path: Path
) -> None:
    """And nothing is written."""
    with pytest.raises(InvalidInput, match="consensus, person"):
        run_distillation(labelled, embed, lambda n: load_vocabulary(labelled, n), tmp_path / "x",
                         sources=("nobody",))  # fmt: skip
    with transaction(labelled) as session:
        session.execute(sa.text("DELETE FROM controlled_label"))
        session.execute(sa.text("DELETE FROM annotated_step WHERE trace_id > 1"))
    with pytest.raises(InvalidInput, match="at least 2 traces"):
        run_distillation(labelled, embed, lambda n: load_vocabulary(labelled, n), tmp_path / "x")
    assert not (tmp_path / "x").exists()
    with pytest.raises(InvalidInput, match="annotate distill"):
        open_panel(embed, tmp_path / "x", load_vocabulary(labelled))
