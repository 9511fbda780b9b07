"""Runs: start one, count what is done, say how it ended, find the one to build on."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.engine import reading, transaction
from store.errors import NotFound
from store.invocation import find_account, find_command
from store.metadata import utc_now
from store.progress import alive
from store.run_tables import RunReport
from store.states import RunKind, RunStatus
from store.tables import Run

_ENDED = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
PEOPLE = "people"  # the model of a run whose labels were given elsewhere


@cache
def code_version() -> str:
    """The version of mralign that is running."""
    try:
        return version("mralign")
    except PackageNotFoundError:
        return "0.0.0+checkout"


def start_run(engine: sa.Engine, kind: RunKind, **fields: Any) -> Run:
    """Commit a new running row, so that a crash leaves a trace of itself."""
    origin: dict[str, Any] = {
        "started_by": find_account(),
        "command": find_command(),
        "beat_at": utc_now(),
    }
    with transaction(engine) as session:
        run = Run(kind=kind, code_version=code_version(), **origin, **fields)
        session.add(run)
    return run


def finish_run(
    session: Session, run_id: int, status: RunStatus, message: str | None = None, **fields: Any
) -> None:
    """Set how a run ended; `fields` are further columns, such as metrics."""
    run = get_run(session, run_id)
    run.status, run.message, run.ended_at = status, message, utc_now()
    for name, value in fields.items():
        setattr(run, name, value)
    session.add(run)


_RUN = SQLModel.metadata.tables[str(Run.__tablename__)]
_ADD_SPEND = (
    sa.update(_RUN)
    .where(_RUN.c.id == sa.bindparam("run"))
    .values(
        tokens=_RUN.c.tokens + sa.bindparam("more_tokens"),
        cost_usd=_RUN.c.cost_usd + sa.bindparam("more_usd"),
    )
)


def add_spend(session: Session, run_id: int, tokens: int, cost_usd: float) -> None:
    """Add what replies cost to the run that pays, in the transaction that keeps the replies."""
    values = {"run": run_id, "more_tokens": tokens, "more_usd": cost_usd}
    session.connection().execute(_ADD_SPEND, values)


@contextmanager
def failing_run(engine: sa.Engine, run_id: int) -> Iterator[None]:
    """Mark the run as failed, with the reason, if the block raises; meanwhile say it lives."""
    try:
        with alive(engine, run_id):
            yield
    except BaseException as error:
        with transaction(engine) as session:
            text = f"{type(error).__name__}: {error}"[:2000].replace("\x00", "\\0")
            finish_run(session, run_id, RunStatus.FAILED, text)
        raise


def set_cap(engine: sa.Engine, run_id: int, tokens: int | None, usd: float | None) -> None:
    """Say what a run may spend."""
    with transaction(engine) as session:
        run = get_run(session, run_id)
        run.cap_tokens, run.cap_usd = tokens, usd
        session.add(run)


def keep_report(engine: sa.Engine, run_id: int, html: str) -> None:
    """Keep the page that a run ended with."""
    with transaction(engine) as session:
        session.add(RunReport(run_id=run_id, html=html.replace("\x00", "")))


def get_run(session: Session, run_id: int, kind: RunKind | None = None) -> Run:
    """The run with this number, of this kind if one is named.

    Raises:
        NotFound: there is none.
    """
    run = session.get(Run, run_id)
    if run is None or (kind is not None and run.kind != kind):
        wanted = f"a run of kind {kind.value}" if kind else "a run"
        raise NotFound(f"expected {wanted} with number {run_id}, found none; see `mralign runs`")
    return run


def find_latest_run(session: Session, kind: RunKind) -> Run | None:
    """The newest run of a kind that ended with results, whole or partial.

    Labels that were given elsewhere are asked for by name: they have no consensus to build on.
    """
    query = select(Run).where(col(Run.kind) == kind, col(Run.status).in_(_ENDED))
    query = query.where(col(Run.model).is_distinct_from(PEOPLE))
    return session.exec(query.order_by(col(Run.id).desc()).limit(1)).first()


def find_run_of_input(engine: sa.Engine, kind: RunKind, input_hash: str) -> Run | None:
    """The newest run of a kind over this input that ended with results."""
    with reading(engine) as session:
        query = select(Run).where(col(Run.kind) == kind, col(Run.input_hash) == input_hash)
        query = query.where(col(Run.status).in_(_ENDED)).order_by(col(Run.id).desc())
        return session.exec(query.limit(1)).first()


def get_latest_run(session: Session, kind: RunKind) -> Run:
    """The newest run of a kind that ended with results.

    Raises:
        NotFound: none did; the message names the command that makes one.
    """
    run = find_latest_run(session, kind)
    if run is None:
        raise NotFound(f"expected a finished {kind.value} run, found none; {_COMMAND[kind]}")
    return run


_COMMAND = {
    RunKind.IMPORT: "run `mralign traces import FILE` first",
    RunKind.PAIR: "run `mralign traces pair` first",
    RunKind.LABEL: "run `mralign label run` first",
    RunKind.CLUSTER: "run `mralign cluster run` first",
    RunKind.ANNOTATE: "run `mralign annotate run` first",
    RunKind.DISTILL: "run `mralign annotate distill FOLDER` first",
    RunKind.EXPORT: "run `mralign export` first",
    RunKind.TRAIN: "run `mralign export --train --policy POLICY` first",
    RunKind.EVALUATE: "run `mralign evaluate` first",
}


def list_runs(session: Session, kind: RunKind | None = None, limit: int = 50) -> list[Run]:
    """The newest runs first."""
    query = select(Run).order_by(col(Run.id).desc()).limit(limit)
    return list(session.exec(query.where(col(Run.kind) == kind) if kind else query))
