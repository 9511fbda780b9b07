"""Chat logs, samples of lm-eval and tables give the same traces as our own JSONL."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from annotator.traces.importing import BadLine, Reading, read_traces
from annotator.traces.lines import UnreadableFile
from annotator.traces.records import TraceRecord

ASKED = {"role": "user", "content": "Capital of France?"}
KNOWN = {"model": "m", "gold_answers": ["Paris"]}


def read(path: Path, *records: Any, **options: Any) -> list[TraceRecord | BadLine]:
    """What a file of these records gives."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return [record for _, record in read_traces(path, Reading(**options))]


def parts(found: TraceRecord | BadLine) -> tuple[str, str, str, str]:
    """Question, thinking, answer and mode."""
    assert isinstance(found, TraceRecord), found
    return found.question, found.thinking, found.answer, found.thinking_mode


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Paris", "reasoning_content": "I recall.\n\nYes."},
        {"content": "Paris", "reasoning": "I recall.\n\nYes."},
        {"content": "<think>\nI recall.\n\nYes.\n</think>\n\nParis"},
        {"content": "I recall.\n\nYes.\n</think>\n\nParis"},
        {"content": [{"type": "thinking", "thinking": "I recall.\n\nYes."},
                     {"type": "text", "text": "Paris"}]},
        {"content": "Paris", "reasoning_details": [{"type": "reasoning.text", "text": "I recall."},
                                                   {"type": "reasoning.text", "text": "Yes."}]},
    ],
)  # fmt: skip
def test_a_chat_log_in_any_dialect_is_a_trace(tmp_path: Path, message: dict[str, Any]) -> None:
    """Thinking stands in its own field, in typed parts, or between tags."""
    log = {**KNOWN, "messages": [ASKED, {"role": "assistant", **message}]}
    (found,) = read(tmp_path / "chat.jsonl", log)
    assert parts(found) == ("Capital of France?", "I recall.\n\nYes.", "Paris", "on")


def test_a_chat_without_thinking_is_one_with_thinking_off(tmp_path: Path) -> None:
    """ShareGPT's names for who speaks are known; a logged completion has its choices apart."""
    shared = [{"from": "human", "value": "Capital?"}, {"from": "gpt", "value": "Paris"}]
    logged = {
        "request": {"messages": [ASKED]},
        "model": "m",
        "response": {"choices": [{"message": {"role": "assistant", "content": "Paris"}}]},
    }
    first, second = read(tmp_path / "c.jsonl", {**KNOWN, "conversations": shared}, logged)
    assert parts(first) == ("Capital?", "", "Paris", "off")
    assert parts(second) == ("Capital of France?", "", "Paris", "off")  # fmt: skip


