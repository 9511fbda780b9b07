"""Rows of an export folder, read and checked: what training sees of the labelled traces."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


class ExportFolderError(ValueError):
    """An export folder is missing, empty, or holds something that is not an export row."""


@dataclass(frozen=True)
class WeightedSpan:
    """A segment of the completion, [start, end) in characters, and its tokens' weight.

    `ratio` is what the weight was before the export clipped it, where the export says so.
    """

    start: int
    end: int
    weight: float
    clipped: bool = False
    ratio: float | None = None

    def reclipped(self, clip: float) -> WeightedSpan:
        """The same span with its ratio clipped to [1/clip, clip] instead."""
        ratio = self.ratio if self.clipped and self.ratio is not None else self.weight
        weight = min(max(ratio, 1 / clip), clip)
        return replace(self, weight=weight, clipped=weight != ratio)


@dataclass(frozen=True)
class ExportRow:
    """One labelled trace: a prompt, a completion, its polarity, and its weighted segments."""

    id: str
    question_key: str
    prompt: tuple[tuple[str, str], ...]
    completion: str
    desirable: bool
    spans: tuple[WeightedSpan, ...]


@dataclass(frozen=True)
class Export:
    """An export folder's rows and the vocabulary that their weights came from."""

    rows: tuple[ExportRow, ...]
    taxonomy_hash: str
    manifest: Mapping[str, Any]
    validation: tuple[ExportRow, ...] = ()


def read_export(folder: Path, name: str = "train.jsonl") -> Export:
    """Read an export folder's manifest and rows, each checked; no validation split is none.

    Raises: ExportFolderError naming the file, the line and what is wrong with it.
    """
    manifest = _read_manifest(folder)
    path = folder / name
    if not path.is_file():
        raise ExportFolderError(f"{path} is missing; write it with `mralign export`.")
    rows = tuple(_read_rows(path))
    if not rows:
        raise ExportFolderError(
            f"{path} holds no row. Training needs traces with a polarity: pair them with "
            "`mralign traces pair`, annotate them, and export again."
        )
    held_back = folder / "validation.jsonl"
    validation = tuple(_read_rows(held_back)) if held_back.is_file() else ()
    return Export(rows, str(manifest["taxonomy"]["content_hash"]), manifest, validation)


def parse_row(record: Any) -> ExportRow:
    """Turn one decoded JSON object into a row.

    Raises: ExportFolderError where a field is missing, of the wrong kind, or out of range.
    """
    try:
        row = ExportRow(
            id=_text(record["id"]),
            question_key=_text(record["question_key"]),
            prompt=tuple((_text(m["role"]), _text(m["content"])) for m in record["prompt"]),
            completion=_text(record["completion"][0]["content"]),
            desirable=_boolean(record["label"]),
            spans=tuple(_span(segment) for segment in record["segments"]),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ExportFolderError(f"a field is missing or of the wrong kind ({error!r})") from error
    _check_spans(row)
    return row


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise ExportFolderError(
            f"{path} is missing: {folder} is no export folder. Write one with `mralign export`."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["taxonomy"]["content_hash"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ExportFolderError(
            f"{path} does not name a taxonomy's content_hash ({error!r}); export again."
        ) from error
    return dict(manifest)


def _read_rows(path: Path) -> Iterator[ExportRow]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield parse_row(json.loads(line))
            except (ExportFolderError, ValueError, RecursionError) as error:
                raise ExportFolderError(f"{path} line {number}: {error}") from error


def _span(segment: Mapping[str, Any]) -> WeightedSpan:
    weight = float(segment["weight"])
    if not math.isfinite(weight) or weight <= 0:
        raise ExportFolderError(f"a weight must be finite and above 0; got {weight}")
    start, end, ratio = int(segment["start"]), int(segment["end"]), segment.get("ratio")
    clipped = bool(segment.get("clipped", False))
    return WeightedSpan(start, end, weight, clipped, None if ratio is None else float(ratio))


def _check_spans(row: ExportRow) -> None:
    if not row.prompt or not row.completion:
        raise ExportFolderError("a row needs a prompt and a completion that are not empty")
    reached = 0
    for span in row.spans:
        if not reached <= span.start < span.end <= len(row.completion):
            raise ExportFolderError(
                f"segments must follow each other inside the completion's "
                f"{len(row.completion)} characters; got [{span.start}, {span.end}) after {reached}"
            )
        reached = span.end


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ExportFolderError("text holds half of a surrogate pair") from error
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"label must be true or false, got {value!r}")
    return value
