"""The rows of parquet files and of dataset folders, a batch in memory at a time."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from annotator.traces.lines import UnreadableFile

PARQUET_MAGIC = b"PAR1"
ROWS_A_BATCH = 64
SHARDS = (".parquet", ".arrow")
MARKS_OF_A_DATASET = ("dataset_info.json", "state.json", "dataset_dict.json")

Row = Mapping[str, Any]


def is_parquet(path: Path) -> bool:
    """Whether the file begins as parquet does."""
    with path.open("rb") as file:
        return file.read(4) == PARQUET_MAGIC


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Number and values of every row: of a parquet file, or of a folder's shards by name.

    A folder is what `save_to_disk` of the datasets library writes, one split or several, or any
    folder of parquet shards.

    Raises:
        UnreadableFile: pyarrow is not installed, a shard cannot be read, or there is none.
    """
    number = 0
    for shard in shards(path):
        try:
            for row in _shard_rows(shard):
                number += 1
                yield number, row
        except ImportError as error:
            raise UnreadableFile(
                "parquet files and dataset folders need pyarrow: install mralign[parquet]"
            ) from error
        except (OSError, ValueError, KeyError) as error:  # what pyarrow's errors derive from
            raise UnreadableFile(
                f"expected to read {shard.name} to its end, stopped after row {number}: {error}"
            ) from error


def shards(path: Path) -> list[Path]:
    """The files that hold the rows, in the order of their names.

    Raises:
        UnreadableFile: a folder without any.
    """
    if not path.is_dir():
        return [path]
    # Names inside state.json are not followed: a folder from elsewhere could name any file.
    found = sorted(each for each in path.rglob("*") if each.suffix in SHARDS and each.is_file())
    if not found:
        raise UnreadableFile(
            f"expected a dataset folder with .arrow or .parquet files in {path.name}, found none; "
            "write one with `dataset.save_to_disk(FOLDER)`"
        )
    return found


def _shard_rows(shard: Path) -> Iterator[Row]:
    batches = _parquet_batches(shard) if is_parquet(shard) else _arrow_batches(shard)
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_A_BATCH):
            for row in batch.slice(start, ROWS_A_BATCH).to_pylist():
                yield {name: plain(value) for name, value in row.items()}


def _parquet_batches(shard: Path) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(shard) as file:
        yield from file.iter_batches(batch_size=ROWS_A_BATCH)


def _arrow_batches(shard: Path) -> Iterator[Any]:
    """The batches of a stream, as the datasets library writes it, or of an Arrow file."""
    import pyarrow as pa

    with pa.memory_map(str(shard)) as source:
        try:
            reader: Any = pa.ipc.open_stream(source)
        except pa.ArrowInvalid:
            file = pa.ipc.open_file(source)
            yield from (file.get_batch(number) for number in range(file.num_record_batches))
            return
        yield from reader


def plain(value: Any) -> Any:
    """The value as JSON could have given it: times as text, bytes as what they are not."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return f"<{type(value).__name__}>" if isinstance(value, bytes) else str(value)
