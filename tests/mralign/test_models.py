"""`mralign models`: what is in force, where it comes from, whether it answers, and no key."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mralign.models import app
from store.errors import InvalidInput
from tests.fakes import REFUSAL, FakeEndpoint, Fault

KEY = "sk-secret-000111222"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL", "MRALIGN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "m.toml"
    path.write_text('[roles.namer]\nmodel = "\\u001b[31mred"\nkey_variable = "NAMER_KEY"\n')
    return path


def test_a_role_is_shown_with_its_sources_and_whether_its_key_is_set(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAMER_KEY", KEY)
    monkeypatch.setenv("MRALIGN_CONFIG", str(config))
    monkeypatch.setenv("MRALIGN_NAMER_AT_ONCE", "7")
    result = CliRunner().invoke(app, ["show", "--role", "namer"])
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line.split() for line in result.output.splitlines() if line.strip()}
    assert rows["key"][1:] == ["set", "NAMER_KEY"]
    assert rows["at_once"][1:] == ["7", "MRALIGN_NAMER_AT_ONCE"]
    assert rows["timeout_s"][1:] == ["120.0", "built", "in"]
    assert "[roles.namer]" in result.output and "labeler" not in result.output
    assert KEY not in result.output and "\x1b[31m" not in result.output


def test_every_role_is_shown_and_an_unknown_one_refused(config: Path) -> None:
    result = CliRunner().invoke(app, ["show", "--config", str(config)])
    for role in ("labeler", "annotator_a", "annotator_b", "adjudicator", "namer", "judge"):
        assert role in result.output
    assert "not set" in result.output
    refused = CliRunner().invoke(app, ["show", "--role", "boss"])
    assert isinstance(refused.exception, InvalidInput)


READY = '{"ready": [true]}'


def test_a_check_asks_each_model_once_and_says_what_its_server_takes(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven roles, two models; the second refuses what the schema has and some do not know."""
    monkeypatch.setenv("MRALIGN_MODEL", "small")
    monkeypatch.setenv("MRALIGN_JUDGE_MODEL", "large")
    with FakeEndpoint(lambda _b: READY, refused_keyword="uniqueItems") as endpoint:
        result = CliRunner().invoke(app, ["check", "--base-url", endpoint.base_url])
        asked = [body["model"] for body in endpoint.bodies]
        assert all(body["max_tokens"] <= 256 for body in endpoint.bodies)
    assert result.exit_code == 0, result.output
    assert (asked.count("small"), asked.count("large"), len(asked)) == (2, 2, 4)
    assert result.output.count("plain schema, max_tokens") == result.output.count("ready") == 7


@pytest.mark.parametrize(
    ("fault", "said", "exit_code"),
    [
        (Fault(status=401, echo_key=True), "check OPENAI_API_KEY", 1),
        (Fault(hang_up=True), "connection broke", 1),
        (REFUSAL, "it refused", 0),
        (Fault(finish_reason="length"), "does it think first?", 0),
        (Fault(change=lambda text: f"Sure: {text}"), "no plain JSON", 0),
    ],
)
def test_a_check_says_what_is_wrong(
    config: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, said: str, exit_code: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MRALIGN_MODEL", "m")
    with FakeEndpoint(lambda _b: READY, [fault]) as endpoint:
        words = ["check", "--role", "judge", "--base-url", endpoint.base_url]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == exit_code, result.output
    assert said in " ".join(result.output.split()) and KEY not in result.output
