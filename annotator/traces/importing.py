"""Stream a file of traces: each item a record, or a bad line with its number and reason."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.traces.lines import MAX_ITEM_BYTES, UnreadableFile, read_items
from annotator.traces.records import (
    FIELDS,
    BadRecord,
    TraceRecord,
    as_record,
    check_storable,
    read_object,
)
from annotator.traces.rows import is_parquet, read_rows
from annotator.traces.shapes import SHAPES, as_traces, file_defaults, shape_of

AUTO = "auto"
CONTAINERS = ("jsonl", "parquet", "dataset")
FORMATS = (AUTO, *CONTAINERS, *SHAPES)


@dataclass(frozen=True)
class BadLine:
    """A line, or a row, that was left out, and why."""

    number: int
    reason: str


@dataclass(frozen=True)
class Reading:
    """How a file is read: its format, its names for fields, and what its records leave unsaid.

    A format is a container (jsonl, parquet, dataset) or the shape of the records (traces, chat,
    lm-eval); whatever it leaves open is told by looking.
    """

    format: str = AUTO
    mapping: Mapping[str, str] = field(default_factory=dict)
    mode: str | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)


def read_traces(
    path: Path, reading: Reading | None = None
) -> Iterator[tuple[int, TraceRecord | BadLine]]:
    """Yield (number, record or bad line), one item in memory at a time.

    Raises:
        UnreadableFile: no such file, nothing in it, another format, or a file that is cut off.
    """
    reading = _checked(reading or Reading())
    defaults = {**file_defaults(path.parts), **reading.fixed}
    empty = True
    for number, item in _items(path, reading.format):
        empty = False
        for record in _read(number, item, reading, defaults):
            yield number, record
    if empty:
        raise UnreadableFile(f"expected a trace a line in {path.name}, got an empty file")


def _checked(reading: Reading) -> Reading:
    if reading.format not in FORMATS:
        raise UnreadableFile(f"expected a format of {', '.join(FORMATS)}, got {reading.format!r}")
    unknown = sorted({*reading.mapping, *reading.fixed} - set(FIELDS))
    if unknown:
        raise UnreadableFile(
            f"expected field names among {', '.join(FIELDS)}, got {', '.join(unknown)}"
        )
    return reading


def _items(path: Path, format: str) -> Iterator[tuple[int, bytes | Mapping[str, Any] | None]]:
    """The items of the file: bytes to parse, or a row."""
    found = container_of(path)
    if format in CONTAINERS and format != found:
        raise UnreadableFile(
            f"expected {format} in {path.name}, got {found}; leave --format out to let it be told"
        )
    return read_items(path) if found == "jsonl" else read_rows(path)


def container_of(path: Path) -> str:
    """What holds the records.

    Raises:
        UnreadableFile: there is no such file.
    """
    try:
        if path.is_dir():
            return "dataset"
        return "parquet" if is_parquet(path) else "jsonl"
    except OSError as error:
        raise UnreadableFile(f"expected to read {path.name}: {error}") from error


def _read(
    number: int,
    item: bytes | Mapping[str, Any] | None,
    reading: Reading,
    defaults: Mapping[str, Any],
) -> Sequence[TraceRecord | BadLine]:
    """The traces of an item, or its first fault."""
    try:
        if item is None:
            raise BadRecord(f"expected at most {MAX_ITEM_BYTES // 1024**2} MiB, got more")
        if isinstance(item, bytes):
            item = read_object(item)
        else:
            check_storable(item)
        shape = reading.format if reading.format in SHAPES else shape_of(item)
        if reading.mapping:
            item = {**item, **{name: item.get(own) for name, own in reading.mapping.items()}}
        return [as_record(each, reading.mode) for each in as_traces(item, shape, defaults)]
    except BadRecord as error:
        return [BadLine(number, str(error))]
    except RecursionError:
        return [BadLine(number, "expected a record, got one nested past reason")]