def test_a_chat_without_an_id_is_named_by_its_content(tmp_path: Path) -> None:
    """The same log again has the same name, another one another."""
    logs = [{**KNOWN, "messages": [ASKED, {"role": "assistant", "content": text}]}
            for text in ("Paris", "Paris", "Rome")]  # fmt: skip
    one, same, other = read(tmp_path / "c.jsonl", *logs)
    assert isinstance(one, TraceRecord) and isinstance(other, TraceRecord)
    assert one == same and one.external_id != other.external_id


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [ASKED]}, "then of the assistant, got user"),
        ({"messages": []}, "got none"),
        ({"messages": ["hi"]}, "a message as an object, got str"),
        ({"messages": [ASKED, {"role": "assistant", "content": "<think>cut"}]}, "never closed"),
        ({"doc": 3, "resps": [["x"]]}, "doc as an object"),
        ({"doc": {"question": "Q?"}, "resps": [[["-1.2", "False"]]]}, "likelihoods"),
        ({"doc": {"x": 1}, "resps": [["x"]]}, "expected one of question"),
    ],
)
def test_what_is_no_trace_says_why(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    """The records around it are read."""
    good = {**KNOWN, "messages": [ASKED, {"role": "assistant", "content": "Paris"}]}
    first, bad, last = read(tmp_path / "c.jsonl", good, {"model": "m", **record}, good)
    assert isinstance(first, TraceRecord) and first == last
    assert isinstance(bad, BadLine) and bad.number == 2 and reason in bad.reason


def sample(**changes: Any) -> dict[str, Any]:
    """A sample as lm-eval logs it."""
    return {"doc_id": 7, "doc": {"question": "Capital of France?", "answer": ["Paris", "Lutetia"]},
            "target": ["Paris", "Lutetia"], "arguments": [["Q: Capital of France?", {}]],
            "resps": [["<think>I recall.</think>Paris"]], "filtered_resps": ["Paris"],
            "exact_match": 1.0, "filter": "none", **changes}  # fmt: skip


def test_a_sample_file_of_lm_eval_says_task_and_model_by_its_path(tmp_path: Path) -> None:
    """A filter's second line of the same document is the same trace."""
    folder = tmp_path / "Qwen__Qwen3-8B"
    folder.mkdir()
    path = folder / "samples_nq_open_2025-03-21T10-11-12.345678.jsonl"
    first, again = read(path, sample(), sample(filter="strip"))
    assert parts(first) == ("Capital of France?", "I recall.", "Paris", "on")
    assert isinstance(first, TraceRecord) and first == again
    assert (first.model, first.dataset) == ("Qwen/Qwen3-8B", "nq_open")
    assert first.gold_answers == ("Paris", "Lutetia")
    assert first.external_id == "Qwen/Qwen3-8B/nq_open/7"


def test_every_response_of_a_sample_is_a_trace(tmp_path: Path) -> None:
    """Repeats are draws; the prompt stands in where the document has no question."""
    drawn = sample(resps=[["Paris", "Rome"]], doc={"id": 1}, arguments={
        "gen_args_0": {"arg_0": "Q: Capital?", "arg_1": {"until": []}}})  # fmt: skip
    found = read(tmp_path / "samples.jsonl", drawn, fixed={"model": "m", "source": "nq"})
    assert [parts(each)[:3] for each in found] == [
        ("Q: Capital?", "", "Paris"),
        ("Q: Capital?", "", "Rome"),
    ]


ROW = {"id": "t1", "question": "Q?", "gold_answers": ["G"], "thinking": "One.\n\nTwo.",
       "answer": "G", "model": "m"}  # fmt: skip


def test_a_json_array_is_read_element_by_element(tmp_path: Path) -> None:
    """Brackets, quotes and backslashes inside of texts do not cut it; gz or plain."""
    hostile = {**ROW, "id": "t2", "answer": 'a],{"\\"}[\\', "thinking": "x\n\ny" * 400_000}
    text = json.dumps([ROW, hostile, 3, {**ROW, "id": "t3"}], indent=1).encode()
    for name, payload in (("a.json", text), ("a.json.gz", gzip.compress(text))):
        (tmp_path / name).write_bytes(payload)
        found = [record for _, record in read_traces(tmp_path / name)]
        assert [isinstance(each, TraceRecord) for each in found] == [True, True, False, True]
        assert isinstance(found[1], TraceRecord) and found[1].answer == hostile["answer"]
        assert isinstance(found[2], BadLine) and found[2].number == 3


def test_a_json_array_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text(json.dumps([ROW, ROW])[:-5])
    with pytest.raises(UnreadableFile, match="never closed"):
        list(read_traces(tmp_path / "cut.json"))


def test_a_parquet_file_and_dataset_folders_give_the_same_traces(tmp_path: Path) -> None:
    """One split or several, arrow or parquet shards; a bad row is named by its number."""
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from datasets import Dataset, DatasetDict
    from pyarrow import parquet

    rows = [{**ROW, "id": f"t{n}", "answer": "" if n == 2 else "G", "question": "Q?" if n != 1
             else " "} for n in range(150)]  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    data = Dataset.from_list(rows)
    data.save_to_disk(str(tmp_path / "one"), num_shards=3)
    DatasetDict({"train": data}).save_to_disk(str(tmp_path / "several"))
    (tmp_path / "hub" / "data").mkdir(parents=True)
    data.to_parquet(str(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet"))
    expected = list(read_traces(tmp_path / "rows.parquet"))
    assert [number for number, each in expected if isinstance(each, BadLine)] == [2]
    assert len(expected) == 150
    for name in ("one", "several", "hub"):
        assert list(read_traces(tmp_path / name)) == expected


def test_chats_may_stand_in_a_table(tmp_path: Path) -> None:
    """A container and a shape are told apart, each by looking."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    turns = [ASKED, {"role": "assistant", "content": "<think>a</think>Paris"}]
    parquet.write_table(pa.Table.from_pylist([{"messages": turns, **KNOWN}]), tmp_path / "c")
    ((_, found),) = read_traces(tmp_path / "c")
    assert parts(found) == ("Capital of France?", "a", "Paris", "on")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"format": "parquet"}, "expected parquet in rows.jsonl, got jsonl"),
        ({"format": "csv"}, "expected a format of auto"),
        ({"fixed": {"modle": "m"}}, "got modle"),
    ],
)
def test_a_format_that_is_not_there_is_refused(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    """The message says what was expected, what came, and what to do."""
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path / "rows.jsonl", ROW, **options)


def test_a_folder_without_shards_and_a_damaged_table_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + b"\x00" * 40)
    for name, reason in (("empty", "save_to_disk"), ("bad.parquet", "after row 0"), ("no", "read")):
        with pytest.raises(UnreadableFile, match=reason):
            list(read_traces(tmp_path / name))


def test_a_number_that_json_does_not_have_is_a_bad_line(tmp_path: Path) -> None:
    """Databases refuse it long after the line was read."""
    (found,) = read(tmp_path / "a.jsonl", {**ROW, "meta": {"score": float("nan")}})
    assert isinstance(found, BadLine) and "got nan" in found.reason
