"""The rows of an export as other trainers take them, as the bytes of files."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["trl", "llama-factory", "parquet", "hf"]
FORMATS: tuple[Format, ...] = get_args(Format)
SPLITS = ("train", "validation")

Row = Mapping[str, Any]
Files = dict[str, bytes]  # by path inside the export


class FormatError(ValueError):
    """A format that is unknown, or needs a library that is not installed."""


def files_of(name: str, rows: Mapping[str, Sequence[Row]], manifest: Mapping[str, Any]) -> Files:
    """The files of one format, by their path inside the export.

    `rows` are those of each split. Identity: equal rows and manifest give equal bytes (of parquet,
    with one version of pyarrow).
    Raises: FormatError if there is no such format, or pyarrow is needed and not there.
    """
    if name == "trl":
        return _trl(rows)
    if name == "llama-factory":
        return _llama_factory(rows)
    if name == "parquet":
        return {f"parquet/{split}.parquet": _parquet(rows[split]) for split in SPLITS}
    if name == "hf":
        return _hugging_face(rows, manifest)
    raise FormatError(f"expected formats out of {', '.join(FORMATS)}, got {name!r}")


def json_line(row: Row) -> bytes:
    """A row as a line of JSON; a lone surrogate becomes "?", so spans still count the same."""
    text = json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


def _trl(rows: Mapping[str, Sequence[Row]]) -> Files:
    """TRL's unpaired preferences: prompt, completion and label, and our columns laid flat.

    Source: TRL's dataset formats, "unpaired preference", conversational.
    """
    return {
        f"trl/{split}.jsonl": b"".join(json_line(_trl_row(row)) for row in rows[split])
        for split in SPLITS
    }


def _trl_row(row: Row) -> dict[str, Any]:
    units = row["segments"]
    return {
        **{name: row[name] for name in ("id", "question_key", "prompt", "completion", "label")},
        "segment_starts": [unit["start"] for unit in units],
        "segment_ends": [unit["end"] for unit in units],
        "segment_weights": [unit["weight"] for unit in units],
        "segment_labels": [", ".join(unit["labels"]) for unit in units],
    }


def _llama_factory(rows: Mapping[str, Sequence[Row]]) -> Files:
    """LLaMA-Factory's KTO set: whole chats with kto_tag, and the dataset_info that names them.

    Source: LLaMA-Factory's data/README, "KTO dataset", sharegpt format with OpenAI's roles.
    """
    files = {
        f"llama_factory/{split}.jsonl": b"".join(json_line(_chat_row(row)) for row in rows[split])
        for split in SPLITS
    }
    info = {f"mralign_{split}": _dataset_info(f"{split}.jsonl") for split in SPLITS}
    text = json.dumps(info, indent=1, sort_keys=True) + "\n"
    return files | {"llama_factory/dataset_info.json": text.encode()}


def _chat_row(row: Row) -> dict[str, Any]:
    spans = [[unit["start"], unit["end"], unit["weight"]] for unit in row["segments"]]
    return {
        "id": row["id"],
        "messages": [*row["prompt"], *row["completion"]],
        "kto_tag": row["label"],
        "segments": spans,
    }


def _dataset_info(file_name: str) -> dict[str, Any]:
    return {
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "kto_tag": "kto_tag"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user",
                 "assistant_tag": "assistant", "system_tag": "system"},
    }  # fmt: skip


def _hugging_face(rows: Mapping[str, Sequence[Row]], manifest: Mapping[str, Any]) -> Files:
    """A dataset folder as the Hugging Face hub lays it out: a card and a parquet file a split.

    A split without rows is left out, for the hub's loader refuses an empty one.
    """
    files: Files = {"hf/README.md": _card(rows, manifest).encode()}
    for split in SPLITS:
        if rows[split]:
            files[f"hf/data/{split}-00000-of-00001.parquet"] = _parquet(rows[split])
    return files


def _card(rows: Mapping[str, Sequence[Row]], manifest: Mapping[str, Any]) -> str:
    taxonomy = manifest.get("taxonomy", {})
    paths = [
        f"  - split: {split}\n    path: data/{split}-*.parquet" for split in SPLITS if rows[split]
    ]
    counts = ", ".join(f"{len(rows[split]):,} rows for {split}" for split in SPLITS)
    return "\n".join([
        "---", "configs:", "- config_name: default", "  data_files:", *paths, "---", "",
        "# Reasoning traces with weighted segments", "",
        f"{counts}. Each row is a prompt, a completion and whether it is desirable; `segments`",
        "gives half-open character spans of the completion with their labels and weights.", "",
        f"Vocabulary: {json.dumps(taxonomy.get('name'))}, sha256 {taxonomy.get('content_hash')}.",
        f"Code version: {manifest.get('code_version')}.", "",
    ])  # fmt: skip


def _parquet(rows: Sequence[Row]) -> bytes:
    """The rows as one parquet file, nested as they are."""
    pa, pq = _arrow()
    table = pa.Table.from_pylist([_clean(dict(row)) for row in rows], schema=_schema(pa))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise FormatError("parquet needs pyarrow: install mralign[parquet]") from error
    return pa, pq


def _schema(pa: Any) -> pa.Schema:
    """The columns of a row; stated, so that a split without rows has them too."""
    text, whole, real = pa.string(), pa.int64(), pa.float64()
    chat = pa.list_(pa.struct([("role", text), ("content", text)]))
    unit = pa.struct([
        ("start", whole), ("end", whole), ("first_segment", whole), ("end_segment", whole),
        ("labels", pa.list_(text)), ("weight", real), ("weight_low", real),
        ("weight_high", real), ("ratio", real), ("clipped", pa.bool_()),
        ("move", pa.list_(pa.list_(text))),
    ])  # fmt: skip
    return pa.schema([
        ("id", text), ("question", text), ("question_key", text), ("prompt", chat),
        ("completion", chat), ("label", pa.bool_()), ("split", text),
        ("gold_answers", pa.list_(text)), ("segments", pa.list_(unit)),
    ])  # fmt: skip


def _clean(value: Any) -> Any:
    """The value with lone surrogates as "?", as the lines of JSON have them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
