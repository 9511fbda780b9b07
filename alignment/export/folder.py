"""A training set on disk: a folder that appears whole or not at all, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from alignment.export.formats import files_of, json_line

FORMAT = "mralign-export/1"
DATA_FILES = {"train": "train.jsonl", "validation": "validation.jsonl"}
MANIFEST_FILE = "manifest.json"
DROPS_FILE = "drops.jsonl"
HIGHEST_BALANCE = 1.5  # of λ_c|D⁺| / (λ_r|D⁻|), which is to lie in [1, 1.5]


class ExportError(ValueError):
    """A folder that cannot be written to, or is no export."""


def write_export(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    manifest: Mapping[str, Any],
    formats: Sequence[str] = (),
    drops: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Write rows and manifest as a new folder, and return the manifest with the files' hashes.

    `formats` adds the rows as other trainers take them (see `formats`); `drops` are the traces
    that were left out, each with its reason.

    The folder is written beside its place, flushed to disk and renamed, so a crash leaves none.
    Identity: equal rows and manifest give equal bytes.
    Raises: ExportError if the folder is there already; FormatError for a format that cannot be.
    """
    folder = folder.expanduser()
    if folder.exists():
        raise ExportError(
            f"{folder} is there already, and an export never overwrites: name another folder"
        )
    files = _files(rows, manifest, formats, drops)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        whole = _write_files(partial, files, manifest)
        partial.chmod(0o755)  # mkdtemp's folders are readable by their owner alone
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _flush_folder(folder.parent)
    return whole


def content_hash(manifest: Mapping[str, Any]) -> str:
    """The sha256 that names an export: of its manifest, which holds the hashes of its files."""
    return hashlib.sha256(_document(manifest).encode()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an export.

    Raises: ExportError if there is none, or of another format.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise ExportError(f"expected an export with {MANIFEST_FILE} in {folder}, found none")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if manifest.get("format") != FORMAT:
        raise ExportError(
            f"expected an export of format {FORMAT}, got {manifest.get('format')!r} in {folder}"
        )
    return manifest


def find_row(folder: Path, trace_id: str) -> dict[str, Any] | None:
    """The row of a trace in an export, or None if the export does not hold it."""
    read_manifest(folder)
    for name in DATA_FILES.values():
        row = _find_line(folder / name, "id", trace_id)
        if row is not None:
            return row
    return None


def find_drop(folder: Path, trace_id: str) -> dict[str, Any] | None:
    """Why an export left a trace out: its line among the drops, or None if it has none."""
    path = folder / DROPS_FILE
    return _find_line(path, "trace_id", trace_id) if path.is_file() else None


def _find_line(path: Path, field: str, value: str) -> dict[str, Any] | None:
    """The first line of JSON whose field has the value; only lines that hold it are parsed."""
    needle = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if not path.stat().st_size:  # which cannot be mapped
        return None
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        at = data.find(needle)
        while at >= 0:
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            row: dict[str, Any] = json.loads(data[data.rfind(b"\n", 0, at) + 1 : end])
            if row.get(field) == value:
                return row
            at = data.find(needle, end)
    return None


def suggested_lambda_r(desirable: int, undesirable: int) -> float | None:
    """The λ_r nearest to 1 that puts λ_c|D⁺| / (λ_r|D⁻|) into [1, 1.5] with λ_c = 1.

    None where one side is empty. Source: arXiv 2510.24794v2, 4.1.
    """
    if not desirable or not undesirable:
        return None
    balance = desirable / undesirable
    lowest, highest = balance / HIGHEST_BALANCE, balance
    if lowest > 1.0:
        return math.ceil(lowest * 1e4) / 1e4
    return 1.0 if highest >= 1.0 else max(math.floor(highest * 1e4) / 1e4, lowest)


def _files(
    rows: Sequence[Mapping[str, Any]],
    manifest: Mapping[str, Any],
    formats: Sequence[str],
    drops: Sequence[Mapping[str, Any]],
) -> dict[str, tuple[bytes, int | None]]:
    """The bytes of every file, and its rows where it holds ours."""
    by_split = {split: [row for row in rows if row["split"] == split] for split in DATA_FILES}
    files: dict[str, tuple[bytes, int | None]] = {
        name: (b"".join(map(json_line, by_split[split])), len(by_split[split]))
        for split, name in DATA_FILES.items()
    }
    files[DROPS_FILE] = (b"".join(map(json_line, drops)), None)
    for name in dict.fromkeys(formats):
        files |= {path: (data, None) for path, data in files_of(name, by_split, manifest).items()}
    return files


def _write_files(
    folder: Path, files: Mapping[str, tuple[bytes, int | None]], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    written = {}
    for name, (data, rows) in files.items():
        counted = {} if rows is None else {"rows": rows}
        written[name] = _write(folder / name, data) | counted
    whole = {**manifest, "format": FORMAT, "files": written}
    _write(folder / MANIFEST_FILE, _document(whole).encode("utf-8", "replace"))
    for inner in sorted({(folder / name).parent for name in files}, reverse=True):
        _flush_folder(inner)
    return whole


def _document(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _write(path: Path, data: bytes) -> dict[str, Any]:
    """Write and flush one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _flush_folder(folder: Path) -> None:
    """Make a folder's entries last, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
