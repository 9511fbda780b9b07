"""Stream a file of traces: each line a record, or a bad line with its number and reason."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from annotator.records import FIELDS, BadRecord, TraceRecord, read_record

MAX_LINE_BYTES = 64 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class BadLine:
    """A line that was left out, and why."""

    number: int
    reason: str


class UnreadableFile(ValueError):
    """A file that holds no trace at all, or cannot be read to its end."""


def read_traces(
    path: Path, mapping: Mapping[str, str] | None = None, mode: str | None = None
) -> Iterator[tuple[int, TraceRecord | BadLine]]:
    """Yield (line number, record or bad line), one line in memory at a time; gz or plain.

    Raises:
        UnreadableFile: no such file, no line in it, or a gz file that is cut off.
    """
    names = _checked(mapping or {})
    empty = True
    for number, line in _lines(path):
        empty = False
        yield number, _read(number, line, names, mode)
    if empty:
        raise UnreadableFile(f"expected a trace a line in {path.name}, got an empty file")


def _checked(mapping: Mapping[str, str]) -> Mapping[str, str]:
    unknown = sorted(set(mapping) - set(FIELDS))
    if unknown:
        raise UnreadableFile(
            f"expected field names among {', '.join(FIELDS)}, got {', '.join(unknown)}"
        )
    return mapping


def _read(
    number: int, line: bytes | None, names: Mapping[str, str], mode: str | None
) -> TraceRecord | BadLine:
    if line is None:
        return BadLine(number, f"expected at most {MAX_LINE_BYTES // 1024**2} MiB, got more")
    try:
        return read_record(line, names, mode)
    except BadRecord as error:
        return BadLine(number, str(error))


def _lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """The lines that are not blank; None stands for one that is too long to hold."""
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                if not line.endswith(b"\n") and len(line) == MAX_LINE_BYTES:
                    _skip_line(file)
                    yield number, None
                elif text := line.removeprefix(MARK).strip():
                    yield number, text
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(
            f"expected to read {path.name} to its end, stopped after line {number}: {error}"
        ) from error


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        continue
