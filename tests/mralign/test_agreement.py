"""`mralign annotate import`, `export` and `agreement`, as a user runs them."""

import gzip
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from mralign import agreement, annotate
from mralign.traces import app as traces_app
from store.engine import get_engine, transaction
from store.errors import InvalidInput
from store.states import VersionStatus
from store.tables import Category, TaxonomyVersion
from tests.corpora import Corpus, build_annotated_corpus

HOSTILE = "<script>alert(1)</script>"


def run(app: Any, *words: str) -> Result:
    """A command's result; what it raises is raised here."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


@pytest.fixture
def corpus(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corpus]:
    """Six traces of four segments, annotated under a version of three categories."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", database_url)
    engine = get_engine(database_url)
    yield build_annotated_corpus(engine, 6, VersionStatus.FROZEN)
    engine.dispose()


def labels(path: Path, person: str, *sets: tuple[str, ...]) -> Path:
    """A file of ours in which a person labels the four segments of every trace so."""
    lines = [
        {"trace_id": f"q{n}/on", "person": person, "steps": [
            {"first_segment": place, "labels": list(keys)} for place, keys in enumerate(sets)
        ]} for n in range(6)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def test_people_and_runs_are_compared(corpus: Corpus, tmp_path: Path) -> None:
    """What is imported is a source like any other: figures, distance and confusion of any two."""
    sets = (("framing",), ("Retrieval",), ("evaluation",), ())
    taken = run(annotate.app, "import", str(labels(tmp_path / "a.jsonl", "anna", *sets)))
    assert taken.exit_code == 0 and "person:anna" in taken.output
    named = labels(tmp_path / "b.jsonl", HOSTILE, *sets)
    assert run(annotate.app, "import", str(named)).exit_code == 0
    svg = tmp_path / "confusion.svg"
    words = ("--between", "consensus", "--and", f"person:{HOSTILE}", "--svg", str(svg))
    shown = run(agreement.app, *words, "--resamples", "5")
    assert f"consensus and person:{HOSTILE}: 24 units of 6 traces" in shown.output
    assert "mean ℓ1 of transitions" in shown.output and "no label" in shown.output
    assert ElementTree.fromstring(svg.read_text("utf-8")) is not None
    assert "<script>" not in svg.read_text("utf-8")
    document = json.loads(
        run(agreement.app, "--between", f"run:{corpus.annotate_run_id}", "--and", "person:anna",
            "--resamples", "5", "--json").output
    )  # fmt: skip
    over = document["over"]["categories"]
    assert (document["units"], document["traces"], over["strict"]["n"]) == (24, 6, 24)
    # Even traces: 1, 2 and 3 of 4 segments differ as sets; odd ones as the corpus says.
    expected = [({"framing"}, {"framing"}), ({"retrieval"}, {"retrieval"}),
                ({"retrieval", "evaluation"}, {"evaluation"}), ({"evaluation"}, set()),
                ({"framing"}, {"framing"}), ({"framing", "retrieval"}, {"retrieval"}),
                (set(), {"evaluation"}), ({"retrieval"}, set())]  # fmt: skip
    equal = sum(a == b for a, b in expected) / len(expected)
    assert over["strict"]["value"] == pytest.approx(equal)
    low, value, high = (over["mean_l1_percent"][name] for name in ("low", "percent", "high"))
    assert low <= value <= high and value > 0


def test_a_source_agrees_with_itself_and_induces_the_same_matrix(corpus: Corpus) -> None:
    both = ("--between", "annotator_a", "--and", "annotator_b", "--resamples", "3", "--json")
    over = json.loads(run(agreement.app, *both).output)["over"]["categories"]
    assert over["kappa_strict"]["value"] == 1.0 and over["mean_l1_percent"]["percent"] == 0.0
    counts = over["confusion"]["counts"]
    assert all(counts[row][column] == 0 for row, column in product(range(4), repeat=2)
               if row != column)  # fmt: skip


@pytest.mark.parametrize("name", ["person:nobody", "run:1/nobody", "run:x", "nobody", "run:999999"])
def test_a_source_that_is_not_there_is_named(corpus: Corpus, name: str) -> None:
    """The message lists who labelled anything."""
    result = CliRunner().invoke(agreement.app, ["--between", name])
    assert result.exception is not None and "expected" in str(result.exception)
    if name.endswith("nobody"):
        assert isinstance(result.exception, InvalidInput)
        assert f"run:{corpus.annotate_run_id}/consensus" in str(result.exception)


def test_sources_of_other_categories_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    add_version(corpus.engine, "other", ["Framing", "Guess"])
    path = labels(tmp_path / "a.jsonl", "anna", ("Guess",), (), (), ())
    assert run(annotate.app, "import", str(path), "--taxonomy", "other").exit_code == 0
    with pytest.raises(InvalidInput, match="differ in evaluation, guess, retrieval"):
        run(agreement.app, "--and", "person:anna")


def test_what_is_handed_out_is_taken_back(corpus: Corpus, tmp_path: Path) -> None:
    """From the command line, with the names of files that it wrote."""
    out = tmp_path / "tasks.json"
    handed = run(annotate.app, "export", "--out", str(out), "--limit", "4")
    assert "4 traces with" in handed.output and f"{out}.config.xml" in handed.output
    back = run(annotate.app, "import", str(out), "--predictions")
    assert back.exit_code == 0 and "lines left out: 0" in back.output
    same = run(agreement.app, "--between", f"run:{corpus.annotate_run_id}", "--and",
               f"run:{corpus.annotate_run_id + 1}", "--json", "--resamples", "0")  # fmt: skip
    assert json.loads(same.output)["over"]["categories"]["strict"]["value"] == 1.0


def add_version(engine: sa.Engine, name: str, names: list[str]) -> None:
    """A frozen version of these categories."""
    with transaction(engine) as session:
        version = TaxonomyVersion(name=name, status=VersionStatus.FROZEN, content_hash=name)
        session.add(version)
        session.flush()
        session.add_all(
            Category(version_id=version.id, position=place, key=each.lower().replace(" ", "_"),
                     name=each, macro_strategy="m", definition="d")
            for place, each in enumerate(names)
        )  # fmt: skip


def data_rows(name: str) -> list[dict[str, Any]]:
    """The records of a file of the shared data, which may not be here."""
    folder = os.environ.get("MRALIGN_BENCH_DATA", "")
    path = Path(folder) / name
    if not folder or not path.exists():
        pytest.skip(f"MRALIGN_BENCH_DATA names no folder with {name}")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def cohen(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> float:
    """Cohen's κ of label sets by its definition."""
    observed = sum(a == b for a, b in pairs) / len(pairs)
    first, second = (Counter(pair[side] for pair in pairs) for side in (0, 1))
    chance = sum(first[each] * second[each] for each in first) / len(pairs) ** 2
    return (observed - chance) / (1 - chance)


def test_two_peoples_kappa_on_rt_seg_is_reproduced(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Clause by clause, out of the agreement table, through import and command."""
    rows = data_rows("agreement_rtseg.jsonl.gz")
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    by_trace: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_trace[row["trace_id"]].append(row)
    traces, given, pairs = [], [], []
    for name, units in by_trace.items():
        texts = [" ".join(unit["text"].split()) or "…" for unit in units]
        traces.append({"id": name, "question": f"Q of {name}?", "gold_answers": [], "model": "m",
                       "thinking": "\n\n".join(texts), "answer": "A"})  # fmt: skip
        for person in ("human-1", "human-8"):
            place, spans = 0, []
            for text, unit in zip(texts, units, strict=True):
                spans += [{"start": place, "end": place + len(text), "label": label}
                          for label in unit["labels_by_annotator"][person]]  # fmt: skip
                place += len(text) + 2
            given.append({"trace_id": name, "person": person, "spans": spans})
        both = [unit["labels_by_annotator"] for unit in units]
        pairs += [(frozenset(each["human-1"]), frozenset(each["human-8"])) for each in both]
    for file, lines in (("traces.jsonl", traces), ("labels.jsonl", given)):
        (tmp_path / file).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    engine = get_engine(sqlite_url)
    add_version(engine, "rtseg-8", sorted({label for a, b in pairs for label in a | b}))
    engine.dispose()
    assert run(traces_app, "import", str(tmp_path / "traces.jsonl")).exit_code == 0
    taken = run(annotate.app, "import", str(tmp_path / "labels.jsonl"))
    assert taken.exit_code == 0, taken.output
    document = json.loads(
        run(agreement.app, "--between", "person:human-1", "--and", "person:human-8",
            "--resamples", "3", "--json").output
    )  # fmt: skip
    over = document["over"]["categories"]
    assert document["units"] == len(rows)
    assert over["kappa_strict"]["value"] == pytest.approx(cohen(pairs), abs=1e-12)
    assert over["kappa_strict"]["low"] < over["kappa_strict"]["value"]
