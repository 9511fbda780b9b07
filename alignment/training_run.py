"""Training under a run row: what was trained on what, how it went, and where the adapter is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.recipe import StepMetrics, TrainingConfig, TrainingError, TrainingResult
from store.engine import transaction
from store.errors import InvalidInput, NotFound
from store.runs import failing_run, finish_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Export, Run, TrainingRun

OnStep = Callable[[StepMetrics], None]
OnReference = Callable[[int, int], None]


def train_and_record(
    engine: sa.Engine,
    export_folder: Path,
    output_folder: Path,
    config: TrainingConfig,
    on_step: OnStep = lambda metrics: None,
    on_reference: OnReference = lambda done, total: None,
) -> TrainingResult:
    """Train on an export and keep the run: parameters, loss curve, counts, checkpoint.

    Raises:
        InvalidInput: the export, the policy or a setting cannot be used; the message says why.
    """
    run = start_run(
        engine,
        RunKind.TRAIN,
        parameters=asdict(config) | {"export": str(export_folder), "output": str(output_folder)},
        seed=config.seed,
        model=config.policy[:200],
    )
    with failing_run(engine, run.id):
        training_id = _start(engine, run.id, export_folder, config)
        result = _train(export_folder, output_folder, config, on_step, on_reference)
        _finish(engine, run.id, training_id, result)
    return result


def checked_config(**settings: Any) -> TrainingConfig:
    """The settings of a run, from options of the command line.

    Raises:
        InvalidInput: a setting is out of range; the message names it.
    """
    try:
        return TrainingConfig(**settings)
    except TrainingError as error:
        raise InvalidInput(str(error)) from error


def get_latest_training(session: Session) -> TrainingRun:
    """The newest training run that left a checkpoint.

    Raises:
        NotFound: there is none.
    """
    query = select(TrainingRun).where(col(TrainingRun.checkpoint).is_not(None))
    found = session.exec(query.order_by(col(TrainingRun.id).desc()).limit(1)).first()
    if found is None:
        raise NotFound(
            "expected a finished training run, found none; "
            "run `mralign export --train --policy POLICY` first, or name a --policy"
        )
    return found


def find_training_of(session: Session, checkpoint: Path) -> TrainingRun | None:
    """The training run that wrote this checkpoint."""
    query = select(TrainingRun).where(TrainingRun.checkpoint == str(checkpoint.resolve()))
    return session.exec(query.order_by(col(TrainingRun.id).desc()).limit(1)).first()


def _start(engine: sa.Engine, run_id: int, folder: Path, config: TrainingConfig) -> int:
    with transaction(engine) as session:
        same = select(Export).where(col(Export.folder).in_([str(folder), str(folder.resolve())]))
        export = session.exec(same.order_by(col(Export.id).desc()).limit(1)).first()
        training = TrainingRun(
            run_id=run_id, export_id=export.id if export else None, policy=config.policy
        )
        session.add(training)
        if export is not None:
            run = session.get_one(Run, run_id)
            run.input_hash = export.content_hash
            session.add(run)
    return training.id


def _train(
    export_folder: Path,
    output_folder: Path,
    config: TrainingConfig,
    on_step: OnStep,
    on_reference: OnReference,
) -> TrainingResult:
    """Train; what the pure modules refuse becomes an error that the user is shown."""
    from alignment.batches import BatchError
    from alignment.policy import PolicyError
    from alignment.rows import ExportFolderError
    from alignment.tokens import TokenError
    from alignment.training import train_from_export

    try:
        return train_from_export(export_folder, output_folder, config, on_step, on_reference)
    except (BatchError, PolicyError, TrainingError, ExportFolderError, TokenError) as error:
        raise InvalidInput(str(error)) from error


def _finish(engine: sa.Engine, run_id: int, training_id: int, result: TrainingResult) -> None:
    summary = asdict(replace(result, steps=()))
    del summary["steps"]
    with transaction(engine) as session:
        training = session.get_one(TrainingRun, training_id)
        training.checkpoint = str(result.checkpoint.resolve())
        training.loss_curve = [_point(step) for step in result.steps]
        session.add(training)
        finish_run(
            session,
            run_id,
            RunStatus.SUCCEEDED,
            " ".join(result.warnings) or None,
            metrics=summary | {"checkpoint": str(result.checkpoint)},
            tokens=result.tokens,
            done_items=len(result.steps),
            total_items=len(result.steps),
        )


def _point(step: StepMetrics) -> dict[str, float]:
    """One point of the curve; a figure that a step does not have is left out."""
    return {name: value for name, value in asdict(step).items() if value is not None}
