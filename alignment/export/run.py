"""The jobs of the alignment: pair traces, fit the matrices, write a training set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from alignment.export.corpus import (
    LabelSets,
    describe_runs,
    load_draws,
    load_label_sets,
    load_sources,
    measure_polar,
    require_frozen,
)
from alignment.export.folder import content_hash, write_export
from alignment.export.manifest import manifest_document
from alignment.export.pool import (
    APPROXIMATE,
    ExportSettings,
    Pool,
    Sureness,
    Tokenizer,
    fit_pool,
    form_pool,
    labelled,
    measure_sureness,
)
from alignment.polarity.candidates import CandidateCounts, Funnel, LengthFilter, Selection
from alignment.polarity.candidates import select as select_draws
from alignment.polarity.intake import PairReport, judge_pairs, record_pairs
from alignment.polarity.matching import Normalisation
from alignment.transitions.examples import example_row, split_of, tiled, unit_spans
from alignment.transitions.fits import Fits, LabelledTrace, fit_all
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.progress import Teller
from store.runs import code_version, failing_run, finish_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Export, TracePair

UNNAMED, ALL = "unnamed", "all together"


@dataclass(frozen=True)
class ExportReport:
    """A training set that was written."""

    run_id: int
    export_id: int
    folder: Path
    manifest: dict[str, Any]
    funnel: Funnel


def pair_traces(engine: sa.Engine, pairs: Path | None = None, match: str = "squad") -> PairReport:
    """Set the polarity of every pair, from a file of judgments or by exact match.

    Without a file, the thinking-on and thinking-off traces of one question by one model are
    paired in the order of their import, and each answer is held against the gold. A pair that was
    there is judged anew.

    Raises:
        InvalidInput: the normalisation is unknown, or the file cannot be read.
    """
    how = _normalisation(match)
    parameters = {"match": match, "pairs": pairs.name if pairs else None}
    run = start_run(engine, RunKind.PAIR, parameters=parameters)
    report = PairReport(run.id, "file" if pairs else f"exact_match:{how}")
    with failing_run(engine, run.id), mendable():
        if pairs is None:
            judge_pairs(engine, how, report)
        else:
            record_pairs(engine, pairs, how, report)
        with transaction(engine) as session:
            status = RunStatus.PARTIAL if report.problem_count else RunStatus.SUCCEEDED
            finish_run(session, run.id, status, report.sentence(), metrics=report.counts())
    return report


def fit_transitions(
    session: Session, settings: ExportSettings | None = None, all_traces: bool = False
) -> Fits:
    """P, P⁺ and P⁻ of an annotate run, fitted on the polar traces of the training split.

    With `all_traces` it is P alone, over every trace that the run annotated.

    Raises:
        NotFound: there is no annotate run.
        InvalidInput: no annotated trace has a polarity.
    """
    settings = settings or ExportSettings()
    labels = load_label_sets(session, settings.annotate_run_id, settings.source)
    if not all_traces:
        with mendable():
            return fit_pool(load_pool(session, labels, settings), settings)
    traces = [LabelledTrace(name, None, units) for name, units in labels.units.items()]
    return fit_all(traces, labels.categories, settings.fitting, by_polarity=False)


def fit_with_sureness(
    session: Session, settings: ExportSettings | None = None
) -> tuple[Fits, Sureness | None]:
    """The fits of `fit_transitions`, with intervals and the cells that differ between polarities.

    Raises:
        NotFound: there is no annotate run.
        InvalidInput: no annotated trace has a polarity.
    """
    settings = settings or ExportSettings()
    labels = load_label_sets(session, settings.annotate_run_id, settings.source)
    with mendable():
        pool = load_pool(session, labels, settings)
        fits = fit_pool(pool, settings)
        return fits, measure_sureness(pool, fits, settings)


def export_training_set(
    engine: sa.Engine, folder: Path, settings: ExportSettings | None = None
) -> ExportReport:
    """Write a training set as a new folder, and remember it.

    Raises:
        InvalidInput: the vocabulary is not frozen, nothing is polar, or the folder is there.
        NotFound: there is no annotate run.
    """
    settings = settings or ExportSettings()
    with reading(engine) as session:
        labels = load_label_sets(session, settings.annotate_run_id, settings.source)
        require_frozen(labels.version)
    run = start_run(engine, RunKind.EXPORT, parameters=_parameters(settings, folder))
    say = Teller(engine, run.id).stage
    with failing_run(engine, run.id), mendable():
        with reading(engine) as session:
            say("fitting the matrices")
            pool = load_pool(session, labels, settings)
            fits = fit_pool(pool, settings)
            say("drawing intervals")
            sureness = measure_sureness(pool, fits, settings)
            say("writing the examples")
            rows = _rows(session, pool, fits, sureness, settings)
            origin = _origin(session, labels, settings)
        document = manifest_document(rows, fits, sureness, pool.funnel, origin)
        drops = [asdict(drop) for drop in pool.funnel.drops]
        manifest = write_export(folder, rows, document, settings.formats, drops)
        export_id = _remember_export(engine, run.id, labels, folder, manifest)
    return ExportReport(run.id, export_id, folder, manifest, pool.funnel)


def load_pool(session: Session, labels: LabelSets, settings: ExportSettings) -> Pool:
    """The training candidates among the traces that were annotated, and the way to them."""
    sizes = measure_polar(session, settings.tokenizer.count)
    return form_pool(labels.categories, labels.units, load_draws(session), sizes, settings)


def select_candidates(
    engine: sa.Engine, tokenizer: Tokenizer = APPROXIMATE, wanted_draws: int = 1
) -> Selection:
    """The training candidates among all traces, annotated or not, and the way to them."""
    with reading(engine) as session:
        sizes = measure_polar(session, tokenizer.count)
        draws = load_draws(session)
    return select_draws(draws, lambda draw: sizes[draw.trace_id], wanted_draws=wanted_draws)


def count_candidates(
    engine: sa.Engine, tokenizer: Tokenizer = APPROXIMATE, wanted_draws: int = 1
) -> dict[str, CandidateCounts]:
    """The candidates of each dataset, by its name, and of all of them together under ALL."""
    with reading(engine) as session:
        sizes = measure_polar(session, tokenizer.count)
        draws = load_draws(session)
    names = dict.fromkeys(draw.dataset or UNNAMED for draw in draws)
    groups = {name: [d for d in draws if (d.dataset or UNNAMED) == name] for name in names}
    return {
        name: select_draws(
            group, lambda draw: sizes[draw.trace_id], wanted_draws=wanted_draws
        ).counts(group)
        for name, group in {**groups, ALL: draws}.items()
    }


@contextmanager
def mendable() -> Iterator[None]:
    """Turn an error of the pure modules into one that the command line prints as a line."""
    try:
        yield
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def _normalisation(match: str) -> Normalisation:
    known: dict[str, Normalisation] = {"plain": "plain", "squad": "squad"}
    if match not in known:
        raise InvalidInput(f"expected a match of plain or squad, got {match!r}")
    return known[match]


def _parameters(settings: ExportSettings, folder: Path) -> dict[str, Any]:
    return {
        "annotate_run_id": settings.annotate_run_id,
        "source": settings.source,
        **asdict(settings.fitting),
        "replicates": settings.replicates,
        "seed": settings.seed,
        "formats": list(settings.formats),
        "length_filter": settings.length_filter,
        "validation_share": settings.validation_share,
        "tokenizer": settings.tokenizer.name,
        "folder": str(folder),
    }


def _rows(
    session: Session,
    pool: Pool,
    fits: Fits,
    sureness: Sureness | None,
    settings: ExportSettings,
) -> list[dict[str, Any]]:
    """One example a candidate, in the order of their ids."""
    desirable = {one.draw.trace_id: one.polarity == "positive" for one in pool.candidates}
    sources = load_sources(session, desirable)
    keys = {one.draw.trace_id: one.question_key for one in pool.candidates}
    rows = []
    for trace in sorted(labelled(pool), key=lambda trace: trace.trace_id):
        source, starts = sources[trace.trace_id]
        whole = LabelledTrace(trace.trace_id, trace.polarity, tiled(trace.units, len(starts)))
        spans = unit_spans(whole.units, starts, source.thinking)
        split = split_of(keys[trace.trace_id], settings.validation_share)
        weights = fits.weights(whole)
        if sureness is not None and whole.polarity is not None:
            weights = sureness.drawn.with_intervals(weights, whole.polarity)
        rows.append(example_row(source, whole.units, spans, weights, fits.categories, split))
    return rows


def _origin(session: Session, labels: LabelSets, settings: ExportSettings) -> dict[str, Any]:
    """Where an export comes from, as its manifest states it."""
    version = labels.version
    judged = session.exec(select(TracePair.judged_by).distinct()).all()
    return {
        "taxonomy": {
            "name": version.name,
            "content_hash": version.content_hash,
            "categories": list(labels.categories),
        },
        "runs": describe_runs(session, labels),
        "source": labels.source,
        "polarity_judged_by": sorted(judged),
        "filter": {**asdict(LengthFilter()), "applied": settings.length_filter},
        "tokenizer": settings.tokenizer.name,
        "validation_share": settings.validation_share,
        "code_version": code_version(),
    }


def _remember_export(
    engine: sa.Engine, run_id: int, labels: LabelSets, folder: Path, manifest: dict[str, Any]
) -> int:
    with transaction(engine) as session:
        export = Export(
            run_id=run_id,
            version_id=labels.version.id,
            annotate_run_id=labels.run.id,
            folder=str(folder.expanduser().resolve()),
            content_hash=content_hash(manifest),
            manifest=manifest,
        )
        session.add(export)
        rows = sum(file.get("rows", 0) for file in manifest["files"].values())
        message = f"{rows} rows in {folder}"
        finish_run(session, run_id, RunStatus.SUCCEEDED, message, metrics=manifest["counts"])
        session.flush()
        return export.id
