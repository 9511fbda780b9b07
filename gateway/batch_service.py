"""The Batch API of a server: each call is safe to repeat, whatever became of the one before."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from gateway.batch_file import ERROR_CHARACTERS, URL, write_lines
from gateway.connection import Connection
from gateway.limits import Retries

WINDOW = "24h"
MARK = "mralign"  # the name of this project's entry in a batch's metadata
CLOCKS_DIFFER = timedelta(hours=1)  # between here and the server, at most
ENDED = ("completed", "failed", "expired", "cancelled")

Result = TypeVar("Result")


@dataclass(frozen=True)
class RemoteBatch:
    """What the server says of a batch."""

    id: str
    status: str
    done: int = 0
    total: int = 0
    files: tuple[str, ...] = ()  # with replies, then with errors
    message: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ENDED


@dataclass
class BatchService:
    """Uploads, orders, asks, fetches and cancels, with retries."""

    connection: Connection
    retries: Retries = field(default_factory=Retries)

    def find_or_upload(self, key: str, lines: Callable[[], Iterable[bytes]]) -> str:
        """The id of the file of this key: one that is there already, or a new one."""
        name = f"{MARK}-{key}.jsonl"

        def once(client: Any) -> str:
            for file in client.files.list(purpose="batch", limit=100):
                if file.filename == name:
                    return str(file.id)
            with tempfile.TemporaryFile() as spool:
                write_lines(lines(), spool)
                return str(client.files.create(file=(name, spool), purpose="batch").id)

        return self._call(once)

    def find(self, key: str, since: datetime) -> RemoteBatch | None:
        """The batch of this key, if it was ordered."""
        return self._call(lambda client: _find(client, key, since))

    def find_or_create(self, key: str, file_id: str, since: datetime) -> RemoteBatch:
        """The batch of this key: one that is there already, or a new one.

        A batch costs money, so the server is looked through before each attempt: an order whose
        answer was lost is found, not given again.
        """

        def once(client: Any) -> RemoteBatch:
            found = _find(client, key, since)
            return found or read_batch(
                client.batches.create(
                    input_file_id=file_id, endpoint=URL, completion_window=WINDOW,
                    metadata={MARK: key},
                )
            )  # fmt: skip

        return self._call(once)

    def retrieve(self, remote_id: str) -> RemoteBatch:
        """How a batch stands."""
        return self._call(lambda client: read_batch(client.batches.retrieve(remote_id)))

    def cancel(self, remote_id: str) -> RemoteBatch:
        """Ask for an end; what was answered before stays to be fetched."""
        return self._call(lambda client: read_batch(client.batches.cancel(remote_id)))

    def fetch(self, file_id: str, into: Path) -> None:
        """The content of a file, whole."""

        def once(client: Any) -> None:
            with client.files.with_streaming_response.content(file_id) as response:
                response.stream_to_file(into)

        self._call(once)

    def _call(self, once: Callable[[Any], Result]) -> Result:
        result: Result = self.retries.run(lambda: self.connection.call(once))
        return result


def _find(client: Any, key: str, since: datetime) -> RemoteBatch | None:
    oldest = (since - CLOCKS_DIFFER).timestamp()
    for batch in client.batches.list(limit=100):  # the newest first
        if (batch.metadata or {}).get(MARK) == key:
            return read_batch(batch)
        if (batch.created_at or oldest) < oldest:
            break
    return None


def read_batch(batch: Any) -> RemoteBatch:
    """A batch as the client gives it, whichever fields the server left out."""
    counts = batch.request_counts
    done = (counts.completed or 0) + (counts.failed or 0) if counts else 0
    listed = (batch.errors.data or []) if batch.errors else []
    said = "; ".join(str(error.message or error.code) for error in listed[:5])
    return RemoteBatch(
        str(batch.id),
        str(batch.status),
        done,
        (counts.total or 0) if counts else 0,
        tuple(file for file in (batch.output_file_id, batch.error_file_id) if file),
        said[:ERROR_CHARACTERS] or None,
    )
