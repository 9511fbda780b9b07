"""The sample traces keep what the demo and the tests rely on."""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

import mralign

SAMPLES = Path(mralign.__file__).parent / "samples"
FIELDS = ["id", "question", "gold_answers", "thinking", "answer", "model", "thinking_mode"]
TOKENS_PER_WORD = 1.39
Row = dict[str, Any]
Pair = tuple[Row, Row]


def plain(text: str) -> str:
    """Lower case, without punctuation and articles, one space between words."""
    kept = (c for c in text.casefold() if not unicodedata.category(c).startswith("P"))
    return " ".join(w for w in "".join(kept).split() if w not in {"a", "an", "the"})


def right(row: Row) -> bool:
    return plain(row["answer"]) in {plain(gold) for gold in row["gold_answers"]}


def names_gold(row: Row) -> bool:
    thinking = f" {plain(row['thinking'])} "
    return any(f" {plain(gold)} " in thinking for gold in row["gold_answers"])


def segments(row: Row) -> list[str]:
    return str(row["thinking"]).split("\n\n")


def words(row: Row) -> int:
    return len(row["thinking"].split())


def in_band(row: Row) -> bool:
    return 4 < len(segments(row)) < 15 and 450 < words(row) * TOKENS_PER_WORD < 1000


@pytest.fixture(scope="module")
def text() -> str:
    return (SAMPLES / "traces.jsonl").read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def rows(text: str) -> list[Row]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def pairs(rows: list[Row]) -> list[Pair]:
    return list(zip(rows[::2], rows[1::2], strict=True))


def test_every_line_has_the_fields_of_the_import_format(rows: list[Row]) -> None:
    assert all(list(row) == FIELDS for row in rows)
    assert {row["model"] for row in rows} == {"sample-writer"}


def test_ids_are_unique(rows: list[Row]) -> None:
    assert len({row["id"] for row in rows}) == len(rows)


def test_every_question_has_one_answer_with_thinking_and_one_without(pairs: list[Pair]) -> None:
    assert len(pairs) >= 64
    assert len({plain(on["question"]) for on, _ in pairs}) == len(pairs)
    for number, (on, off) in enumerate(pairs, start=1):
        assert (on["id"], off["id"]) == (f"sample-{number:03d}-on", f"sample-{number:03d}-off")
        assert (on["thinking_mode"], off["thinking_mode"], off["thinking"]) == ("on", "off", "")
        assert (on["question"], on["gold_answers"]) == (off["question"], off["gold_answers"])


def test_gold_answers_and_answers_are_there(rows: list[Row]) -> None:
    assert all(row["gold_answers"] and all(map(plain, row["gold_answers"])) for row in rows)
    assert all(plain(row["answer"]) for row in rows)
    assert any(len(row["gold_answers"]) > 1 for row in rows)


def test_thinking_has_5_to_14_segments(pairs: list[Pair]) -> None:
    assert {len(segments(on)) for on, _ in pairs} <= set(range(5, 15))
    assert all(part.strip() == part != "" for on, _ in pairs for part in segments(on))


def test_every_polarity_is_there_in_numbers(pairs: list[Pair]) -> None:
    outcomes = Counter((right(on), right(off)) for on, off in pairs)
    assert outcomes[True, False] >= 26 and outcomes[False, True] >= 16
    assert outcomes[True, True] >= 18 and outcomes[False, False] >= 10


def test_hit_gaps_and_right_answers_out_of_the_blue_are_there(pairs: list[Pair]) -> None:
    assert sum(names_gold(on) and not right(on) for on, _ in pairs) >= 10
    assert sum(not names_gold(on) and right(on) for on, _ in pairs) >= 4


def test_most_traces_pass_the_length_filter_and_some_do_not(pairs: list[Pair]) -> None:
    assert 0.55 <= sum(in_band(on) for on, _ in pairs) / len(pairs) <= 0.75


def test_no_segment_occurs_twice(pairs: list[Pair]) -> None:
    counts = Counter(plain(part) for on, _ in pairs for part in segments(on))
    assert [p for p, n in counts.items() if n > 1 and len(p.split()) > 6] == []


def test_no_run_of_eight_words_occurs_in_more_than_three_traces(pairs: list[Pair]) -> None:
    seen: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for on, _ in pairs:
        tokens = re.findall(r"\w+", on["thinking"].casefold())
        for start in range(len(tokens) - 7):
            seen[tuple(tokens[start : start + 8])].add(on["id"])
    assert [" ".join(run) for run, ids in seen.items() if len(ids) > 3] == []


def test_text_is_nfc_without_control_characters(text: str, rows: list[Row]) -> None:
    assert unicodedata.is_normalized("NFC", text) and "\ufeff" not in text
    for row in rows:
        values = [v for v in row.values() if isinstance(v, str)] + row["gold_answers"]
        controls = {c for v in values for c in v if unicodedata.category(c)[0] == "C"}
        assert controls <= {"\n"}


def test_names_beyond_ascii_and_lists_inside_a_segment_are_there(pairs: list[Pair]) -> None:
    assert any(not on["gold_answers"][0].isascii() for on, _ in pairs)
    assert any(re.search(r"[^\n]\n[-*] ", on["thinking"]) for on, _ in pairs)


def test_the_readme_counts_what_is_there(pairs: list[Pair]) -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    outcomes = Counter((right(on), right(off)) for on, off in pairs)
    claims = [
        f"{len(pairs)} questions",
        f"{2 * len(pairs)} lines",
        f"{sum(len(segments(on)) for on, _ in pairs)} segments",
        f"{sum(words(on) for on, _ in pairs):,} words",
        f"{sum(in_band(on) for on, _ in pairs)} of the {len(pairs)} traces",
        f"{outcomes[True, False]} questions are positive",
        f"{outcomes[False, True]} negative",
        f"{outcomes[True, True]} right both times and {outcomes[False, False]} wrong both times",
        f"{sum(names_gold(on) and not right(on) for on, _ in pairs)} traces are hit gaps",
        f"{sum(right(on) and not names_gold(on) for on, _ in pairs)} are right without naming",
    ]
    assert [claim for claim in claims if claim not in readme] == []
