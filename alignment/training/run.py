"""Training under a run row: what was trained on what, how it went, and where the adapter is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.training.recipe import StepMetrics, TrainingConfig, TrainingResult, config_from
from store.engine import transaction
from store.errors import InvalidInput, NotFound
from store.progress import both
from store.runs import failing_run, finish_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Export, Run, TrainingRun

if TYPE_CHECKING:
    from alignment.training.preparation import Prepared

OnStep = Callable[[StepMetrics], None]
OnReference = Callable[[int, int], None]
LIVE_EVERY_S = 2.0


def train_and_record(
    engine: sa.Engine,
    export_folder: Path,
    output_folder: Path,
    config: TrainingConfig,
    on_step: OnStep = lambda metrics: None,
    on_reference: OnReference = lambda done, total: None,
    resume: bool = False,
) -> TrainingResult:
    """Train on an export and keep the run: parameters, loss curve, counts, checkpoint.

    The curve and the figures of the newest step are in the run's row while it runs.

    Raises:
        InvalidInput: the export, the policy or a setting cannot be used; the message says why.
    """
    run = start_run(
        engine,
        RunKind.TRAIN,
        parameters=_parameters(config, export_folder, output_folder, resume),
        seed=config.seed,
        model=config.policy[:200],
    )
    with failing_run(engine, run.id):
        training_id = _start(engine, run.id, export_folder, config)
        live = _Live(engine, run.id, training_id, on_step)
        with mendable():
            from alignment.training.course import Observer, train_from_export

            observer = Observer(live.prepared, both(live.reference, on_reference), live.step)
            result = train_from_export(export_folder, output_folder, config, observer, resume)
        _finish(engine, run.id, training_id, result)
    return result


def train_beside(
    export_folder: Path, output_folder: Path, config: TrainingConfig, resume: bool
) -> None:
    """Take part in a run that another process records.

    Raises:
        InvalidInput: as `train_and_record`.
    """
    with mendable():
        from alignment.training.course import train_from_export

        train_from_export(export_folder, output_folder, config, resume=resume)


@contextmanager
def mendable() -> Iterator[None]:
    """Turn what the pure modules refuse, all ValueErrors, into an error that the user is shown."""
    try:
        yield
    except ValueError as error:
        raise InvalidInput(str(error)) from error


class _Live:
    """What the run's row says while it trains: written every few seconds, from the first step."""

    def __init__(self, engine: sa.Engine, run_id: int, training_id: int, on_step: OnStep) -> None:
        self._engine, self._run_id, self._training_id = engine, run_id, training_id
        self._on_step = on_step
        self._curve: list[dict[str, float]] = []
        self._written_s = float("-inf")

    def prepared(self, ready: Prepared) -> None:
        """Say how many steps there are, and what they train on."""
        told = {"counts": ready.counts, "weights": ready.weights, "warnings": list(ready.warnings)}
        self._write(total_items=len(ready.steps), metrics=told)
        self._told = told

    def reference(self, done: int, total: int) -> None:
        """Say how far the reference's passes are."""
        now_s = time.monotonic()
        if now_s - self._written_s >= LIVE_EVERY_S:
            self._written_s = now_s
            self._write(message=f"scoring with the reference: {done:,} of {total:,}")

    def step(self, metrics: StepMetrics) -> None:
        """Keep a step, write if it is time, and pass it on."""
        self._curve.append(_point(metrics))
        now_s = time.monotonic()
        if now_s - self._written_s >= LIVE_EVERY_S:
            self._written_s = now_s
            tokens = int(sum(point["tokens"] for point in self._curve))
            told = {**self._told, "newest": self._curve[-1]}
            self._write(done_items=metrics.step, tokens=tokens, metrics=told, message=None)
        self._on_step(metrics)

    def _write(self, **fields: Any) -> None:
        """Write now; a store that is busy gets all of it with the next step."""
        with suppress(sa.exc.OperationalError), transaction(self._engine) as session:
            run = session.get_one(Run, self._run_id)
            training = session.get_one(TrainingRun, self._training_id)
            training.loss_curve = list(self._curve)
            for name, value in fields.items():
                setattr(run, name, value)
            session.add_all([run, training])


def checked_config(**settings: Any) -> TrainingConfig:
    """The settings of a run, from options of the command line.

    Raises:
        InvalidInput: a setting is out of range; the message names it.
    """
    with mendable():
        return config_from(settings)


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


def _parameters(config: TrainingConfig, export: Path, output: Path, resume: bool) -> dict[str, Any]:
    settings = asdict(config) | {"report_to": list(config.report_to)}
    return settings | {"export": str(export), "output": str(output), "resume": resume}


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
