"""A batch's way: its requests written down, uploaded, ordered, awaited, and its replies kept.

Each step at the server stands between two commits, and each is safe to take again, so a process
that is killed anywhere leaves a batch that any other process takes further.
"""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from gateway.batch_file import Line, line_of, read_lines
from gateway.batch_service import BatchService, RemoteBatch
from gateway.budget import Prices, with_usage
from gateway.cache import Paid, as_kept, keep_paid, storable
from gateway.connection import Connection
from gateway.dialect import Dialect
from gateway.exchange import ChatReply, ChatRequest
from gateway.settings import find_secret
from store import batches
from store.batch_tables import ModelBatch
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.metadata import utc_now
from store.states import BatchStatus

UPLOAD_TIMEOUT_S = 600.0
LINES_A_COMMIT = 200
LEFT = {
    "expired": ("the batch expired before this was answered", True),
    "cancelled": ("the batch was cancelled before this was answered", False),
    "completed": ("the batch came back without this", True),
}

Services = Callable[[ModelBatch], BatchService]
OnReply = Callable[[ChatReply, Prices], None]


@contextmanager
def open_services() -> Iterator[Services]:
    """The Batch API that a batch was sent to, connected once; keys come from the environment."""
    known: dict[tuple[str | None, str], BatchService] = {}

    def service_of(batch: ModelBatch) -> BatchService:
        place = (batch.base_url, batch.key_variable)
        if place not in known:
            secret = find_secret(batch.key_variable)
            key = secret.get_secret_value() if secret else None
            known[place] = BatchService(
                Connection(api_key=key, base_url=batch.base_url, timeout_s=UPLOAD_TIMEOUT_S)
            )
        return known[place]

    try:
        yield service_of
    finally:
        for service in known.values():
            service.connection.close()


def holder() -> str:
    """This process, as batches name it."""
    return f"{socket.gethostname()[:150]}/{os.getpid()}"


def has_ended(name: str | None) -> bool:
    """Whether a holder is a process of this machine that does not run any more."""
    host, _, number = (name or "").rpartition("/")
    if host != socket.gethostname()[:150] or not number.isdecimal():
        return False
    with suppress(PermissionError):
        try:
            os.kill(int(number), 0)
        except (ProcessLookupError, OverflowError):
            return True
    return False


def advance(
    engine: sa.Engine, batch_id: int, services: Services, on_reply: OnReply | None = None
) -> ModelBatch:
    """Take a batch one step further: send it, or look at it and keep what it brought."""
    with reading(engine) as session:
        batch = batches.get_batch(session, batch_id)
    if batch.status == BatchStatus.CLOSED:
        return batch
    service = services(batch)
    if batch.status != BatchStatus.SUBMITTED:
        return send(engine, batch, service)
    assert batch.remote_id is not None
    remote = service.retrieve(batch.remote_id)
    if remote.ended:
        harvest(engine, batch, service, remote, on_reply)
        return close(engine, batch, remote)
    return _changed(engine, batch_id, remote_status=remote.status)


def send(engine: sa.Engine, batch: ModelBatch, service: BatchService) -> ModelBatch:
    """Upload and order what is not yet ordered, unless another process is about it."""
    gone = [batch.holder] if batch.holder and has_ended(batch.holder) else []
    with transaction(engine) as session:
        if not batches.hold(session, batch.id, holder(), gone):
            return batch
        batch = batches.get_batch(session, batch.id)
    if batch.status == BatchStatus.PREPARED:
        file_id = service.find_or_upload(batch.key, lambda: _lines(engine, batch))
        batch = _changed(engine, batch.id, status=BatchStatus.UPLOADED, file_id=file_id)
    if batch.status == BatchStatus.UPLOADED:
        assert batch.file_id is not None
        remote = service.find_or_create(batch.key, batch.file_id, batch.created_at)
        batch = _changed(
            engine, batch.id, status=BatchStatus.SUBMITTED, remote_id=remote.id,
            remote_status=remote.status, holder=None,
        )  # fmt: skip
    return batch


def _lines(engine: sa.Engine, batch: ModelBatch) -> Iterator[bytes]:
    dialect = Dialect(**batch.dialect)
    with reading(engine) as session:
        for key, document in batches.stream_requests(session, batch.id):
            yield line_of(key, dialect.body(ChatRequest.of_canonical(document)))


