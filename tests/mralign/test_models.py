"""`mralign models show`: what is in force, where it comes from, and no key."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mralign.models import app
from store.errors import InvalidInput

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
