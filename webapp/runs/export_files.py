"""The files of a training set as they lie on the disk: listed, checked, and read piece by piece."""

import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from alignment.export.folder import MANIFEST_FILE
from store.errors import MralignError, NotFound
from webapp.queries.runs import ExportRow

PIECE_BYTES = 1 << 20
THERE, GONE, CHANGED = "there", "gone", "changed"
# Neither a link nor a pipe that nobody writes to, where the system knows such things.
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class FileChanged(MralignError):
    """A file is no longer what the manifest of its export says."""


@dataclass(frozen=True)
class ExportFile:
    """A file as its manifest has it, and how it stands now, as far as its size tells.

    The manifest says nothing of its own size.
    """

    name: str
    sha256: str
    bytes: int | None
    rows: int | None
    state: str


def list_files(export: ExportRow) -> list[ExportFile]:
    """The files of an export, the manifest first."""
    folder = Path(export.folder)
    return [_file(folder, name, said) for name, said in _said(export).items()]


def _said(export: ExportRow) -> dict[str, Mapping[str, Any]]:
    """What is known of each file: its hash, its size, and its rows where it holds ours."""
    return {MANIFEST_FILE: {"sha256": export.content_hash}, **export.manifest.get("files", {})}


def _file(folder: Path, name: str, said: Mapping[str, Any]) -> ExportFile:
    wanted, found = said.get("bytes"), _size(folder, name)
    state = GONE if found is None else THERE if wanted in (None, found) else CHANGED
    size = found if wanted is None else wanted
    return ExportFile(name, str(said.get("sha256", "")), size, said.get("rows"), state)


def _size(folder: Path, name: str) -> int | None:
    try:
        file = _open(folder, name)
    except (OSError, ValueError):
        return None
    with file:
        return os.fstat(file.fileno()).st_size


def _open(folder: Path, name: str) -> FileIO:
    """A plain file inside the folder; links and anything else are none.

    Raises: OSError where there is no such file.
    """
    root = folder.resolve(strict=True)
    path = root / name
    if path.parent.resolve(strict=True) != path.parent or not path.is_relative_to(root):
        raise FileNotFoundError(name)
    handle = os.open(path, os.O_RDONLY | NO_LINK)
    file = FileIO(handle)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise FileNotFoundError(name)
    return file


def open_file(export: ExportRow, run_id: int, name: str) -> tuple[FileIO, int]:
    """A file of an export, read once and found to be what its manifest says, and its size.

    Raises:
        NotFound: the export has no such file, or it is not in its place.
        FileChanged: it is not what was written.
    """
    said = _said(export)
    if name not in said:
        raise NotFound(f"expected one of {', '.join(said)}, got {name!r}")
    try:
        file = _open(Path(export.folder), name)
    except (OSError, ValueError) as error:
        raise NotFound(
            f"{name} of export run {run_id} is gone: expected it in {export.folder} on the machine "
            "that serves these pages; bring the folder back, or run the export again"
        ) from error
    try:
        return file, _require_same(file, f"{name} of export run {run_id}", said[name].get("sha256"))
    except BaseException:
        file.close()
        raise


def _require_same(file: FileIO, name: str, wanted: object) -> int:
    """The size of a file that has this sha256; afterwards it is read from the beginning again."""
    size, digest = 0, hashlib.sha256()
    for piece in _pieces(file):
        size += len(piece)
        digest.update(piece)
    if digest.hexdigest() != wanted:
        raise FileChanged(
            f"{name} was changed since it was written: its sha256 is {digest.hexdigest()}, the "
            f"manifest says {wanted}; run the export again"
        )
    file.seek(0)
    return size


class OpenFile(StreamingResponse):
    """A file of `size` bytes, sent piece by piece, and closed whether all of it arrived or not."""

    def __init__(self, file: FileIO, size: int, media_type: str, headers: dict[str, str]) -> None:
        told = {**headers, "Content-Length": str(size)}
        super().__init__(_pieces(file, size), media_type=media_type, headers=told)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def _pieces(file: FileIO, size: int = sys.maxsize) -> Iterator[bytes]:
    """The file piece by piece, no more than so many bytes of it."""
    while size and (piece := file.read(min(PIECE_BYTES, size))):
        size -= len(piece)
        yield piece
