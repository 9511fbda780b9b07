"""`mralign export`: a folder from a database, and training on it."""

import json
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from alignment.export.run import pair_traces
from mralign.export import app
from store.engine import get_engine, reading
from store.errors import InvalidInput
from store.states import VersionStatus
from store.tables import Export, TrainingRun
from tests.corpora import build_annotated_corpus


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    monkeypatch.chdir(tmp_path)
    engine = get_engine(sqlite_url)
    build_annotated_corpus(engine, 24, VersionStatus.FROZEN)
    pair_traces(engine)
    return sqlite_url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_exports_are_numbered_where_no_folder_is_named(database: str, tmp_path: Path) -> None:
    for number in ("001", "002"):
        result = run()
        assert result.exit_code == 0, result.output
        assert (tmp_path / "exports" / number / "manifest.json").is_file()
    assert "length filter is counted only" in result.output
    assert "approximate" in result.output
    with reading(get_engine(database)) as session:
        folders = session.exec(select(Export.folder)).all()
    assert folders == [str(tmp_path / "exports" / number) for number in ("001", "002")]


def test_the_presets_and_the_share_reach_the_manifest(database: str, tmp_path: Path) -> None:
    result = run("--out", "out", "--preset", "paper", "--validation-share", "0.5")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["transitions"]["preset"]["iterations"] == 5
    assert manifest["validation_share"] == 0.5
    assert manifest["files"]["validation.jsonl"]["rows"] > 0


def test_training_without_a_policy_is_a_usage_error(database: str, tmp_path: Path) -> None:
    assert run("--train").exit_code == 2
    assert not (tmp_path / "exports").exists()


def test_a_policy_without_a_tokenizer_is_refused_before_anything_is_written(
    database: str, tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "hollow").mkdir()
    result = run("--policy", str(tmp_path / "hollow"))
    assert isinstance(result.exception, InvalidInput)
    assert "hollow" in str(result.exception)
    assert not (tmp_path / "exports").exists()


@pytest.mark.models
def test_train_goes_from_the_database_to_a_checkpoint(database: str, tmp_path: Path) -> None:
    from alignment.policies.tiny import build_tiny_policy

    policy = build_tiny_policy(["So it is Gold1. Let me check."], tmp_path / "tiny")
    result = run(
        "--out", "out", "--train", "--policy", str(policy), "--max-steps", "2",
        "--accumulation", "1", "--learning-rate", "0.001",
    )  # fmt: skip
    assert result.exit_code == 0, (result.output, result.exception)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["tokenizer"] == str(policy)
    with reading(get_engine(database)) as session:
        training = session.exec(select(TrainingRun)).one()
        assert session.get_one(Export, training.export_id).folder == str(tmp_path / "out")
    assert [point["step"] for point in training.loss_curve] == [1, 2]
    assert Path(str(training.checkpoint)).is_dir()


def test_more_formats_are_asked_for_by_name(database: str, tmp_path: Path) -> None:
    result = run("--out", "out", "--formats", "trl, llama-factory", "--replicates", "0")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "trl" / "train.jsonl").is_file()
    assert (tmp_path / "out" / "llama_factory" / "dataset_info.json").is_file()
    assert "left out" in result.output
    assert run("--out", "more", "--formats", "csv").exit_code == 2
    assert not (tmp_path / "more").exists()


def test_balance_and_shrinkage_reach_the_manifest(database: str, tmp_path: Path) -> None:
    result = run("--out", "out", "--balance", "--shrink", "3", "--replicates", "10")
    assert result.exit_code == 0, result.output
    transitions = json.loads((tmp_path / "out" / "manifest.json").read_text())["transitions"]
    assert (transitions["balanced"], transitions["shrinkage_moves"]) == (True, 3.0)
