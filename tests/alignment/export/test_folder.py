"""The export folder: whole or not at all, never overwritten, its hashes true."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.export import folder
from alignment.export.folder import (
    ExportError,
    content_hash,
    find_row,
    read_manifest,
    suggested_lambda_r,
    write_export,
)

ROWS: list[dict[str, Any]] = [
    {"id": "b", "split": "train", "text": "line\nseparator \u2028 and \u00e9"},
    {"id": "a", "split": "validation", "text": "<b>&\x00"},
]


def test_rows_stand_in_the_file_of_their_split_one_a_line(tmp_path: Path) -> None:
    manifest = write_export(tmp_path / "deep" / "out", ROWS, {"name": "x"})
    folder = tmp_path / "deep" / "out"
    assert json.loads((folder / "train.jsonl").read_bytes()) == ROWS[0]
    assert (folder / "train.jsonl").read_bytes().count(b"\n") == 1
    assert json.loads((folder / "validation.jsonl").read_bytes()) == ROWS[1]
    assert read_manifest(folder) == manifest
    assert manifest["files"]["train.jsonl"]["rows"] == 1
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["out"]


def test_the_manifest_states_each_files_hash(tmp_path: Path) -> None:
    manifest = write_export(tmp_path / "out", ROWS, {})
    for name, file in manifest["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["bytes"] == len(data)
    data = (tmp_path / "out" / "manifest.json").read_bytes()
    assert content_hash(manifest) == hashlib.sha256(data).hexdigest()


def test_the_order_of_keys_changes_no_byte_and_a_value_changes_the_hash(tmp_path: Path) -> None:
    one = write_export(tmp_path / "1", ROWS, {"a": 1, "b": 2})
    turned = [dict(reversed(row.items())) for row in ROWS]
    two = write_export(tmp_path / "2", turned, {"b": 2, "a": 1})
    three = write_export(tmp_path / "3", ROWS[:1], {"a": 1, "b": 2})
    assert content_hash(one) == content_hash(two) != content_hash(three)


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("file", "empty"):
        with pytest.raises(ExportError, match="never overwrites"):
            write_export(tmp_path / name, ROWS, {})
    assert (tmp_path / "file").read_text() == "mine"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(folder, "_flush_folder", fail)
    with pytest.raises(OSError, match="disk full"):
        write_export(tmp_path / "out", ROWS, {})
    with pytest.raises(ValueError, match="JSON"):
        write_export(tmp_path / "out", [{"split": "train", "weight": float("inf")}], {})
    assert list(tmp_path.iterdir()) == []


def test_half_of_a_surrogate_pair_keeps_its_place(tmp_path: Path) -> None:
    write_export(tmp_path / "out", [{"id": "x", "split": "train", "text": "a\ud800b"}], {})
    row = find_row(tmp_path / "out", "x")
    assert row is not None
    assert row["text"] == "a?b"


def test_a_row_is_found_by_its_trace(tmp_path: Path) -> None:
    write_export(tmp_path / "out", ROWS, {})
    assert find_row(tmp_path / "out", "a") == ROWS[1]
    assert find_row(tmp_path / "out", "nobody") is None


def test_a_folder_that_is_no_export_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"manifest\.json"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(ExportError, match="'other'"):
        read_manifest(tmp_path)


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_the_suggested_lambda_balances_the_sides(desirable: int, undesirable: int) -> None:
    lambda_r = suggested_lambda_r(desirable, undesirable)
    assert lambda_r is not None
    assert 1.0 - 1e-12 <= desirable / (lambda_r * undesirable) <= 1.5 + 1e-12


def test_the_suggestion_is_the_papers_at_the_papers_counts() -> None:
    assert suggested_lambda_r(4_830, 2_143) == pytest.approx(1.5026)
    assert suggested_lambda_r(6, 5) == 1.0
    assert suggested_lambda_r(0, 5) is None
    assert suggested_lambda_r(5, 0) is None
