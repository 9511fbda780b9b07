"""`mralign train`: a recipe checked, run, recorded as it goes, and run again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from mralign.train import app
from store.engine import get_engine, reading
from store.errors import InvalidInput
from store.states import RunKind, RunStatus
from store.tables import Run, TrainingRun
from tests.alignment.conftest import export_record, write_export

pytestmark = pytest.mark.models


@pytest.fixture
def recipe(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    from alignment.policies.tiny import build_tiny_policy

    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    write_export(tmp_path / "data", [export_record(number) for number in range(8)])
    build_tiny_policy(["So it is Lima. Let me check."], tmp_path / "policy")
    settings = {
        "export": "data", "output": "out", "policy": str(tmp_path / "policy"), "device": "cpu",
        "max_steps": 3, "accumulation": 1, "learning_rate": 1e-3, "lora_r": 4,
    }  # fmt: skip
    path = tmp_path / "run.json"
    path.write_text(json.dumps(settings))
    yield path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    recipe: Path, sqlite_url: str, tmp_path: Path
) -> None:
    result = run(str(recipe), "--dry-run")
    assert result.exit_code == 0, (result.output, result.exception)
    for said in ("8 trained on", "3 of 2 × 1 rows", "lora", "memory"):
        assert said in result.output
    assert not (tmp_path / "out").exists()
    with reading(get_engine(sqlite_url)) as session:
        assert session.exec(select(Run)).first() is None


def test_the_row_says_how_far_a_run_is_while_it_trains(
    recipe: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignment.training import run
    from alignment.training.launching import read_recipe

    monkeypatch.setattr(run, "LIVE_EVERY_S", 0.0)
    engine = get_engine(sqlite_url)
    seen: list[tuple[int, int | None, int, Any]] = []

    def look(metrics: Any) -> None:
        with reading(engine) as session:
            row = session.exec(select(Run).where(Run.kind == RunKind.TRAIN)).one()
            curve = session.exec(select(TrainingRun.loss_curve)).one()
        assert row.status == RunStatus.RUNNING and row.metrics["weights"]["max"] == 2.0
        seen.append((row.done_items, row.total_items, len(curve), row.metrics["newest"]["loss"]))

    told = read_recipe(recipe)
    found = run.train_and_record(engine, told.export, told.output, told.config, look)
    assert seen == [(n, 3, n, step.loss) for n, step in enumerate(found.steps, start=1)]


def test_what_a_run_wrote_runs_again_to_the_same_losses(
    recipe: Path, sqlite_url: str, tmp_path: Path
) -> None:
    for file in (recipe, tmp_path / "out" / "recipe.json"):
        result = run(str(file))
        assert result.exit_code == 0, (result.output, result.exception)
    assert "checkpoint in" in result.output
    with reading(get_engine(sqlite_url)) as session:
        curves = session.exec(select(TrainingRun.loss_curve)).all()
    assert len(curves) == 2
    assert [point["loss"] for point in curves[0]] == [point["loss"] for point in curves[1]]
    assert curves[0][0]["tokens_per_s"] > 0 and curves[0][0]["weight_mean"] != 1.0


def test_a_key_that_is_none_is_refused_by_name(recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("max_steps", "maxsteps"))
    result = run(str(recipe))
    assert isinstance(result.exception, InvalidInput)
    assert "did you mean 'max_steps'" in str(result.exception)
    assert not (tmp_path / "out").exists()
