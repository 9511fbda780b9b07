"""The items of a file, one in memory at a time: a line each, or an element each of a JSON array."""

import gzip
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, cast

MAX_ITEM_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
MARK = b"\xef\xbb\xbf"
_STRUCTURE = re.compile(rb'["\\\[\]{},]')

Item = tuple[int, bytes | None]


class UnreadableFile(ValueError):
    """A file that holds nothing to take, or cannot be read to its end."""


def read_items(path: Path) -> Iterator[Item]:
    """Number and bytes of every item, plain or gz; None stands for one too long to hold.

    A file whose first character is "[" alone on its line, or before an object, is a JSON array.

    Raises:
        UnreadableFile: no such file, or a gz file that is cut off.
    """
    number = 0
    try:
        with open_plain(path) as file:
            is_array = _is_array(file)
            file.seek(0)
            for number, item in _elements(file) if is_array else _lines(file):
                yield number, item
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(
            f"expected to read {path.name} to its end, stopped after item {number}: {error}"
        ) from error


def open_plain(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where it is gz, whatever its name."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _is_array(file: IO[bytes]) -> bool:
    head = file.read(4096).removeprefix(MARK).lstrip()
    return head[:1] == b"[" and head[1:].lstrip()[:1] in (b"{", b"]", b"")


def _lines(file: IO[bytes]) -> Iterator[Item]:
    """The lines that are not blank."""
    number = 0
    while line := file.readline(MAX_ITEM_BYTES):
        number += 1
        if not line.endswith(b"\n") and len(line) == MAX_ITEM_BYTES:
            _skip_line(file)
            yield number, None
        elif text := line.removeprefix(MARK).strip():
            yield number, text


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(MAX_ITEM_BYTES)) and not rest.endswith(b"\n"):
        continue


def _elements(file: IO[bytes]) -> Iterator[Item]:
    """The elements of a JSON array, cut at the commas of its first level."""
    number, held, size = 0, list[bytes](), 0
    for piece, ends in _pieces(file):
        size += len(piece)
        if size <= MAX_ITEM_BYTES:
            held.append(piece)
        if ends:
            text = b"".join(held).strip()
            if text or size > MAX_ITEM_BYTES:
                number += 1
                yield number, text if size <= MAX_ITEM_BYTES else None
            held, size = [], 0


def _pieces(file: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The array's inside in pieces, each with whether an element ends behind it."""
    depth, quoted, skipped = 0, False, -1
    for offset, chunk in _chunks(file):
        begin = 0
        for match in _STRUCTURE.finditer(chunk):
            place, sign = match.start(), match[0]
            if quoted:
                if offset + place != skipped:
                    quoted = sign != b'"'
                    skipped = offset + place + 1 if sign == b"\\" else skipped
                continue
            depth -= sign in b"]}"
            if depth == 0 or (depth == 1 and sign == b","):
                if sign != b"[":
                    yield chunk[begin:place], True
                begin = place + 1
            if depth == 0 and sign == b"]":
                return
            depth += sign in b"[{"
            quoted = sign == b'"'
        yield chunk[begin:], False
    raise EOFError('the array is never closed by "]": was the file cut off?')


def _chunks(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The file in chunks, each with its place."""
    offset = 0
    for chunk in chain([file.read(CHUNK_BYTES)], iter(lambda: file.read(CHUNK_BYTES), b"")):
        yield offset, chunk
        offset += len(chunk)
