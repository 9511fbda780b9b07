"""`mralign label run --batch` and `mralign batches`, as users run them, killed where it hurts."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from mralign.annotate import app as annotate_app
from mralign.batches import app as batches_app
from mralign.label import app as label_app
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput
from store.tables import AnnotatedStep, ControlledLabel, LabelInstance, Run
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from tests.builders import add_question, add_trace
from tests.fakes import FakeEndpoint

TRACES = 6
BATCH = ("run", "--model", "m", "--batch", "--poll-s", "0.01")
PRICES = ("--price-in", "1", "--price-out", "2")


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with a few traces, and no endpoint yet."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    with transaction(get_engine(sqlite_url)) as session:
        for number in range(TRACES):
            question = add_question(session, f"question {number}")
            add_trace(session, question, [f"It asks for {number}.\n\n", "Check."],
                      external_id=f"t{number}")  # fmt: skip
    return sqlite_url


@pytest.fixture
def frozen(database: str) -> str:
    """The same with a frozen version."""
    with transaction(get_engine(database)) as session:
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    return database


def label(endpoint: FakeEndpoint, *words: str) -> Result:
    return CliRunner().invoke(label_app, [*words, "--base-url", endpoint.base_url])


def batches(*words: str) -> Result:
    return CliRunner().invoke(batches_app, words)


def runs(url: str) -> list[Run]:
    with reading(get_engine(url)) as session:
        return list(session.exec(select(Run).order_by("id")))


def instances(url: str) -> int:
    with reading(get_engine(url)) as session:
        return len(session.exec(select(LabelInstance)).all())


def test_a_batch_labels_every_trace_at_half_the_price(database: str) -> None:
    with FakeEndpoint() as endpoint:
        rehearsed = label(endpoint, *BATCH, *PRICES, "--dry-run")
        assert (endpoint.bodies, endpoint.desk.steps) == ([], [])
        done = label(endpoint, *BATCH, *PRICES)
        assert (len(endpoint.bodies), len(endpoint.desk.ordered())) == (1, TRACES - 1)
    assert f"{TRACES} requests" in rehearsed.stdout
    assert done.exit_code == 0, done.output
    assert f"label run 1, by m: succeeded; traces: {TRACES} done" in done.stdout
    (run,) = runs(database)
    assert run.cost_usd == pytest.approx(140e-6 + (TRACES - 1) * 70e-6)
    assert f"{TRACES} replies paid for" in done.stdout
    assert instances(database) == 2 * TRACES
    listed = batches()
    assert "closed" in listed.stdout and "completed" in listed.stdout


def test_annotators_are_asked_in_batches_and_then_their_adjudicator(frozen: str) -> None:
    """A, B and what they leave open; the same labels as from requests one by one, bought once."""
    models = ("--model-a", "a", "--model-b", "b", "--adjudicator", "c")
    with FakeEndpoint() as endpoint:
        words = ("run", *models, "--base-url", endpoint.base_url)
        batched = CliRunner().invoke(annotate_app, [*words, "--batch", "--poll-s", "0.01"])
        assert batched.exit_code == 0, batched.output
        asked, ordered = len(endpoint.bodies), len(endpoint.desk.ordered())
        assert ordered > 2 * TRACES - 3 and len(endpoint.desk.batches) >= 2
        plain = CliRunner().invoke(annotate_app, words)
        assert plain.exit_code == 0, plain.output
        assert len(endpoint.bodies) == asked, "every reply was kept"
    first, second = runs(frozen)
    assert first.tokens > 0 and second.tokens == 0
    assert controlled(frozen, first.id) == controlled(frozen, second.id) != []


def controlled(url: str, run_id: int) -> list[str]:
    """Every label of a run: whose, of which trace, which, how sure."""
    query = (
        select(AnnotatedStep, ControlledLabel)
        .join(ControlledLabel, col(ControlledLabel.step_id) == col(AnnotatedStep.id))
        .where(col(AnnotatedStep.run_id) == run_id)
    )
    with reading(get_engine(url)) as session:
        rows = [(step.source, step.trace_id, step.first_segment, label.category_id,
                 label.confidence) for step, label in session.exec(query)]  # fmt: skip
    return sorted(map(repr, rows))


@pytest.mark.parametrize("other", ["--offline", "--distilled=x"])
def test_batches_need_annotators_at_an_endpoint(frozen: str, other: str) -> None:
    refused = CliRunner().invoke(annotate_app, ["run", "--batch", other])
    assert isinstance(refused.exception, InvalidInput) and "--batch" in str(refused.exception)


def test_a_command_that_does_not_wait_says_how_it_goes_on(database: str) -> None:
    with FakeEndpoint() as endpoint:
        endpoint.desk.looks = 1
        left = label(endpoint, *BATCH, "--no-wait")
        assert left.exit_code == 0, left.output
        assert "`mralign label run --batch --resume 1`" in left.stdout
        (run,) = runs(database)
        assert (run.status, run.message) == ("running", left.stdout.splitlines()[0])
        assert "in_progress" in batches("collect").stdout
        collected = batches("collect")
        assert "1 of 1 batches are back" in collected.stdout
        done = label(endpoint, *BATCH, "--resume", "1")
        assert len(endpoint.desk.batches) == 1
    assert f"traces: {TRACES} done" in done.stdout
    assert runs(database)[0].tokens == 120 * TRACES


def test_a_cancelled_batch_keeps_what_it_has_and_the_run_says_what_is_missing(
    database: str,
) -> None:
    with FakeEndpoint() as endpoint:
        endpoint.desk.answered = 2
        label(endpoint, *BATCH, "--no-wait")
        assert "cancelling" in batches("cancel", "1").stdout
        done = label(endpoint, *BATCH, "--resume", "1")
        assert len(endpoint.desk.batches) == 1
        assert done.exit_code == 3
        assert "3 done" in done.stdout and "3 failed" in done.stdout
        direct = label(endpoint, "run", "--model", "m", "--resume", "1")
    assert direct.exit_code == 0, direct.output
    assert instances(database) == 2 * TRACES


def test_a_batch_needs_an_endpoint(database: str) -> None:
    result = CliRunner().invoke(label_app, ["run", "--batch", "--offline"])
    assert isinstance(result.exception, InvalidInput)


def killing_at(step: str, processes: list[subprocess.Popen[str]]) -> Callable[[str], None]:
    """Kill the newest process at a step: the server has done it and has not said so."""

    def on_step(taken: str) -> None:
        if taken == step:
            os.kill(processes[-1].pid, signal.SIGKILL)

    return on_step


def test_a_command_killed_between_its_steps_orders_and_pays_for_nothing_twice(
    database: str,
) -> None:
    """Four processes: three are killed while the server's answer is on its way."""
    processes: list[subprocess.Popen[str]] = []
    with FakeEndpoint() as endpoint:
        for step in ("POST files all", "POST batches all", "GET files content", None):
            endpoint.desk.on_step = killing_at(step, processes) if step else lambda _step: None
            resume = ["--resume", "1"] if processes else []
            words = ["label", *BATCH, *PRICES, "--base-url", endpoint.base_url, *resume]
            processes.append(subprocess.Popen([sys.executable, "-m", "mralign", *words], text=True,
                                              stdout=subprocess.PIPE))  # fmt: skip
            said, _ = processes[-1].communicate(timeout=120)
        assert [p.returncode for p in processes] == [-signal.SIGKILL] * 3 + [0]
        assert f"traces: {TRACES} done" in said
        ordered = Counter(endpoint.desk.ordered())
        uploads = [name for name, _ in endpoint.desk.files.values() if name.startswith("mralign-")]
        assert (len(endpoint.bodies), len(endpoint.desk.batches), len(uploads)) == (1, 1, 1)
    assert (len(ordered), ordered.total()) == (TRACES - 1, TRACES - 1)
    (run,) = runs(database)
    assert run.cost_usd == pytest.approx(140e-6 + (TRACES - 1) * 70e-6)
    assert instances(database) == 2 * TRACES
