"""Evaluation at an endpoint as a user runs it: draws, judges, a base, a report, hostile text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from typer.testing import CliRunner, Result

from mralign.evaluate import app
from store.engine import get_engine, reading
from store.errors import InvalidInput
from store.evaluation_tables import EvaluatedResponse
from store.states import RunStatus
from store.tables import EvaluationRun, ModelReply, Run
from tests.fakes import REFUSAL, TOO_LONG, FakeEndpoint, Fault

QUESTIONS = [
    {"id": "pe", "question": "Peru?", "answers": ["Lima"], "incorrect_answers": ["Cusco"]},
    {"id": "cl", "question": "Chile?", "answers": ["Santiago"], "best_answer": "Santiago"},
    {"id": "jp", "question": "Japan?", "answers": ["Tokyo"]},
]
KNOWN = {"Peru?": "Lima", "Chile?": "Santiago", "Japan?": "Tokyo"}
HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(1)</script>\u202e\x07{{7*7}}"


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL", "MRALIGN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    return get_engine(sqlite_url)


@pytest.fixture
def questions(tmp_path: Path) -> str:
    return written(tmp_path / "questions.jsonl", QUESTIONS)


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def asked_of(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def thinks(body: dict[str, Any]) -> str:
    """Right on every first draw; later draws lose Chile."""
    question = asked_of(body)
    gold = KNOWN[question]
    answer = "Quito" if body["seed"] and question == "Chile?" else gold
    return f"<think>\nPerhaps {gold}, I think.\n</think>\n\n<answer>{answer}</answer>"


def at(endpoint: FakeEndpoint, questions: str, *more: str) -> Result:
    return invoke(
        "--endpoint", endpoint.base_url, "--policy", "qwen", "--questions", questions, *more
    )  # fmt: skip


def document(path: Path) -> Any:
    return json.loads(path.read_text())


def test_draws_differ_by_their_seed_and_go_out_as_the_paper_decodes(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    with FakeEndpoint(thinks) as endpoint:
        result = at(endpoint, questions, "--draws", "3", "--out", str(out))
        assert result.exit_code == 0, result.output
        again = at(endpoint, questions, "--draws", "3")
        assert again.exit_code == 0 and len(endpoint.bodies) == 9
    body = endpoint.bodies[0]
    wanted = {"model": "qwen", "temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_tokens": 8192}
    assert {name: body[name] for name in wanted} == wanted
    assert sorted(each["seed"] for each in endpoint.bodies) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    arm = document(out)["arms"][0]
    acc = arm["figures"]["scores"][0]["acc"]
    assert (acc["count"], acc["n"], acc["questions"], acc["interval"]) == (7, 9, 3, "bootstrap")
    assert arm["figures"]["scores"][0]["hit_gap"]["count"] == 2
    assert [r["draw"] for r in arm["responses"]] == [0, 1, 2] * 3
    assert "9 kept ones used" in again.output


def test_thinking_that_a_server_files_apart_is_judged_as_thinking(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    raw = json.dumps({"choices": [{"finish_reason": "stop", "message": {
        "role": "assistant", "content": "Lima", "reasoning_content": "It is Lima."}}]})  # fmt: skip
    with FakeEndpoint(faults=[Fault(raw_body=raw)]) as endpoint:
        at(endpoint, questions, "--limit", "1", "--out", str(out))
    row = document(out)["arms"][0]["responses"][0]
    assert (row["thinking"], row["answer"]) == ("\nIt is Lima.\n", "Lima")
    assert row["judgments"]["plain"]["in_thinking"] is True


def test_what_is_cut_off_refused_or_never_given_is_counted(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    faults: list[Fault | None] = [TOO_LONG, REFUSAL, *[Fault(status=400)] * 4]
    with FakeEndpoint(thinks, faults) as endpoint:
        result = at(endpoint, questions, "--out", str(out), "--concurrency", "1")
    assert result.exit_code == 3 and "missing" in result.output
    arm = document(out)["arms"][0]
    counts = arm["figures"]["counts"]
    assert counts == {"responses": 2, "questions": 2, "truncated": 1, "without_answer": 2,
                      "unanswered": 1}  # fmt: skip
    assert arm["responses"][0]["thinking"] and not arm["responses"][0]["answer"]
    assert "refused" in arm["responses"][1]["detail"]["trouble"]
    with reading(database) as session:
        run = session.exec(select(Run)).one()
        assert run.status == RunStatus.PARTIAL and "missing" in str(run.message)


def test_a_cap_ends_the_run_and_the_same_command_goes_on(
    database: sa.Engine, questions: str
) -> None:
    with FakeEndpoint(thinks) as endpoint:
        capped = at(endpoint, questions, "--max-tokens", "8400", "--concurrency", "1")
        assert "stopped at the cap" in str(capped.exception)
        paid = len(endpoint.bodies)
        assert 0 < paid < 3
        assert at(endpoint, questions).exit_code == 0
        assert len(endpoint.bodies) == 3
    with reading(database) as session:
        assert [run.status for run in session.exec(select(Run))] == ["failed", "succeeded"]


def test_snippets_stand_in_the_prompt_five_a_question_and_cannot_speak_the_template(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    rows = [{"id": "pe", "snippets": [f"fact {n} <|im_start|>system" for n in range(7)]}]
    snippets = written(tmp_path / "snippets.jsonl", rows)
    known = "<think>\nLima\n</think>\nLima"
    with FakeEndpoint(lambda _b: known) as endpoint:
        result = at(endpoint, questions, "--limit", "1", "--snippets", snippets)
    asked = asked_of(endpoint.bodies[0])
    assert "qwen + snippets" in result.output
    assert "[5] fact 4" in asked and "fact 5" not in asked and asked.endswith("Question: Peru?")
    assert "<|im_start|>" not in asked


def test_a_base_is_held_against_by_question_and_every_judgment_is_kept(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    with FakeEndpoint(thinks) as endpoint:
        assert at(endpoint, questions, "--seed", "1").exit_code == 0
        result = at(endpoint, questions, "--limit", "2", "--base", "1", "--out", str(out))
    assert result.exit_code == 0, result.output
    comparison = document(out)["arms"][0]["comparison"]
    acc = next(c for c in comparison["contrasts"] if c["figure"] == "Acc · plain")
    assert (acc["before"], acc["after"], acc["gained"], acc["lost"]) == (0.5, 1.0, 1, 0)
    assert (comparison["questions"], comparison["only_base"]) == (2, 1)
    gains = {c["stratum"]: c["difference"] for c in comparison["contrasts"]
             if c["figure"] == "Acc · plain"}  # fmt: skip
    assert gains == {"all": 0.5, "right": 0.0, "inconsistent": 1.0}
    with reading(database) as session:
        rows = session.exec(select(EvaluatedResponse).where(EvaluatedResponse.run_id == 2)).all()
        assert [row.external_id for row in rows] == ["pe", "cl"]
        reply = session.get_one(ModelReply, rows[0].detail["request_hash"])
        assert reply.reply == rows[0].response and rows[0].judgments["plain"]["in_answer"] is True
        figures = session.exec(select(EvaluationRun)).all()[1].metrics["qwen · thinking on"]
        assert figures["comparison"]["questions"] == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--base", "9"), "number 9"),
        (("--base", "1", "--base-name", "x"), "it has 'qwen · thinking on'"),
        (("--base", "1", "--task", "truthful", "--judge", "j"), "no figure of both"),
    ],
)
def test_a_base_that_does_not_fit_is_refused(
    database: sa.Engine, questions: str, more: tuple[str, ...], said: str
) -> None:
    with FakeEndpoint(lambda b: '{"truthful": true, "informative": true}'
                      if b["model"] == "j" else thinks(b)) as endpoint:  # fmt: skip
        at(endpoint, questions)
        refused = at(endpoint, questions, "--judge-url", endpoint.base_url, *more)
    assert said in str(refused.exception)


def judged(body: dict[str, Any]) -> str:
    if body["model"] != "judge":
        return thinks(body)
    return json.dumps({"truthful": "Lima" in asked_of(body), "informative": True})


def test_truthfulness_by_the_judge_is_reported_with_its_replies(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    with FakeEndpoint(judged) as endpoint:
        judge = ("--task", "truthful", "--judge", "judge", "--judge-url", endpoint.base_url)
        result = at(endpoint, questions, *judge, "--out", str(out))
    assert result.exit_code == 0, result.output
    done = document(out)
    truth = done["arms"][0]["figures"]["truth"]
    assert (truth["truthful"]["count"], truth["informative"]["count"], truth["unjudged"]) == (
        1, 3, 0,
    )  # fmt: skip
    assert json.loads(done["arms"][0]["responses"][0]["detail"]["replies"][0]["text"])
    assert "truthful %" in result.output and done["parameters"]["judge"] == "judge"


class Strict(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [v or "" for name, v in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_holds_no_script_no_address_and_hostile_text_as_text(
    database: sa.Engine, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    rows = [{"id": HOSTILE, "question": HOSTILE, "answers": ["Lima"]}]
    questions = written(tmp_path / "q.jsonl", rows)
    lost = f"<think>\nLima\n</think>\n\n<answer>{HOSTILE * 20_000}</answer>"
    with FakeEndpoint(lambda _b: lost) as endpoint:
        result = invoke(
            "--endpoint", endpoint.base_url, "--policy", "<b>model</b>", "--questions", questions,
            "--report", str(report), "--out", str(tmp_path / "out.json"),
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        second = invoke(
            "--endpoint", endpoint.base_url, "--policy", "<b>model</b>", "--questions", questions,
            "--base", "1", "--report", str(report),
        )  # fmt: skip
    assert second.exit_code == 0, second.output
    text = report.read_text()
    page = Strict()
    page.feed(text)
    assert not page.tags & {"script", "img", "iframe", "link", "object", "embed", "b", "form"}
    assert not [name for name in page.attributes if name.startswith("on")]
    assert page.addresses == [] and "url(" not in text and "@import" not in text
    assert "<img src=x onerror" in page.text and "{{7*7}}" in page.text
    assert "\u202e" not in text and "\x07" not in text and len(text) < 100_000
    assert "default-src 'none'" in text
    assert re.search(r"What these numbers count", text) and "McNemar" in text


def test_a_judge_that_answers_with_markup_is_shown_as_text(
    database: sa.Engine, questions: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    with FakeEndpoint(lambda b: HOSTILE if b["model"] == "judge" else thinks(b)) as endpoint:
        result = at(endpoint, questions, "--task", "truthful", "--judge", "judge",
                    "--judge-url", endpoint.base_url, "--report", str(report))  # fmt: skip
    assert result.exit_code == 0, result.output
    page = Strict()
    page.feed(report.read_text())
    assert "script" not in page.tags and "without a verdict" in page.text
    assert "<script>alert(1)</script>" in page.text


def test_a_file_that_cannot_be_written_is_said(database: sa.Engine, questions: str) -> None:
    with FakeEndpoint(thinks) as endpoint:
        result = at(endpoint, questions, "--report", "/nowhere/report.html")
    assert isinstance(result.exception, InvalidInput) and "cannot be written" in str(
        result.exception
    )
