"""The jobs: what they write, that they resume, and that nothing is lost or doubled."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlmodel import select

from annotator.embedded.offline import OfflineLabeler
from annotator.embedded.panel import OfflinePanel
from annotator.labeling.run import load_vocabulary, run_annotation, run_labeling
from annotator.labeling.steps import GivenLabel, LabeledTrace, Step, TraceView
from store import annotations
from store.engine import get_engine, reading, transaction
from store.errors import FrozenVersion, InvalidInput, MralignError, NotFound
from store.runs import get_run
from store.states import ItemStatus, RunKind, RunStatus, ThinkingMode
from store.tables import AnnotatedStep, ControlledLabel, LabelInstance, OpenLabel, Run, RunItem
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from tests.annotator.conftest import Embed
from tests.builders import add_question, add_trace

TRACES = 40
PIECES = (
    "Who was it? I must find {}.\n\n",
    "I recall {}.\n\n",
    "Wait, no, not {}.\n\n",
    "It is {}.",
)


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """A database with traces, one of them without thinking, and a frozen version."""
    with transaction(engine) as session:
        for number in range(TRACES):
            question = add_question(session, f"question {number}")
            pieces = [piece.format(f"number {number}") for piece in PIECES]
            add_trace(session, question, pieces, external_id=f"t{number}")
        add_trace(session, question, [], external_id="off", mode=ThinkingMode.OFF)
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    return engine


class KilledLabeler:
    """Labels some traces and then dies, as a killed process would."""

    name = OfflineLabeler.name

    def __init__(self, embed: Embed, after: int, error: BaseException) -> None:
        self.labeler, self.left, self.error = OfflineLabeler(embed), after, error

    def label_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, LabeledTrace]]:
        """Each trace, until there are none left to do."""
        for pair in self.labeler.label_all(traces):
            if not self.left:
                raise self.error
            self.left -= 1
            yield pair


def instances(engine: sa.Engine, run_id: int) -> set[tuple[int, str, int, float]]:
    query = select(LabelInstance, OpenLabel).join(OpenLabel).where(LabelInstance.run_id == run_id)
    with reading(engine) as session:
        return {
            (i.segment_id, label.text, i.step, i.confidence) for i, label in session.exec(query)
        }


def test_every_segment_of_every_thinking_trace_is_labelled(filled: sa.Engine, embed: Embed) -> None:
    seen: list[tuple[int, int]] = []
    run = run_labeling(filled, OfflineLabeler(embed), on_progress=lambda d, t: seen.append((d, t)))
    assert (run.status, run.done_items, run.total_items) == (RunStatus.SUCCEEDED, TRACES, TRACES)
    assert seen[-1] == (TRACES, TRACES)
    assert len({segment for segment, *_ in instances(filled, run.id)}) == 4 * TRACES


@pytest.mark.parametrize("after", [0, 1, 17, 39])
def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(
    filled: sa.Engine, embed: Embed, after: int
) -> None:
    """The instances of the resumed run are those of an undisturbed one."""
    with pytest.raises(KeyboardInterrupt):
        run_labeling(filled, KilledLabeler(embed, after, KeyboardInterrupt()))
    with reading(filled) as session:
        killed = session.exec(select(Run).where(Run.kind == RunKind.LABEL)).one()
    assert killed.status == RunStatus.FAILED and killed.done_items == after
    resumed = run_labeling(filled, OfflineLabeler(embed), resume=killed.id)
    assert (resumed.status, resumed.done_items) == (RunStatus.SUCCEEDED, TRACES)
    calm = run_labeling(filled, OfflineLabeler(embed))
    assert instances(filled, resumed.id) == instances(filled, calm.id)


def test_an_error_that_can_be_mended_leaves_a_partial_run(filled: sa.Engine, embed: Embed) -> None:
    """What was done before a budget ran out can be used; with nothing done the run failed."""
    for after, status in ((5, RunStatus.PARTIAL), (0, RunStatus.FAILED)):
        with pytest.raises(MralignError):
            run_labeling(filled, KilledLabeler(embed, after, MralignError("spent")))
        with reading(filled) as session:
            run = session.exec(select(Run).order_by(sa.desc("id"))).first()
        assert run is not None and run.status == status and "spent" in (run.message or "")


class FlawedLabeler:
    """Gives one invalid reply, one missing answer, and one repaired reply."""

    name = "flawed"

    def label_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, LabeledTrace]]:
        """The same label everywhere but on the first three traces."""
        good = LabeledTrace((Step((0, 1, 2, 3), (GivenLabel("Fact recall", 9.0),)),))
        for trace in traces:
            flawed = {
                "t0": LabeledTrace((), invalid="no JSON", request_hash="h"),
                "t1": LabeledTrace((), invalid="nobody answered"),
                "t2": replace(good, repairs=("one index dropped",)),
            }
            yield trace, flawed.get(trace.external_id, good)


def test_what_stays_invalid_is_kept_and_what_was_not_answered_is_tried_again(
    filled: sa.Engine,
) -> None:
    run = run_labeling(filled, FlawedLabeler(), limit=5)
    assert run.status == RunStatus.PARTIAL and run.message == "1 failed, 1 invalid"
    with reading(filled) as session:
        items = {item.trace_id: item for item in session.exec(select(RunItem))}
    states = [(item.status, item.detail) for _, item in sorted(items.items())]
    assert states[:3] == [
        (ItemStatus.INVALID, "no JSON"), (ItemStatus.FAILED, "nobody answered"),
        (ItemStatus.DONE, "one index dropped"),
    ]  # fmt: skip
    again = run_labeling(filled, FlawedLabeler(), limit=5, resume=run.id)
    assert again.message == run.message, "the invalid one is not asked for again"


def test_a_resumed_run_takes_up_no_later_traces(filled: sa.Engine, embed: Embed) -> None:
    """What was imported since the run began is another run's."""
    with pytest.raises(KeyboardInterrupt):
        run_labeling(filled, KilledLabeler(embed, 3, KeyboardInterrupt()))
    with transaction(filled) as session:
        run_id = session.exec(select(Run.id).where(Run.kind == RunKind.LABEL)).one()
        add_trace(session, add_question(session, "late"), ["It is late."], external_id="late")
    assert run_labeling(filled, OfflineLabeler(embed), resume=run_id).done_items == TRACES


