"""`mralign label run` and `mralign annotate run` with a language model, over real HTTP."""

import os
import re
import subprocess
import sys

import pytest
import sqlalchemy as sa

from store.engine import get_engine, transaction
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from tests.builders import add_question, add_trace
from tests.fakes import FakeEndpoint, Fault

KEY = "sk-very-secret-42"


@pytest.fixture
def filled(sqlite_url: str) -> str:
    """The URL of a database with five traces and a frozen version."""
    engine = get_engine(sqlite_url)
    with transaction(engine) as session:
        for number in range(5):
            question = add_question(session, f"question {number}")
            pieces = [f"It asks for {number}.\n\n", f"I recall {number}.\n\n", "Check."]
            add_trace(session, question, pieces, external_id=f"t{number}")
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    engine.dispose()
    return sqlite_url


def mralign(url: str, endpoint: FakeEndpoint, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would, with the endpoint in the environment."""
    environment = {
        **os.environ,
        "MRALIGN_DATABASE_URL": url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": endpoint.base_url,
    }
    command = [sys.executable, "-m", "mralign", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def every_text(url: str) -> str:
    """All that the database holds, as text."""
    engine = get_engine(url)
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        tables = [connection.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in names]
    engine.dispose()
    return repr(tables)


def test_labels_come_from_the_model_and_a_second_run_is_free(filled: str) -> None:
    with FakeEndpoint() as endpoint:
        first = mralign(filled, endpoint, "label", "run", "--model", "m")
        second = mralign(filled, endpoint, "label", "run", "--model", "m")
        assert len(endpoint.bodies) == 5
        assert set(endpoint.keys) == {KEY}
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "label run 1, by m: succeeded; traces: 5 done" in first.stdout
    assert "600 tokens" in first.stdout
    assert "15 instances" in first.stdout
    assert KEY not in every_text(filled) + first.stdout + first.stderr


def test_a_cap_stops_with_one_line_and_resume_goes_on(filled: str) -> None:
    """Room for 50 tokens beyond one reply's 4,096: three requests of 20 fit."""
    cap = ("--max-usd", "0.004146", "--price-in", "0", "--price-out", "1")
    with FakeEndpoint() as endpoint:
        stopped = mralign(filled, endpoint, "label", "run", "--model", "m", *cap)
        assert len(endpoint.bodies) == 3
        resumed = mralign(filled, endpoint, "label", "run", "--model", "m", "--resume", "1")
        assert len(endpoint.bodies) == 5
    assert stopped.returncode == 1
    assert re.search(r"^mralign: stopped at the cap of 0.0041 USD", stopped.stderr, re.MULTILINE)
    assert "Traceback" not in stopped.stderr
    assert "traces: 5 done" in resumed.stdout


def test_a_cap_on_tokens_stops_before_the_first_request(filled: str) -> None:
    with FakeEndpoint() as endpoint:
        stopped = mralign(filled, endpoint, "label", "run", "--model", "m", "--max-tokens", "100")
        assert endpoint.bodies == []
    assert stopped.returncode == 1
    assert "100 tokens" in stopped.stderr


def test_a_refused_key_is_one_line_without_the_key(filled: str) -> None:
    faults = [Fault(status=401, echo_key=True)] * 20
    with FakeEndpoint(faults=faults) as endpoint:
        refused = mralign(filled, endpoint, "label", "run", "--model", "m")
    assert refused.returncode == 1
    assert "check OPENAI_API_KEY" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert KEY not in refused.stderr + refused.stdout + every_text(filled)


def test_without_a_model_the_command_says_what_to_give(filled: str) -> None:
    with FakeEndpoint() as endpoint:
        refused = mralign(filled, endpoint, "label", "run")
    assert refused.returncode == 1
    assert "--model" in refused.stderr


def test_two_models_and_an_adjudicator_annotate(filled: str) -> None:
    models = ("--model-a", "first", "--model-b", "second", "--adjudicator", "third")
    with FakeEndpoint() as endpoint:
        done = mralign(filled, endpoint, "annotate", "run", *models)
        asked = [body["model"] for body in endpoint.bodies]
    assert done.returncode == 0, done.stderr
    assert (asked.count("first"), asked.count("second")) == (5, 5)
    assert "not independent" not in done.stdout


def test_one_model_twice_is_drawn_twice_and_said(filled: str) -> None:
    """Otherwise B would be A's kept reply, and their agreement perfect by construction."""
    with FakeEndpoint() as endpoint:
        done = mralign(filled, endpoint, "annotate", "run", "--model-a", "only")
        seeds = [body.get("seed") for body in endpoint.bodies]
    assert done.returncode == 0, done.stderr
    assert (seeds.count(None), seeds.count(1)) == (5, 5)
    assert "not independent" in done.stdout


def test_a_dry_run_sends_nothing_and_counts_what_is_not_kept(filled: str) -> None:
    price = ("--price-in", "1", "--price-out", "2")
    with FakeEndpoint() as endpoint:
        mralign(filled, endpoint, "label", "run", "--model", "m", "--limit", "2")
        rehearsed = mralign(filled, endpoint, "label", "run", "--model", "m", "--dry-run", *price)
        assert len(endpoint.bodies) == 2
        done = mralign(filled, endpoint, "label", "run", "--model", "m", *price)
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "dry run over 5 traces" in rehearsed.stdout
    assert re.search(r"^3 requests, about [\d,]+ tokens and 0\.0\d+ USD", rehearsed.stdout, re.M)
    assert "3 replies paid for, 2 kept ones used, 0 attempts failed" in done.stdout


def test_a_dry_run_of_a_panel_counts_each_role(filled: str) -> None:
    with FakeEndpoint() as endpoint:
        done = mralign(filled, endpoint, "annotate", "run", "--model-a", "only", "--dry-run")
        assert endpoint.bodies == []
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("only") == 3
    assert "15 requests" in done.stdout


def test_a_trace_that_nobody_answers_for_makes_the_exit_code_3(filled: str) -> None:
    refusing = Fault(status=400, error={"message": "no"})
    with FakeEndpoint(faults=[refusing] * 4) as endpoint:
        words = ("label", "run", "--model", "m", "--concurrency", "1")
        done = mralign(filled, endpoint, *words)
    assert done.returncode == 3, done.stderr
    assert "1 failed" in done.stdout and "attempts failed" in done.stdout
