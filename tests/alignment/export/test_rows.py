"""Reading an export folder: what is accepted, and how the rest is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment.export.rows import ExportFolderError, parse_row, read_export


def test_an_export_is_read_with_its_taxonomy_hash(make_record: Any, make_export: Any) -> None:
    export = read_export(make_export([make_record(1), make_record(2)]))
    assert export.taxonomy_hash == "0123abcd"
    assert [row.desirable for row in export.rows] == [True, False]
    first = export.rows[0]
    assert [span.weight for span in first.spans] == [0.5, 2.0, 1.25]
    assert first.prompt[1] == ("user", "What is the capital of Peru, 1?")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportFolderError, match="mralign export"):
        read_export(tmp_path / "nowhere")


def test_an_empty_export_is_refused_with_the_way_out(make_export: Any) -> None:
    with pytest.raises(ExportFolderError, match="holds no row"):
        read_export(make_export([]))


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"taxonomy": null}'])
def test_a_manifest_without_a_taxonomy_is_refused(
    manifest: str, make_record: Any, make_export: Any
) -> None:
    folder = make_export([make_record(1)])
    (folder / "manifest.json").write_text(manifest)
    with pytest.raises(ExportFolderError, match="content_hash"):
        read_export(folder)


def changed(record: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    change(record)
    return record


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop("label"),
        lambda r: r.update(label="true"),
        lambda r: r.update(label=1),
        lambda r: r.update(prompt=[]),
        lambda r: r.update(completion=[]),
        lambda r: r.update(question_key=3),
        lambda r: r["segments"][0].update(weight=float("nan")),
        lambda r: r["segments"][0].update(weight=0),
        lambda r: r["segments"][0].update(end=r["segments"][0]["start"]),
        lambda r: r["segments"][2].update(end=10_000),
        lambda r: r["segments"][1].update(start=r["segments"][0]["start"]),
        lambda r: r["completion"][0].update(content="\ud83d"),
    ],
)
def test_a_bad_row_is_refused_by_its_line(
    change: Callable[[dict[str, Any]], object], make_record: Any, make_export: Any
) -> None:
    folder = make_export([make_record(1)])
    bad = changed(make_record(2), change)
    with (folder / "train.jsonl").open("a") as lines:
        lines.write(json.dumps(bad) + "\n")
    with pytest.raises(ExportFolderError, match="line 2"):
        read_export(folder)


@pytest.mark.parametrize("line", [b"{", b"\xff\xfe\n", b"null", b"[" * 100_000])
def test_a_line_that_is_no_row_is_refused(line: bytes, make_record: Any, make_export: Any) -> None:
    folder = make_export([make_record(1)])
    (folder / "train.jsonl").write_bytes(line)
    with pytest.raises(ExportFolderError, match="line 1"):
        read_export(folder)


def test_markup_in_every_field_is_only_text(make_record: Any) -> None:
    record = make_record(1)
    for message in record["prompt"]:
        message["content"] = "=1+1<script>alert(1)</script>"
    assert parse_row(record).prompt[0][1] == "=1+1<script>alert(1)</script>"
