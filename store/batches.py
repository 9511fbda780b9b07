"""Batches of requests: written down before they are sent, closed once their replies are kept."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from store.batch_tables import BatchRequest, ModelBatch
from store.errors import NotFound
from store.metadata import utc_now
from store.states import BatchStatus

HELD_FOR = timedelta(minutes=15)  # longer than any one step takes


def get_batch(session: Session, batch_id: int) -> ModelBatch:
    """The batch with this number.

    Raises:
        NotFound: there is none.
    """
    batch = session.get(ModelBatch, batch_id)
    if batch is None:
        raise NotFound(
            f"expected a batch with number {batch_id}, found none; see `mralign batches`"
        )
    return batch


def list_batches(session: Session, open_only: bool = False, limit: int = 50) -> list[ModelBatch]:
    """The newest batches first, those that are not closed yet if only they are wanted."""
    query = select(ModelBatch).order_by(col(ModelBatch.id).desc()).limit(limit)
    if open_only:
        query = query.where(col(ModelBatch.status) != BatchStatus.CLOSED)
    return list(session.exec(query))


def find_request(session: Session, request_hash: str) -> BatchRequest | None:
    """The request with this hash, if a batch holds it or failed to answer it."""
    return session.get(BatchRequest, request_hash)


def add_requests(
    session: Session, batch: ModelBatch, requests: Sequence[tuple[str, dict[str, Any]]]
) -> int:
    """Put requests into a batch; those that an open batch holds already are left out."""
    if not requests:
        return 0
    keys = [key for key, _ in requests]
    failed = col(BatchRequest.error).is_not(None)
    session.execute(sa.delete(BatchRequest).where(col(BatchRequest.request_hash).in_(keys), failed))
    made = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    rows = [
        {"request_hash": key, "batch_id": batch.id, "request": document, "transient": False}
        for key, document in requests
    ]
    insert = made.insert(BatchRequest).values(rows).on_conflict_do_nothing()
    added = session.execute(insert).rowcount  # type: ignore[attr-defined]
    batch.requests += added
    session.add(batch)
    return int(added)


def stream_requests(session: Session, batch_id: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The requests that wait for their replies, some at a time."""
    query = select(BatchRequest.request_hash, BatchRequest.request).where(
        BatchRequest.batch_id == batch_id, col(BatchRequest.error).is_(None)
    )
    yield from session.exec(
        query.order_by(col(BatchRequest.request_hash)).execution_options(yield_per=500)
    )  # type: ignore[misc]


def list_waiting(
    session: Session, batch_id: int, hashes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Which of these requests wait for their replies in this batch."""
    query = select(BatchRequest.request_hash, BatchRequest.request).where(
        BatchRequest.batch_id == batch_id,
        col(BatchRequest.request_hash).in_(hashes),
        col(BatchRequest.error).is_(None),
    )
    return {key: dict(document) for key, document in session.exec(query)}


def forget_requests(session: Session, hashes: Sequence[str]) -> None:
    """Take away requests whose replies are kept."""
    session.execute(sa.delete(BatchRequest).where(col(BatchRequest.request_hash).in_(hashes)))


def fail_request(session: Session, request_hash: str, error: str, transient: bool) -> None:
    """Say why a request got no reply; what it asked is no longer needed."""
    session.execute(
        sa.update(BatchRequest)
        .where(col(BatchRequest.request_hash) == request_hash)
        .values(error=error, transient=transient, request={})
    )


def fail_waiting(session: Session, batch_id: int, error: str, transient: bool) -> int:
    """The same for all that still wait in a batch; how many."""
    done = session.execute(
        sa.update(BatchRequest)
        .where(col(BatchRequest.batch_id) == batch_id, col(BatchRequest.error).is_(None))
        .values(error=error, transient=transient, request={})
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def hold(session: Session, batch_id: int, holder: str, gone: Sequence[str]) -> bool:
    """Take a batch for oneself, to send it; False while another process is about it.

    `gone` are holders that are known not to run any more.
    """
    free = sa.or_(
        col(ModelBatch.holder).is_(None),
        col(ModelBatch.holder).in_([holder, *gone]),
        col(ModelBatch.held_at) < utc_now() - HELD_FOR,
    )
    taken = session.execute(
        sa.update(ModelBatch)
        .where(col(ModelBatch.id) == batch_id, free)
        .values(holder=holder, held_at=utc_now())
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]
