"""Whole runs against a real local endpoint: they resume, and pay for nothing twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, func, select

from annotator.labeling.run import load_vocabulary, run_annotation, run_labeling
from annotator.labeling.steps import CategoryView
from annotator.language_models.endpoint import endpoint_labeler, endpoint_panel, panel_prompt_hash
from gateway.budget import Budget
from gateway.door import Door, open_role
from gateway.faults import BudgetSpent, EndpointUnusable
from gateway.limits import Pause, Retries
from store.engine import reading, transaction
from store.runs import get_run
from store.states import ItemStatus, RunStatus
from store.tables import (
    AnnotatedStep,
    ControlledLabel,
    LabelInstance,
    ModelReply,
    OpenLabel,
    Run,
    RunItem,
    Segment,
)
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from tests.builders import add_question, add_trace
from tests.fakes import BROKEN, CUT_JSON, TOO_MANY, FakeEndpoint, Fault

TRACES = 12
FAULTS = [BROKEN, TOO_MANY, CUT_JSON, Fault(hang_up=True), Fault(cut_body=True)]


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """A database with a few traces."""
    with transaction(engine) as session:
        for number in range(TRACES):
            question = add_question(session, f"question {number}")
            pieces = [f"The question is {number}.\n\n", "I recall it.\n\n", f"Check {number}."]
            add_trace(session, question, pieces, external_id=f"t{number}")
    return engine


@contextmanager
def door_to(
    engine: sa.Engine,
    endpoint: FakeEndpoint,
    model: str = "m",
    budget: Budget | None = None,
    **prices: float,
) -> Iterator[Door]:
    with open_role(engine, endpoint.role(model, **prices), budget) as door:
        door.retries = Retries(pause=Pause(sleep=lambda _s: None))
        yield door


def labeled(engine: sa.Engine, door: Door) -> Run:
    """A run that knows what it pays."""

    def prepare(run: Run) -> None:
        door.run_id = run.id

    return run_labeling(engine, endpoint_labeler(door.ask), model=door.model, prepare=prepare)


def instances(engine: sa.Engine, run_id: int) -> list[tuple[Any, ...]]:
    """The labels of a run, as anybody would read them."""
    query = (
        select(Segment.trace_id, Segment.position, OpenLabel.text, LabelInstance.confidence)
        .join(LabelInstance, col(LabelInstance.segment_id) == col(Segment.id))
        .join(OpenLabel, col(LabelInstance.open_label_id) == col(OpenLabel.id))
        .where(col(LabelInstance.run_id) == run_id)
        .order_by(col(Segment.trace_id), col(Segment.position))
    )
    with reading(engine) as session:
        return [tuple(row) for row in session.exec(query)]


def count(engine: sa.Engine, table: Any) -> int:
    with reading(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_a_faulty_server_leaves_the_labels_of_a_calm_one(filled: sa.Engine) -> None:
    with FakeEndpoint(faults=FAULTS) as endpoint, door_to(filled, endpoint) as door:
        run = run_labeling(filled, endpoint_labeler(door.ask), model="m")
    with FakeEndpoint() as calm, door_to(filled, calm, model="other") as door:
        calm_run = labeled(filled, door)
    assert run.status == calm_run.status == RunStatus.SUCCEEDED
    assert len(instances(filled, run.id)) == TRACES * 3
    assert instances(filled, run.id) == instances(filled, calm_run.id)
    assert len(endpoint.bodies) == TRACES + len(FAULTS)
    assert calm_run.tokens == 120 * TRACES


def test_a_capped_run_goes_on_and_pays_for_nothing_twice(filled: sa.Engine) -> None:
    cap = Budget(max_usd=4_196e-6)
    with FakeEndpoint() as endpoint:
        opened = door_to(filled, endpoint, budget=cap, price_out_usd=1.0)
        with opened as door, pytest.raises(BudgetSpent):
            labeled(filled, door)
        paid = len(endpoint.bodies)
        assert 0 < paid < TRACES
        with reading(filled) as session:
            stopped = get_run(session, 1)
            assert stopped.status == RunStatus.PARTIAL
            assert "stopped at the cap" in (stopped.message or "")
            assert stopped.cost_usd == pytest.approx(paid * 20e-6)
        with door_to(filled, endpoint) as door:
            run = run_labeling(filled, endpoint_labeler(door.ask), model="m", resume=1)
        assert len(endpoint.bodies) == TRACES
    assert run.status == RunStatus.SUCCEEDED
    assert len(instances(filled, 1)) == TRACES * 3
    assert count(filled, ModelReply) == TRACES


def test_a_new_run_of_the_same_questions_sends_nothing(filled: sa.Engine) -> None:
    with FakeEndpoint() as endpoint, door_to(filled, endpoint) as door:
        first, second = labeled(filled, door), labeled(filled, door)
        assert len(endpoint.bodies) == TRACES
    assert (first.tokens, second.tokens) == (120 * TRACES, 0)
    assert instances(filled, first.id) == instances(filled, second.id)


def test_what_stays_invalid_is_counted_and_not_asked_again(filled: sa.Engine) -> None:
    with (
        FakeEndpoint(answer=lambda _b: "no") as endpoint,
        door_to(filled, endpoint) as door,
    ):
        run = run_labeling(filled, endpoint_labeler(door.ask), model="m")
        assert len(endpoint.bodies) == 2 * TRACES
        again = run_labeling(filled, endpoint_labeler(door.ask), model="m", resume=run.id)
        assert len(endpoint.bodies) == 2 * TRACES
    assert again.status == RunStatus.PARTIAL
    with reading(filled) as session:
        items = session.exec(select(RunItem)).all()
        assert {item.status for item in items} == {ItemStatus.INVALID}
        assert all("found none" in (item.detail or "") for item in items)


def test_a_refused_key_stops_the_run_after_one_request_a_thread(
    filled: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trace is marked: the run failed, and going on tries them all."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with (
        FakeEndpoint(faults=[Fault(status=401, echo_key=True)] * 50) as endpoint,
        door_to(filled, endpoint) as door,
        pytest.raises(EndpointUnusable),
    ):
        run_labeling(filled, endpoint_labeler(door.ask, at_once=2), model="m")
    assert len(endpoint.bodies) <= 4
    with reading(filled) as session:
        run = get_run(session, 1)
        assert run.status == RunStatus.FAILED
        assert "sk-test" not in (run.message or "")
    assert count(filled, RunItem) == 0


@pytest.fixture
def frozen(filled: sa.Engine) -> sa.Engine:
    """The same with the preset frozen."""
    with transaction(filled) as session:
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    return filled


def test_a_panel_of_models_annotates_with_the_frozen_version(frozen: sa.Engine) -> None:
    vocabulary = load_vocabulary(frozen)
    with (
        FakeEndpoint(faults=FAULTS) as endpoint,
        door_to(frozen, endpoint, "model-a") as a,
        door_to(frozen, endpoint, "model-b") as b,
        door_to(frozen, endpoint, "model-c") as c,
    ):
        panel = endpoint_panel(a.ask, b.ask, c.ask, vocabulary.categories, at_once=4)
        run = run_annotation(frozen, panel, vocabulary, prompt_hash=panel_prompt_hash())
        sent = len(endpoint.bodies)
        again = run_annotation(frozen, panel, vocabulary, prompt_hash=panel_prompt_hash())
        assert len(endpoint.bodies) == sent
    assert run.status == again.status == RunStatus.SUCCEEDED
    with reading(frozen) as session:
        steps = session.exec(select(AnnotatedStep).where(col(AnnotatedStep.run_id) == run.id)).all()
        assert {"annotator_a", "annotator_b", "consensus"} <= {step.source for step in steps}
        rules = {step.rule for step in steps if step.source == "consensus"}
        assert "merged" in rules
        items = session.exec(select(RunItem).where(col(RunItem.run_id) == run.id)).all()
        assert {item.status for item in items} == {ItemStatus.DONE}
    assert count(frozen, ControlledLabel) > 0
    assert views_are_whole(vocabulary.categories)


def views_are_whole(categories: tuple[CategoryView, ...]) -> bool:
    """The model saw definitions, not only names."""
    return len(categories) == 15 and all(category.definition for category in categories)
