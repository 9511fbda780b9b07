"""`mralign explain-weight`: one place of an export, in three formats."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alignment.export.run import export_training_set, pair_traces
from mralign.main import app
from store.engine import get_engine
from store.errors import InvalidInput, NotFound
from store.states import VersionStatus
from tests.corpora import build_annotated_corpus


@pytest.fixture
def export(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    engine = get_engine(sqlite_url)
    build_annotated_corpus(engine, 8, VersionStatus.FROZEN)
    pair_traces(engine)
    return str(export_training_set(engine, tmp_path / "out").export_id)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain-weight", *arguments])


def test_a_segment_and_a_character_of_it_are_explained_alike(export: str, tmp_path: Path) -> None:
    segment, character = run(export, "q0/on", "--segment", "0"), run(export, "q0/on", "--char", "9")
    assert segment.exit_code == 0, segment.output
    assert segment.output == character.output
    assert "move {start} → {framing}" in segment.output
    assert run(str(tmp_path / "out"), "q0/on", "--segment", "0").output == segment.output


def test_json_and_prov_can_be_parsed(export: str) -> None:
    found = json.loads(run(export, "q0/on", "--char", "9", "--format", "json").stdout)
    assert found["unit"]["labels"] == ["framing"]
    prov = json.loads(run(export, "q0/on", "--char", "9", "--format", "prov").stdout)
    assert {"prefix", "entity", "activity", "agent", "wasDerivedFrom"} <= set(prov)


def test_without_a_place_the_weights_of_the_trace_are_listed(export: str) -> None:
    result = run(export, "q1/on")
    assert result.exit_code == 0, result.output
    assert "q1/on, negative" in result.output
    assert result.output.count("framing") == 2


@pytest.mark.parametrize(
    "place", [("--segment", "0", "--char", "1"), ("--token", "0"), ("--tokenizer", "x")]
)
def test_places_that_do_not_go_together_are_a_usage_error(
    export: str, place: tuple[str, ...]
) -> None:
    assert run(export, "q0/on", *place).exit_code == 2


def test_what_is_not_there_is_said(export: str, tmp_path: Path) -> None:
    assert isinstance(run("99", "q0/on", "--segment", "0").exception, NotFound)
    assert isinstance(run(export, "q0/on", "--segment", "9").exception, NotFound)
    pytest.importorskip("transformers")
    hollow = run(export, "q0/on", "--token", "0", "--tokenizer", str(tmp_path))
    assert isinstance(hollow.exception, InvalidInput)


@pytest.mark.models
def test_a_token_is_explained_by_its_first_character(export: str, tmp_path: Path) -> None:
    from alignment.policies.tiny import build_tiny_policy

    policy = str(build_tiny_policy(["So it is Gold1. Let me check."], tmp_path / "tiny"))
    arguments = (export, "q0/on", "--tokenizer", policy, "--format", "json", "--token")
    assert json.loads(run(*arguments, "0").stdout)["region"] == "markup"
    found = json.loads(run(*arguments, "30").stdout)
    assert found["region"] == "thinking"
    assert isinstance(run(*arguments, "100000").exception, InvalidInput)
