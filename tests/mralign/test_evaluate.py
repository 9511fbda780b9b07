"""Training and evaluation as a user starts them: rows kept, figures printed, refusals in a line."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from typer.testing import CliRunner, Result

from alignment.export.run import pair_traces
from mralign.evaluate import app
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput, MralignError, NotFound
from store.evaluation_tables import EvaluatedResponse
from store.run_tables import RunReport
from store.states import RunKind, RunStatus, VersionStatus
from store.tables import EvaluationRun, Run, TrainingRun
from store.traces import add_traces
from tests.corpora import build_annotated_corpus


@dataclass(frozen=True)
class Sample:
    """A trace as the importer hands it over."""

    external_id: str
    question: str
    gold_answers: tuple[str, ...]
    thinking: str
    answer: str
    thinking_mode: str = "on"
    model: str = "sampled"
    dataset: str | None = None

    @property
    def details(self) -> dict[str, Any]:
        return {}


SAMPLES = [
    Sample("1", "Peru?", ("Lima",), "It is Lima.", "<answer>Lima</answer>"),
    Sample("2", "Chile?", ("Santiago",), "It is Santiago.", "Valparaíso"),
    Sample("3", "Japan?", ("Tokyo",), "I cannot recall.", "Answer: Tokyo."),
    Sample("4", "Peru?", ("Lima",), "", "Cusco", thinking_mode="off"),
]


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL", "MRALIGN_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    return get_engine(sqlite_url)


@pytest.fixture
def with_traces(database: sa.Engine) -> sa.Engine:
    with transaction(database) as session:
        add_traces(session, SAMPLES, lambda text: [(0, len(text))] if text else [])
    return database


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def test_imported_traces_are_scored_by_model_and_mode(
    with_traces: sa.Engine, tmp_path: Path
) -> None:
    result = invoke("--traces", "--out", str(tmp_path / "scores.json"))
    assert result.exit_code == 0, result.output
    off, on = json.loads((tmp_path / "scores.json").read_text())["arms"]
    assert (off["thinking"], on["thinking"]) == ("off", "on")
    plain = on["figures"]["scores"][0]
    assert [plain[name]["count"] for name in ("acc", "mis", "hit_gap", "em_answer")] == [1, 2, 1, 2]
    assert off["figures"]["scores"][0]["mis"] is None
    assert "33.33" in result.output and "66.67" in result.output
    with reading(with_traces) as session:
        row = session.exec(select(EvaluationRun)).one()
        assert row.metrics["sampled · thinking on"]["plain"]["acc"]["count"] == 1
        assert session.get_one(Run, row.run_id).status == RunStatus.SUCCEEDED


def test_the_limit_holds_for_each_group(with_traces: sa.Engine, tmp_path: Path) -> None:
    invoke("--traces", "--limit", "2", "--out", str(tmp_path / "scores.json"))
    arms = json.loads((tmp_path / "scores.json").read_text())["arms"]
    assert [each["figures"]["scores"][0]["n"] for each in arms] == [1, 2]


def refusal(*arguments: str) -> str:
    error = invoke(*arguments).exception
    assert isinstance(error, MralignError)
    return str(error)


def test_what_cannot_be_evaluated_is_refused_with_the_way_out(
    database: sa.Engine, tmp_path: Path
) -> None:
    assert "traces import" in refusal("--traces")
    assert "export --train" in refusal()
    assert "stands alone" in refusal("--traces", "--policy", "p")
    assert "adapter_config" in refusal("--adapter", str(tmp_path))
    assert "temperature" in refusal("--policy", "p", "--temperature", "-1")
    assert "traces import" in refusal("--policy", "p")
    assert "cannot be read" in refusal("--policy", "p", "--questions", str(tmp_path / "none"))
    assert "judge" in refusal("--traces", "--task", "truthful")
    assert "policy" in refusal("--endpoint", "http://127.0.0.1:1/v1")
    assert "leave one out" in refusal("--endpoint", "http://127.0.0.1:1/v1", "--adapter", "a")
    assert "greedy" in refusal("--policy", "p", "--draws", "2", "--temperature", "0")
    assert "go together" in refusal("--traces", "--before", "run=1")


@pytest.mark.models
def test_a_missing_policy_is_a_failed_run(with_traces: sa.Engine) -> None:
    assert "does not exist" in refusal("--policy", "./nowhere")
    with reading(with_traces) as session:
        run = session.exec(select(Run).where(Run.kind == RunKind.EVALUATE)).one()
        assert run.status == RunStatus.FAILED and "does not exist" in str(run.message)


def test_settings_out_of_range_are_the_users_to_mend() -> None:
    from alignment.training.run import checked_config

    with pytest.raises(InvalidInput, match="beta"):
        checked_config(policy="p", beta=0)


@pytest.fixture
def export_folder(tmp_path: Path) -> Path:
    """An export of four rows."""
    folder = tmp_path / "export"
    folder.mkdir()
    rows = [_row(number) for number in range(4)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "manifest.json").write_text('{"taxonomy": {"content_hash": "0123abcd"}}')
    return folder


def _row(number: int) -> dict[str, Any]:
    content = f"<think>\nIt is Lima {number}.\n</think>\n\n<answer>Lima</answer>"
    return {
        "id": f"row-{number}",
        "question_key": f"question-{number}",
        "prompt": [{"role": "user", "content": f"Peru {number}?"}],
        "completion": [{"role": "assistant", "content": content}],
        "label": number != 3,
        "segments": [{"start": 8, "end": 21, "weight": 1.5, "clipped": False}],
    }


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    from alignment.policies.tiny import build_tiny_policy

    return str(build_tiny_policy(["It is Lima, I recall. Peru?"] * 9, tmp_path / "tiny"))


Train = Callable[..., Any]


@pytest.fixture
def train(database: sa.Engine, export_folder: Path, tiny: str, tmp_path: Path) -> Train:
    from alignment.training.run import checked_config, train_and_record

    def start(folder: Path = export_folder) -> Any:
        config = checked_config(policy=tiny, max_steps=2, batch_size=4, lora_r=4, device="cpu")
        return train_and_record(database, folder, tmp_path / "trained", config)

    return start


@pytest.mark.models
def test_a_training_run_keeps_its_curve_and_the_next_evaluation_finds_it(
    train: Train, with_traces: sa.Engine
) -> None:
    result = train()
    with reading(with_traces) as session:
        training = session.exec(select(TrainingRun)).one()
        run = session.get_one(Run, training.run_id)
    assert [point["loss"] for point in training.loss_curve] == [s.loss for s in result.steps]
    assert training.loss_curve[0]["loss"] == pytest.approx(0.5625, abs=1e-5)
    assert run.status == RunStatus.SUCCEEDED and run.metrics["taxonomy_hash"] == "0123abcd"
    assert run.parameters["lambda_r"] == 1.5 and run.tokens == result.tokens
    evaluated = invoke("--max-new-tokens", "4", "--limit", "2", "--draws", "2")
    assert evaluated.exit_code == 0, evaluated.output
    with reading(with_traces) as session:
        row = session.exec(select(EvaluationRun)).one()
        assert row.training_run_id == training.id and row.dataset == "imported questions"
        kept = session.exec(select(EvaluatedResponse)).all()
        assert [one.draw for one in kept] == [0, 1, 0, 1]
        assert all(one.detail == {"truncated": True} for one in kept)
        assert session.get_one(Run, row.run_id).parameters["adapter"] == training.checkpoint


@pytest.mark.models
def test_a_refused_training_is_a_failed_run_without_a_checkpoint(
    train: Train, database: sa.Engine, tmp_path: Path
) -> None:
    from alignment.training.run import get_latest_training

    with pytest.raises(InvalidInput, match="mralign export"):
        train(tmp_path / "nowhere")
    with reading(database) as session:
        assert session.exec(select(Run)).one().status == RunStatus.FAILED
        with pytest.raises(NotFound, match="export --train"):
            get_latest_training(session)


def test_the_help_names_every_figure() -> None:
    text = invoke("--help").output
    assert all(word in text for word in ("Acc", "Mis", "--questions", "--traces", "--adapter"))


def test_transitions_before_and_after_stand_in_the_report(
    database: sa.Engine, tmp_path: Path
) -> None:
    build_annotated_corpus(database, 8, VersionStatus.FROZEN)
    pair_traces(database)
    report, out = tmp_path / "report.html", tmp_path / "out.json"
    groups = ("--before", "polarity=negative", "--after", "polarity=positive")
    result = invoke("--traces", *groups, "--report", str(report), "--out", str(out))
    assert result.exit_code == 0, result.output
    page = report.read_text()
    assert "Transitions before and after" in page and "beyond chance" in page
    assert "polarity=positive minus polarity=negative" in page
    with reading(database) as session:
        assert session.exec(select(RunReport)).one().html == page, "the run keeps it too"
    found = json.loads(out.read_text())["transitions"]
    assert found["states"][0] == "start" and found["mean_l1"] > 0
