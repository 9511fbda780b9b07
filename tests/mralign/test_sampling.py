"""`mralign traces sample` from a real server to the funnel: on and off, killed, and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from mralign.traces import app
from store.engine import get_engine, reading
from store.runs import list_runs
from store.states import RunStatus
from store.tables import Trace
from tests.fakes import FakeEndpoint, Fault

THOUGHTS = "\n\n".join(f"Step {n}: I weigh what I know of it. " + "word " * 80 for n in range(6))
QUESTIONS = 8


class Policy(FakeEndpoint):
    """A policy that is right with thinking alone on even questions, without it on odd ones.

    Thoughts are filed apart where the question's number leaves 1 of 3, and inline elsewhere.
    """

    delay_s = 0.0

    def next_fault(self, body: dict[str, Any], key: str) -> Fault | None:
        """Every completion is made here; the faults come first."""
        time.sleep(self.delay_s)
        fault = super().next_fault(body, key)
        asked = body["messages"][-1]["content"]
        number, thinks = int(asked.split()[1]), thinking_on(body)
        answer = f"Gold{number}" if thinks == (number % 2 == 0) else "Wrong"
        message = {"role": "assistant", "content": f"<answer>{answer}</answer>"}
        if thinks and number % 3 == 1:
            message["reasoning_content"] = THOUGHTS
        elif thinks:
            message["content"] = f"<think>\n{THOUGHTS}\n</think>\n\n{message['content']}"
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": 300, "total_tokens": 320}
        return fault or Fault(raw_body=json.dumps({"choices": [choice], "usage": usage}))


def thinking_on(body: dict[str, Any]) -> bool:
    """What the request asks for, by the template's arguments or by the end of the question."""
    if "chat_template_kwargs" in body:
        return bool(body["chat_template_kwargs"]["enable_thinking"])
    return not body["messages"][-1]["content"].endswith("/no_think")


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Eight questions."""
    path = tmp_path / "nq.jsonl"
    lines = [{"id": f"q{n}", "question": f"Number {n} ?", "answers": [f"Gold{n}", "G"]}
             for n in range(QUESTIONS)]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database that the commands use."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MRALIGN_MODEL", "MRALIGN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return sqlite_url


def sample(endpoint: FakeEndpoint, questions: Path, *words: str) -> tuple[int, str]:
    """Run the command; its exit code and what it says."""
    given = ("sample", "--questions", str(questions), "--base-url", endpoint.base_url, "--model",
             "Qwen3", *words)  # fmt: skip
    result = CliRunner().invoke(app, given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def stored(url: str) -> dict[str, tuple[str, str, str]]:
    """Every trace by its id: mode, thinking, answer."""
    engine = get_engine(url)
    with reading(engine) as session:
        rows = session.exec(select(Trace)).all()
        found = {row.external_id: (row.thinking_mode.value, row.thinking, row.answer)
                 for row in rows}  # fmt: skip
    engine.dispose()
    return found


@pytest.mark.parametrize("switch", ["chat-template", "no-think"])
def test_draws_become_candidates(database: str, questions: Path, switch: str) -> None:
    """Three draws a mode, each a request of its own, then pairs, then the table of candidates."""
    with Policy() as endpoint:
        code, said = sample(endpoint, questions, "--switch", switch)
        assert code == 0, said
        bodies = list(endpoint.bodies)
        again, _ = sample(endpoint, questions, "--switch", switch)
        assert again == 0 and len(endpoint.bodies) == len(bodies) == 6 * QUESTIONS
    assert {(b["temperature"], b["top_p"], b["seed"]) for b in bodies} == {
        (0.2, 0.9, seed) for seed in range(3)
    }
    assert sum(map(thinking_on, bodies)) == 3 * QUESTIONS
    traces = stored(database)
    assert len(traces) == 6 * QUESTIONS
    assert {thinking for mode, thinking, _ in traces.values()} == {"", THOUGHTS}
    assert CliRunner().invoke(app, ["pair"]).exit_code == 0
    shown = CliRunner().invoke(app, ["funnel", "--draws", "3"]).output
    row = next(line.split() for line in shown.splitlines() if line.split()[:1] == ["nq"])
    assert row == ["nq", "8", "24", "12", "12", "4", "4", "4", "4"]
    assert "approximate" in shown and "all together" in shown
    few = CliRunner().invoke(app, ["candidates", "--draws", "4"]).output
    assert "fewer than 4 judged draws" in few


def test_a_dry_run_sends_nothing(database: str, questions: Path) -> None:
    with Policy() as endpoint:
        code, said = sample(endpoint, questions, "--dry-run", "--n", "2")
        assert code == 0 and endpoint.bodies == []
        assert "dry run over 8" in said and "32 requests" in said
        sample(endpoint, questions, "--n", "1")
        _, said = sample(endpoint, questions, "--dry-run", "--n", "2")
    assert "16 requests" in said
    assert len(stored(database)) == 2 * QUESTIONS


def test_a_cap_stops_and_a_later_run_goes_on(database: str, questions: Path) -> None:
    """Nothing that was paid for is lost or paid for again."""
    with Policy() as endpoint:
        with pytest.raises(Exception, match="stopped at the cap"):
            sample(endpoint, questions, "--max-tokens", "9500", "--concurrency", "1")
        paid = len(endpoint.bodies)
        assert 0 < paid < 6 * QUESTIONS
        assert sample(endpoint, questions)[0] == 0
        assert len(endpoint.bodies) == 6 * QUESTIONS
    assert len(stored(database)) == 6 * QUESTIONS


def test_what_is_no_draw_is_counted_by_its_reason(database: str, questions: Path) -> None:
    """Cut-off replies, empty ones, and a server that does not know the switch."""
    blank = {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]}
    cut = {"choices": [{"message": {"content": "<think>on and on"}, "finish_reason": "length"}]}
    faults = [Fault(raw_body=json.dumps(each)) for each in (blank, cut)]
    off = '{"switched_off": true}'  # the policy below does not know this name
    with Policy(faults=faults) as endpoint:
        code, said = sample(endpoint, questions, "--n", "1", "--thinking-off-body", off,
                            "--concurrency", "1")  # fmt: skip
    assert code == 3
    for reason in ("thinking came with thinking off", "the reply was empty", "cut off"):
        assert reason in said
    engine = get_engine(database)
    with reading(engine) as session:
        assert list_runs(session)[0].status is RunStatus.PARTIAL
    engine.dispose()
    assert {mode for mode, *_ in stored(database).values()} == {"on"}


def test_a_killed_run_goes_on_where_it_was(database: str, questions: Path, tmp_path: Path) -> None:
    """The tables are those of a run that nobody killed; paid twice is at most what was asked."""
    command = [sys.executable, "-m", "mralign", "traces", "sample", "--questions", str(questions),
               "--model", "Qwen3", "--concurrency", "2"]  # fmt: skip
    with Policy() as endpoint:
        endpoint.delay_s = 0.05
        environment = {**os.environ, "OPENAI_BASE_URL": endpoint.base_url}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(endpoint.bodies) < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        endpoint.delay_s = 0.0
        assert sample(endpoint, questions)[0] == 0
        assert 6 * QUESTIONS <= len(endpoint.bodies) <= 6 * QUESTIONS + 2
    resumed = stored(database)
    assert len(resumed) == 6 * QUESTIONS and len({t[2] for t in resumed.values()}) == 9


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--switch", "magic"), "expected a switch of chat-template, no-think"),
        (("--thinking-off-body", "[1]"), "expected a JSON object"),
        (("--thinking-off-body", "{"), "expected a JSON object"),
        (("--top-p", "0"), "expected top_p"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    database: str, questions: Path, words: tuple[str, ...], reason: str
) -> None:
    with FakeEndpoint() as endpoint, pytest.raises(Exception, match=reason):
        sample(endpoint, questions, *words)


def test_without_an_endpoint_nothing_can_be_sampled(database: str, questions: Path) -> None:
    result = CliRunner().invoke(app, ["sample", "--questions", str(questions)])
    assert "expected an endpoint" in str(result.exception)