def test_a_run_is_not_taken_up_by_another_or_twice(filled: sa.Engine, embed: Embed) -> None:
    run = run_labeling(filled, FlawedLabeler(), limit=2)
    with pytest.raises(InvalidInput, match="model that run"):
        run_labeling(filled, OfflineLabeler(embed), resume=run.id)
    done = run_labeling(filled, OfflineLabeler(embed), limit=1)
    with pytest.raises(InvalidInput, match="not finished"):
        run_labeling(filled, OfflineLabeler(embed), resume=done.id)
    with pytest.raises(NotFound, match="kind label"):
        run_labeling(filled, OfflineLabeler(embed), resume=999)


def test_without_traces_there_is_nothing_to_label(sqlite_url: str, embed: Embed) -> None:
    with pytest.raises(InvalidInput, match="mralign traces import"):
        run_labeling(get_engine(sqlite_url), OfflineLabeler(embed))


def offline_panel(engine: sa.Engine, embed: Embed) -> OfflinePanel:
    return OfflinePanel(embed, load_vocabulary(engine).categories)


def written(engine: sa.Engine, run_id: int) -> list[object]:
    """Every source's steps with their labels."""
    with reading(engine) as session:
        return [
            list(annotations.list_label_sets(session, run_id, source))
            for source in annotations.list_sources(session, run_id)
        ]


