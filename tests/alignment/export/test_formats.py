"""An export in other trainers' formats, read back by their own loaders."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alignment.export.folder import read_manifest, write_export
from alignment.export.formats import FORMATS, FormatError, files_of

datasets = pytest.importorskip("datasets", reason="datasets is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
MANIFEST = {"taxonomy": {"name": "v1\n---", "content_hash": "c" * 64}, "code_version": "1"}
DROPS = [{"trace_id": "q9/on", "step": "judged", "reason": "no judgment of both answers"}]
Record = dict[str, Any]


@pytest.fixture
def rows(make_record: Callable[..., Record]) -> list[Record]:
    """Rows as an export writes them, with a move that is none and hostile text."""
    found = [make_record(number) for number in range(6)]
    for number, row in enumerate(found):
        row["split"] = "validation" if number == 5 else "train"
        for place, unit in enumerate(row["segments"]):
            move = [["start"], ["framing"]] if place == 0 else None
            unit.update(move=move, weight_low=0.4, weight_high=None if place else 2.0)
    found[0]["question"] = "</script>\u2028 \x00 é"
    return found


@pytest.fixture
def export(rows: list[Record], tmp_path: Path) -> Path:
    write_export(tmp_path / "out", rows, MANIFEST, FORMATS, DROPS)
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The libraries keep what they read under the test's folder, and reach for no network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    yield


def as_read(row: Record) -> Record:
    """The row with what a column of one type gives back."""
    return json.loads(json.dumps(row))


def split(rows: list[Record], name: str) -> list[Record]:
    return [as_read(row) for row in rows if row["split"] == name]


@pytest.mark.parametrize("name", ["train", "validation"])
def test_the_rows_are_read_back_whole_by_datasets(
    export: Path, rows: list[Record], name: str
) -> None:
    wanted = split(rows, name)
    for path, kind in ((f"{name}.jsonl", "json"), (f"parquet/{name}.parquet", "parquet")):
        read = datasets.load_dataset(kind, data_files=str(export / path), split="train")
        assert read.to_list() == wanted, path
    folder = datasets.load_dataset(str(export / "hf"), split=name)
    assert folder.to_list() == wanted


@pytest.mark.models
def test_trl_reads_its_folder_and_its_trainer_takes_the_rows(
    export: Path, rows: list[Record], tiny_policy_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import KTOConfig, KTOTrainer
    from trl.data_utils import is_conversational
    from trl.scripts.utils import DatasetConfig, DatasetMixtureConfig, get_dataset

    read = get_dataset(DatasetMixtureConfig(datasets=[DatasetConfig(path=str(export / "trl"))]))
    train = read["train"]
    assert is_conversational(train[0])
    for one, row in zip(train, split(rows, "train"), strict=True):
        assert (one["prompt"], one["completion"]) == (row["prompt"], row["completion"])
        assert (one["label"], one["id"]) == (row["label"], row["id"])
        assert one["segment_weights"] == [unit["weight"] for unit in row["segments"]]
    trainer = KTOTrainer(
        model=AutoModelForCausalLM.from_pretrained(tiny_policy_folder),
        args=KTOConfig(output_dir=str(tmp_path / "trl"), report_to=[], use_cpu=True, bf16=False),
        train_dataset=train,
        processing_class=AutoTokenizer.from_pretrained(tiny_policy_folder),
    )
    prepared = trainer.train_dataset
    assert len(prepared) == 5
    assert all(len(one["completion_ids"]) > 10 for one in prepared)


def test_llama_factorys_set_is_named_by_its_dataset_info(export: Path, rows: list[Record]) -> None:
    info = json.loads((export / "llama_factory" / "dataset_info.json").read_text())
    entry = info["mralign_train"]
    assert entry["formatting"] == "sharegpt"
    path = export / "llama_factory" / entry["file_name"]
    read = datasets.load_dataset("json", data_files=str(path), split="train").to_list()
    tags = entry["tags"]
    for one, row in zip(read, split(rows, "train"), strict=True):
        chat = one[entry["columns"]["messages"]]
        roles = [message[tags["role_tag"]] for message in chat]
        assert roles == [tags["system_tag"], tags["user_tag"], tags["assistant_tag"]]
        assert chat[-1][tags["content_tag"]] == row["completion"][0]["content"]
        assert one[entry["columns"]["kto_tag"]] is row["label"]


def test_the_same_rows_give_the_same_bytes_in_every_format(
    export: Path, rows: list[Record], tmp_path: Path
) -> None:
    write_export(tmp_path / "again", rows, MANIFEST, FORMATS[::-1], DROPS)
    files = sorted(path.relative_to(export) for path in export.rglob("*") if path.is_file())
    assert len(files) == 14
    for path in files:
        assert (export / path).read_bytes() == (tmp_path / "again" / path).read_bytes(), path
    assert set(read_manifest(export)["files"]) == {
        str(path) for path in files if path.name != "manifest.json"
    }  # fmt: skip


def test_an_empty_split_keeps_its_columns_and_half_surrogates_keep_their_place(
    rows: list[Record], tmp_path: Path
) -> None:
    rows[0]["question"] = "a\ud800b"
    write_export(tmp_path / "out", rows[:2], MANIFEST, ["parquet", "hf"])
    empty = parquet.read_table(tmp_path / "out" / "parquet" / "validation.parquet")
    assert empty.num_rows == 0
    assert "segments" in empty.column_names
    hub = datasets.load_dataset(str(tmp_path / "out" / "hf"))
    assert list(hub) == ["train"]
    assert hub["train"][0]["question"] == "a?b"


def test_a_format_that_is_unknown_writes_nothing(rows: list[Record], tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="llama-factory"):
        write_export(tmp_path / "out", rows, MANIFEST, ["trl", "csv"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FormatError):
        files_of("", {"train": rows, "validation": []}, MANIFEST)


def test_drops_are_listed_with_their_reasons(export: Path) -> None:
    assert json.loads((export / "drops.jsonl").read_text()) == DROPS[0]
