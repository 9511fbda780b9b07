"""`mralign traces candidates`: the funnel with every drop's reason."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alignment.export.run import pair_traces
from mralign.traces import app
from store.engine import get_engine
from store.states import VersionStatus
from tests.corpora import build_annotated_corpus


def test_the_funnel_is_shown_with_the_reasons_of_what_was_left_out(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    engine = get_engine(sqlite_url)
    build_annotated_corpus(engine, 8, VersionStatus.FROZEN)
    drops = tmp_path / "drops.jsonl"
    before = CliRunner().invoke(app, ["candidates"])
    assert before.exit_code == 0, before.output
    assert "no judgment of both answers" in before.output
    pair_traces(engine)
    after = CliRunner().invoke(app, ["candidates", "--drops", str(drops)])
    assert "right with and without thinking" in after.output
    assert "too few segments" in after.output
    assert "approximate" in after.output
    listed = [json.loads(line) for line in drops.read_text().splitlines()]
    assert len(listed) == 8
    assert {drop["step"] for drop in listed} == {"polar", "inside the length filter"}
