"""Files of questions: what is taken, and how the rest is refused."""

import gzip
import json
from pathlib import Path

import pytest

from alignment.sampling.questions import AskedQuestion, QuestionFileError, read_questions


def test_both_names_of_the_gold_are_read_and_questions_without_one_left_out(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    rows = [
        {"id": "a", "question": "Who?", "gold_answers": ["X"]},
        {"question": "What?", "answers": ["Y", "Z"]},
        {"id": "c", "question": "Why?", "gold_answers": []},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    found = [AskedQuestion("a", "Who?", ("X",)), AskedQuestion("2", "What?", ("Y", "Z"))]
    assert read_questions(path) == found
    assert read_questions(path, limit=1) == found[:1]


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"id": 7, "question": "Who?", "gold_answers": ["X"]}\n'))
    assert read_questions(path) == [AskedQuestion("7", "Who?", ("X",))]


@pytest.mark.parametrize(
    "line",
    [b"{", b"null", b'{"question": 3, "answers": ["a"]}', b'{"question": "q", "answers": "a"}',
     b'{"question": "q"}', b'{"question": "\\ud800", "answers": ["a"]}', b"\xff"],
)  # fmt: skip
def test_a_bad_line_is_named(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(b'{"question": "q", "answers": ["a"]}\n' + line)
    with pytest.raises(QuestionFileError, match="line 2"):
        read_questions(path)


@pytest.mark.parametrize("name", ["nowhere.jsonl", "broken.jsonl.gz"])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl.gz").write_bytes(b"plain text")
    with pytest.raises(QuestionFileError, match="cannot be read"):
        read_questions(tmp_path / name)


def test_a_file_without_gold_answers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(QuestionFileError, match="no question"):
        read_questions(tmp_path / "empty.jsonl")
