"""The alignment's jobs on a database: pairing, fitting, exporting, explaining."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlmodel import select

from alignment.export.corpus import load_label_sets
from alignment.export.folder import content_hash, read_manifest
from alignment.export.pool import ExportSettings, Tokenizer
from alignment.export.run import export_training_set, fit_transitions, pair_traces
from alignment.transitions.fits import FitSettings, fit_all
from store.engine import reading, transaction
from store.errors import InvalidInput, NotFound
from store.states import Polarity, RunKind, RunStatus, VersionStatus
from store.tables import Category, ControlledLabel, Export, Run, TaxonomyVersion, TracePair

MakeCorpus = Callable[..., Any]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    lines = [
        line
        for name in ("train.jsonl", "validation.jsonl")
        for line in (folder / name).read_text("utf-8").split("\n")
        if line
    ]
    return [json.loads(line) for line in lines]


def test_traces_pair_by_exact_match_and_again_to_the_same(corpus_anywhere: Any) -> None:
    engine = corpus_anywhere.engine
    first, again = pair_traces(engine), pair_traces(engine, match="plain")
    for report in (first, again):
        assert report.counts()["pairs"] == 8
        assert (report.tally["positive"], report.tally["negative"]) == (2, 2)
        assert report.tally["hit gaps"] == 4
    with reading(engine) as session:
        pairs = session.exec(select(TracePair)).all()
        runs = session.exec(select(Run).where(Run.kind == RunKind.PAIR)).all()
    assert len(pairs) == 8
    assert {pair.judged_by for pair in pairs} == {"exact_match:plain"}
    assert [run.status for run in runs] == [RunStatus.SUCCEEDED] * 2


def test_an_export_is_the_same_on_every_store(corpus_anywhere: Any, tmp_path: Path) -> None:
    pair_traces(corpus_anywhere.engine)
    report = export_training_set(corpus_anywhere.engine, tmp_path / "out")
    assert [row["id"] for row in rows_of(tmp_path / "out")] == ["q0/on", "q1/on", "q4/on", "q5/on"]
    with reading(corpus_anywhere.engine) as session:
        kept = session.get_one(Export, report.export_id)
    assert kept.content_hash == content_hash(read_manifest(tmp_path / "out"))


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.jsonl.gz"])
def test_pairs_from_a_file_are_believed_and_what_is_wrong_is_reported(
    make_corpus: MakeCorpus, tmp_path: Path, name: str
) -> None:
    corpus = make_corpus(4)
    lines = [
        {"on_id": "q0/on", "off_id": "q0/off", "z_on": 0, "z_off": 1},
        {"on_id": "q1/on", "off_id": "q1/off", "z_on": True, "z_off": False},
        {"on_id": "q3/on", "off_id": "elsewhere", "z_on": 1, "z_off": 1},
        {"on_id": "nobody", "off_id": "q1/off", "z_on": 1, "z_off": 0},
        {"on_id": "q2/off", "off_id": "q2/on", "z_on": 1, "z_off": 0},
        {"on_id": "q2/on", "off_id": "q3/off", "z_on": 1, "z_off": 0},
        {"on_id": "q2/on", "off_id": "q2/off", "z_on": "1", "z_off": 0},
        {"on_id": "q2/on", "z_on": 1, "z_off": 0},
        ["q2/on"],
    ]
    data = "\n".join([*map(json.dumps, lines), "", "not json", "[" * 100_000]).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    report = pair_traces(corpus.engine, path)
    assert report.counts() == {
        "pairs": 3, "positive": 1, "negative": 1, "no polarity": 1, "hit gaps": 1,
        "off not imported": 1, "unknown ids": 1, "invalid records": 7,
        "without a partner": 0, "without a gold answer": 0,
    }  # fmt: skip
    assert "line 4: no trace nobody" in report.problems
    assert "line 5: expected a trace with thinking on in on_id, q2/off is off" in report.problems
    with reading(corpus.engine) as session:
        polarities = session.exec(select(TracePair.polarity).order_by(TracePair.id)).all()
        run = session.get_one(Run, report.run_id)
    assert list(polarities) == [Polarity.NEGATIVE, Polarity.POSITIVE, None]
    assert run.status == RunStatus.PARTIAL


def test_pairing_refuses_what_is_no_file_of_pairs(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    corpus = make_corpus(1)
    (tmp_path / "empty.jsonl").write_bytes(b"\n")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b"{}" * 1000)[:20])
    for name in ("missing.jsonl", "empty.jsonl", "cut.jsonl.gz"):
        with pytest.raises(InvalidInput, match=name):
            pair_traces(corpus.engine, tmp_path / name)
    with pytest.raises(InvalidInput, match="plain or squad"):
        pair_traces(corpus.engine, match="loose")


def test_fits_are_of_the_training_split_by_polarity_or_of_all_traces(
    make_corpus: MakeCorpus,
) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    with reading(corpus.engine) as session:
        labels = load_label_sets(session)
        fits = fit_transitions(session, ExportSettings(validation_share=0.0))
        half = fit_transitions(session, ExportSettings(validation_share=0.5))
        every = fit_transitions(session, all_traces=True)
    assert labels.categories == ("framing", "retrieval", "evaluation")
    assert labels.units["q1/on"][1].labels == ((0, 8.0), (1, 8.0))
    assert labels.units["q1/on"][2].label_set == ()
    assert fits.trace_counts == {"overall": 12, "positive": 6, "negative": 6}
    assert 0 < half.trace_counts["overall"] < 12
    assert every.trace_counts == {"overall": 24}
    assert every.positive is None
    assert fits.overall.move_count == 6 * 5 + 6 * 3
    assert not np.allclose(fits.matrix("weights+"), fits.matrix("weights-"), equal_nan=True)


def test_an_export_holds_every_polar_trace_with_spans_labels_and_weights(
    make_corpus: MakeCorpus, tmp_path: Path
) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    report = export_training_set(corpus.engine, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 12
    assert sum(row["label"] for row in rows) == 6
    for row in rows:
        content = row["completion"][0]["content"]
        thinking = content[len("<think>\n") : content.index("\n</think>")]
        pieces = [content[unit["start"] : unit["end"]] for unit in row["segments"]]
        assert "".join(pieces) == thinking
        assert all(piece.endswith("\n\n") for piece in pieces[:-1])
        assert row["segments"][0]["move"] == [["start"], ["framing"]]
    negative = next(row for row in rows if not row["label"])
    assert [unit["weight"] for unit in negative["segments"]][2:] == [1.0, 1.0]
    assert [unit["move"] is None for unit in negative["segments"]] == [False, False, True, True]
    counts = report.manifest["counts"]
    assert (counts["units"], counts["units_without_labels"]) == (48, 6)
    assert report.manifest["taxonomy"]["content_hash"] == "c" * 64
    assert report.manifest["runs"]["annotate"]["prompt_hash"] == "p" * 64
    assert [step.traces for step in report.funnel.steps] == [24, 24, 12, 12, 0, 12]


def test_the_same_input_gives_the_same_bytes_and_no_folder_is_overwritten(
    make_corpus: MakeCorpus, tmp_path: Path
) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    one = export_training_set(corpus.engine, tmp_path / "one")
    two = export_training_set(corpus.engine, tmp_path / "two")
    assert one.manifest == two.manifest
    for name in ("train.jsonl", "validation.jsonl", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with pytest.raises(InvalidInput, match="never overwrites"):
        export_training_set(corpus.engine, tmp_path / "one")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["one", "two"]


def test_an_unfrozen_vocabulary_is_refused_before_anything_is_written(
    make_corpus: MakeCorpus, tmp_path: Path
) -> None:
    corpus = make_corpus(8, VersionStatus.APPROVED)
    pair_traces(corpus.engine)
    with pytest.raises(InvalidInput, match=r"frozen vocabulary.*approved.*taxonomy freeze"):
        export_training_set(corpus.engine, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with reading(corpus.engine) as session:
        assert session.exec(select(Run).where(Run.kind == RunKind.EXPORT)).all() == []


def test_the_length_filter_keeps_what_is_inside_and_says_what_was_dropped(
    make_corpus: MakeCorpus, tmp_path: Path
) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    settings = ExportSettings(length_filter=True)
    with pytest.raises(InvalidInput, match="0 inside the length filter"):
        export_training_set(corpus.engine, tmp_path / "none", settings)
    with reading(corpus.engine) as session:
        run = session.exec(select(Run).where(Run.kind == RunKind.EXPORT)).one()
    assert run.status == RunStatus.FAILED
    counted = ExportSettings(tokenizer=Tokenizer("seven hundred", lambda text: 700))
    report = export_training_set(corpus.engine, tmp_path / "out", counted)
    assert report.manifest["tokenizer"] == "seven hundred"
    assert report.funnel.drops[-1].reason == "too few segments"


def test_jobs_say_what_is_missing(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    corpus = make_corpus(4)
    with reading(corpus.engine) as session:
        with pytest.raises(InvalidInput, match="mralign traces pair"):
            fit_transitions(session)
        with pytest.raises(NotFound, match="source 'person'"):
            fit_transitions(session, ExportSettings(source="person"))
        with pytest.raises(NotFound, match="number 99"):
            fit_transitions(session, ExportSettings(annotate_run_id=99))
    with transaction(corpus.engine) as session:
        other = TaxonomyVersion(name="v2")
        session.add(other)
        session.flush()
        category = Category(
            version_id=other.id, position=0, key="k", name="K", macro_strategy="m", definition="d"
        )
        session.add(category)
        session.flush()
        session.add(ControlledLabel(step_id=1, category_id=category.id, confidence=1.0))
    with reading(corpus.engine) as session, pytest.raises(InvalidInput, match="one vocabulary"):
        fit_transitions(session)


def test_the_single_ablation_weighs_the_surest_label_alone(make_corpus: MakeCorpus) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    with reading(corpus.engine) as session:
        labels = load_label_sets(session)
        fits = fit_transitions(session, ExportSettings(fitting=FitSettings("single")))
    assert fits.overall.support.round(9).tolist() == fits.overall.support.round().tolist()
    assert fit_all([], labels.categories, FitSettings("single")).overall.move_count == 0


def test_an_export_gives_each_weight_an_interval_and_the_cells_that_differ(
    make_corpus: MakeCorpus, tmp_path: Path
) -> None:
    corpus = make_corpus()
    pair_traces(corpus.engine)
    settings = ExportSettings(
        fitting=FitSettings(balanced=True, shrinkage_moves=2.0), replicates=40
    )
    report = export_training_set(corpus.engine, tmp_path / "out", settings)
    units = [unit for row in rows_of(tmp_path / "out") for unit in row["segments"]]
    for unit in units:
        assert unit["weight_low"] - 1e-4 <= unit["weight"] <= unit["weight_high"] + 1e-4
        if unit["move"] is None:
            assert unit["weight_low"] == unit["weight_high"] == 1.0
    transitions = report.manifest["transitions"]
    assert (transitions["balanced"], transitions["shrinkage_moves"]) == (True, 2.0)
    for name in ("overall", "positive", "negative"):
        fitted = transitions["fits"][name]
        for row, low, high in zip(fitted["matrix"], fitted["low"], fitted["high"], strict=True):
            for value, least, most in zip(row, low, high, strict=True):
                assert least is most is None or least - 1e-4 <= value <= most + 1e-4
    differing = {(cell["source"], cell["target"]) for cell in transitions["differences"]["cells"]}
    # Traces with odd numbers, which are the negative ones, go on from framing as no other does.
    assert ("evaluation", "stop") in differing or ("framing", "retrieval") in differing
    plain = ExportSettings(replicates=0)
    bare = export_training_set(corpus.engine, tmp_path / "bare", plain)
    assert bare.manifest["transitions"]["differences"] is None
    assert rows_of(tmp_path / "bare")[0]["segments"][0]["weight_low"] is None