def test_annotation_writes_both_annotators_and_the_consensus(
    filled: sa.Engine, embed: Embed
) -> None:
    vocabulary = load_vocabulary(filled, "v1")
    run = run_annotation(filled, offline_panel(filled, embed), vocabulary)
    assert (run.status, run.done_items) == (RunStatus.SUCCEEDED, TRACES)
    assert run.parameters["content_hash"] == vocabulary.version.content_hash
    with reading(filled) as session:
        assert annotations.list_sources(session, run.id) == [
            "annotator_a", "annotator_b", "consensus",
        ]  # fmt: skip
        traces = dict(annotations.list_label_sets(session, run.id, "consensus"))
        rules = annotations.count_rules(session, run.id)
        assert annotations.mean_confidence(session, run.id, "annotator_a") is not None
    assert len(traces) == TRACES
    for steps in traces.values():
        assert [s for step in steps for s in range(step.first, step.end)] == [0, 1, 2, 3]
    assert set(rules) <= {"agreed", "merged", "adjudicated"}


def test_a_killed_annotation_goes_on_with_the_fit_it_began_with(
    filled: sa.Engine, embed: Embed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are those of an undisturbed run, even if it would fit otherwise now."""
    vocabulary, panel = load_vocabulary(filled), offline_panel(filled, embed)
    calm = run_annotation(filled, offline_panel(filled, embed), vocabulary)

    def dying(traces: Sequence[TraceView]) -> Iterator[object]:
        for number, pair in enumerate(OfflinePanel.annotate_all(panel, traces)):
            if number == 21:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(panel, "annotate_all", dying)
    with pytest.raises(KeyboardInterrupt):
        run_annotation(filled, panel, vocabulary)
    with reading(filled) as session:
        killed = get_run(session, calm.id + 1)
    assert killed.status == RunStatus.FAILED
    fresh = offline_panel(filled, embed)
    monkeypatch.setattr(fresh, "fit", lambda sample: pytest.fail("it was fitted again"))
    resumed = run_annotation(filled, fresh, vocabulary, resume=killed.id)
    assert resumed.status == RunStatus.SUCCEEDED
    assert written(filled, resumed.id) == written(filled, calm.id)


def test_a_run_is_not_resumed_with_another_vocabulary(filled: sa.Engine, embed: Embed) -> None:
    first = load_vocabulary(filled)
    run = run_annotation(filled, offline_panel(filled, embed), first, limit=1)
    with transaction(filled) as session:
        session.get_one(Run, run.id).status = RunStatus.FAILED
        version = create_draft(session, "v2", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    with pytest.raises(InvalidInput, match="taxonomy"):
        run_annotation(filled, offline_panel(filled, embed), load_vocabulary(filled, "v2"),
                       limit=1, resume=run.id)  # fmt: skip


def test_only_a_frozen_vocabulary_is_used(engine: sa.Engine) -> None:
    with pytest.raises(NotFound, match="frozen"):
        load_vocabulary(engine)
    with transaction(engine) as session:
        create_draft(session, "draft", preset="mr-align-15")
    with pytest.raises(FrozenVersion, match="mralign taxonomy freeze"):
        load_vocabulary(engine, "draft")


def test_a_vocabularys_order_is_the_versions(filled: sa.Engine) -> None:
    vocabulary = load_vocabulary(filled)
    assert [c.key for c in vocabulary.categories][:3] == [
        "framing", "backtracking", "self_verification",
    ]  # fmt: skip
    assert set(vocabulary.ids) == {c.key for c in vocabulary.categories}


def test_rows_of_a_trace_are_put_in_the_place_of_what_was_there(filled: sa.Engine) -> None:
    """Writing twice leaves the last, without labels that belong to no step."""
    ids = load_vocabulary(filled).ids
    with transaction(filled) as session:
        run = Run(kind=RunKind.ANNOTATE, code_version="test")
        session.add(run)
        session.flush()
        trace_id = session.exec(select(RunItem.trace_id)).first() or 1
        for label in ("framing", "retrieval"):
            row = annotations.StepRow(0, 4, ((label, 5.0),), "agreed")
            annotations.add_steps(session, run.id, trace_id, "consensus", [row], ids)
    with reading(filled) as session:
        assert len(session.exec(select(AnnotatedStep)).all()) == 1
        assert len(session.exec(select(ControlledLabel)).all()) == 1
        assert annotations.count_categories(session, run.id, "consensus") == {"retrieval": 1}
