"""A file of traces is read line by line; what cannot be a trace is named with its number."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from annotator.traces.importing import BadLine, Reading, read_traces
from annotator.traces.lines import UnreadableFile
from annotator.traces.records import TraceRecord, split_response

GOOD: dict[str, Any] = {
    "id": "t1", "question": "Capital of France?", "gold_answers": ["Paris"],
    "thinking": "I recall Paris.\n\nYes.", "answer": "Paris", "model": "m", "thinking_mode": "on",
}  # fmt: skip


def line(**changes: Any) -> bytes:
    """A good record with some fields changed; None takes a field away."""
    record = {k: v for k, v in (GOOD | changes).items() if v is not None}
    return json.dumps(record).encode()


def read(tmp_path: Path, *lines: bytes, **options: Any) -> list[TraceRecord | BadLine]:
    """What a file of these lines gives."""
    path = tmp_path / "traces.jsonl"
    path.write_bytes(b"\n".join(lines))
    return [record for _, record in read_traces(path, Reading(**options))]


def test_a_good_line_is_a_record(tmp_path: Path) -> None:
    """All fields arrive as they are."""
    (record,) = read(tmp_path, line())
    assert isinstance(record, TraceRecord)
    assert (record.external_id, record.gold_answers, record.thinking_mode) == (
        "t1",
        ("Paris",),
        "on",
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(thinking=""), "thinking_mode on, got none"),
        (line(thinking="  \n "), "thinking_mode on, got none"),
        (line(thinking_mode="off"), "thinking_mode off, got some"),
        (line(thinking_mode="maybe"), "on or off"),
        (line(thinking=None, answer=None, response="<think>cut off"), "never closed"),
        (line(thinking=None, response="<think>a</think><think>b</think>"), "several"),
        (line(question="  "), "question, got blank"),
        (line(question=None), "question as text, got nothing"),
        (line(gold_answers=["Paris", 3]), "another type"),
        (line(gold_answers={"a": 1}), "got dict"),
        (line(id="a\x1bb"), "without control characters"),
        (line(id="x" * 501), "at most 500"),
        (line(answer="a\x00b"), "NUL"),
        (line(answer="\ud800"), "surrogate"),
        (line(meta={"p": float("nan")}), "a number, got nan"),
        (line(meta={"p": [-float("inf")]}), "a number, got -inf"),
        (line(meta={"p": 1}).replace(b": 1}", b": 1e999}"), "a number, got inf"),
        (line(meta={"p": 1}).replace(b": 1}", b": " + b"9" * 400 + b".0}"), "a number, got inf"),
        (b'{"id": "caf\xe9"}', "expected UTF-8, got byte 0xe9"),
        (b'{"id": ', "column"),
        (b"[1, 2]", "got list"),
        (b"[" * 100_000, "JSON object"),
        (b'{"id": ' + b"9" * 5000 + b"}", "JSON object"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_in(tmp_path: Path, bad: bytes, reason: str) -> None:
    """The reason says what was expected; the lines around it are read."""
    first, second, third = read(tmp_path, line(), bad, line(id="t2"))
    assert isinstance(first, TraceRecord) and isinstance(third, TraceRecord)
    assert isinstance(second, BadLine)
    assert second.number == 2 and reason in second.reason


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """Nothing to import is an error, not a silent success."""
    with pytest.raises(UnreadableFile, match="empty file"):
        read(tmp_path, b"\n\n")


def test_a_gz_file_that_is_cut_off_is_refused_after_its_good_lines(tmp_path: Path) -> None:
    """What was read before the damage is given, then the error names the line."""
    path = tmp_path / "cut.jsonl.gz"
    noise = [line(id=str(n), answer=f"{n * 7919 % 104729:x}") for n in range(5000)]
    path.write_bytes(gzip.compress(b"\n".join(noise))[:-2000])
    seen = []
    with pytest.raises(UnreadableFile, match=r"stopped after item \d+"):
        seen.extend(record for _, record in read_traces(path))
    assert seen


def test_gz_is_known_by_its_content(tmp_path: Path) -> None:
    """The name of the file does not matter."""
    path = tmp_path / "traces.jsonl"
    path.write_bytes(gzip.compress(line()))
    assert len(list(read_traces(path))) == 1


def test_fields_can_be_mapped(tmp_path: Path) -> None:
    """A file that calls the question a prompt is read with question=prompt."""
    record = {**GOOD, "prompt": GOOD["question"]}
    del record["question"]
    (got,) = read(tmp_path, json.dumps(record).encode(), mapping={"question": "prompt"})
    assert isinstance(got, TraceRecord) and got.question == "Capital of France?"


def test_an_unknown_field_to_map_is_refused(tmp_path: Path) -> None:
    """A typing error in a field's name stops the import before it starts."""
    with pytest.raises(UnreadableFile, match="got quesiton"):
        read(tmp_path, line(), mapping={"quesiton": "prompt"})


@pytest.mark.parametrize(
    ("response", "parts"),
    [
        ("<think>\na\n\nb\n</think>\n\nParis", ("a\n\nb", "Paris")),
        ("a\n</think>\nParis", ("a", "Paris")),
        ("Paris", ("", "Paris")),
    ],
)
def test_a_response_is_split(response: str, parts: tuple[str, str]) -> None:
    """Thinking stands between the tags, the answer after them."""
    assert split_response(response) == parts


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Reading 40 MB takes a small part of 40 MB."""
    path = tmp_path / "big.jsonl"
    with path.open("wb") as file:
        for number in range(400):
            file.write(line(id=str(number), thinking="x" * 100_000) + b"\n")
    tracemalloc.start()
    count = sum(1 for _ in read_traces(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 400 and peak < 4_000_000
