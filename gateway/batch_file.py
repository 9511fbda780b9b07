"""The files of batches: a request a line going up, a reply or an error a line coming down."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gateway.chat import read_completion
from gateway.connection import TRANSIENT
from gateway.exchange import ChatReply
from gateway.faults import TransientFault

URL = "/v1/chat/completions"
MAX_REQUESTS = 50_000  # of a file, as the Batch API has it
MAX_BYTES = 200_000_000
ERROR_CHARACTERS = 400
PASSING_CODES = ("batch_expired", "server_error", "rate_limit_exceeded")


@dataclass(frozen=True)
class Line:
    """What a file says of one request: its reply, or why there is none."""

    request_hash: str
    reply: ChatReply | None = None
    error: str | None = None
    transient: bool = False


def line_of(request_hash: str, body: dict[str, Any]) -> bytes:
    """The line of a request, with its end."""
    document = {"custom_id": request_hash, "method": "POST", "url": URL, "body": body}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def write_lines(lines: Iterable[bytes], into: IO[bytes]) -> None:
    """Write the lines, and go back to the first."""
    into.writelines(lines)
    into.seek(0)


def read_lines(path: Path) -> Iterator[Line]:
    """The lines that name a request, whatever else the file holds.

    Lines end at line feeds alone: a reply may hold other separators as they are.
    """
    with path.open("rb") as file:
        for raw in file:
            if (line := read_line(raw)) is not None:
                yield line


def read_line(raw: bytes) -> Line | None:
    """What a line says; None where it names no request."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    key = document.get("custom_id") if isinstance(document, dict) else None
    return _read(key, document) if isinstance(key, str) else None


def _read(key: str, document: dict[str, Any]) -> Line:
    response = document.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    if not isinstance(response, dict) or status != 200:
        return _failed(key, status, response, document.get("error"))
    try:
        return Line(key, read_completion(response.get("body")))
    except TransientFault as fault:
        return Line(key, None, str(fault), transient=True)


def _failed(key: str, status: Any, response: Any, error: Any) -> Line:
    body = response.get("body") if isinstance(response, dict) else None
    said = error or (body.get("error") if isinstance(body, dict) else None) or body
    code = said.get("code") if isinstance(said, dict) else None
    message = (said.get("message") if isinstance(said, dict) else None) or said or "no reason given"
    known = isinstance(status, int)
    passing = (known and (status in TRANSIENT or status >= 500)) or code in PASSING_CODES
    shown = str(message)[:ERROR_CHARACTERS]
    return Line(key, None, f"{status}: {shown}" if known else shown, transient=passing)