def _changed(engine: sa.Engine, batch_id: int, **fields: Any) -> ModelBatch:
    with transaction(engine) as session:
        batch = batches.get_batch(session, batch_id)
        for name, value in fields.items():
            setattr(batch, name, value)
        session.add(batch)
    return batch


def harvest(
    engine: sa.Engine,
    batch: ModelBatch,
    service: BatchService,
    remote: RemoteBatch,
    on_reply: OnReply | None = None,
) -> None:
    """Keep every reply that the batch's files hold; what is kept already is left alone."""
    with tempfile.TemporaryDirectory() as folder:
        for file_id in remote.files:
            path = Path(folder) / "lines.jsonl"
            service.fetch(file_id, path)
            lines = read_lines(path)
            while chunk := list(islice(lines, LINES_A_COMMIT)):
                with transaction(engine) as session:
                    paid = _keep(session, batch, {line.request_hash: line for line in chunk})
                if on_reply is not None:
                    for reply in paid:
                        on_reply(reply, Prices(**batch.prices))


def _keep(session: Session, batch: ModelBatch, lines: Mapping[str, Line]) -> list[ChatReply]:
    """Put replies into the place of their requests, in one transaction; what they were."""
    prices, paid = Prices(**batch.prices), list[Paid]()
    waiting = batches.list_waiting(session, batch.id, list(lines))
    current = batches.get_batch(session, batch.id)
    for key, document in waiting.items():
        line, request = lines[key], ChatRequest.of_canonical(document)
        if line.reply is None:
            batches.fail_request(session, key, storable(line.error or ""), line.transient)
            current.failed += 1
            continue
        reply = as_kept(with_usage(line.reply, request))
        cost_usd = prices.cost_usd(reply.prompt_tokens, reply.completion_tokens)
        paid.append(Paid(key, request, reply, cost_usd, batch.run_id))
    if paid:
        keep_paid(session, paid)
        batches.forget_requests(session, [each.key for each in paid])
    current.answered += len(paid)
    session.add(current)
    return [each.reply for each in paid]


def close(engine: sa.Engine, batch: ModelBatch, remote: RemoteBatch) -> ModelBatch:
    """Say what became of the requests without a line, and that nothing more will come."""
    said = storable(remote.message or "the server gave no reason")
    error, transient = LEFT.get(remote.status, (f"the batch failed: {said}", False))
    with transaction(engine) as session:
        batch = batches.get_batch(session, batch.id)
        if batch.status != BatchStatus.CLOSED:
            batch.failed += batches.fail_waiting(session, batch.id, error, transient)
            batch.status, batch.closed_at = BatchStatus.CLOSED, utc_now()
            batch.remote_status = remote.status
            batch.message = storable(remote.message) if remote.message else None
            session.add(batch)
    return batch


def cancel(engine: sa.Engine, batch_id: int, services: Services) -> ModelBatch:
    """Ask the server to stop a batch; one that was never ordered is closed at once.

    Raises:
        InvalidInput: it is closed, or another process is sending it.
    """
    with reading(engine) as session:
        batch = batches.get_batch(session, batch_id)
    if batch.status == BatchStatus.CLOSED:
        raise InvalidInput(f"expected a batch under way, got batch {batch_id}, which is closed")
    service, remote_id = services(batch), batch.remote_id
    if remote_id is None:
        batch = _held(engine, batch)
        found = service.find(batch.key, batch.created_at)  # its order may have lost its answer
        if found is None:
            return close(engine, batch, RemoteBatch("", "cancelled"))
        remote_id = found.id
        _changed(engine, batch_id, status=BatchStatus.SUBMITTED, remote_id=remote_id, holder=None)
    return _changed(engine, batch_id, remote_status=service.cancel(remote_id).status)


def _held(engine: sa.Engine, batch: ModelBatch) -> ModelBatch:
    gone = [batch.holder] if batch.holder and has_ended(batch.holder) else []
    with transaction(engine) as session:
        if not batches.hold(session, batch.id, holder(), gone):
            raise InvalidInput(f"batch {batch.id} is being sent by {batch.holder}: try again later")
        return batches.get_batch(session, batch.id)
