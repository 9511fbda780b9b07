"""What a what-if question is asked of, read from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from alignment.export.corpus import ROWS_A_QUERY, LabelSets, load_label_sets, load_sources
from alignment.export.pool import ExportSettings, training_traces
from alignment.export.run import load_pool, mendable
from alignment.inspection.edits import LabelEvidence
from alignment.inspection.whatif import Ground
from alignment.polarity.candidates import TokenCounter
from alignment.transitions.examples import tiled, unit_spans
from alignment.transitions.fits import SIGNS, LabelledTrace, sets_of
from alignment.transitions.moves import chains
from store.tables import Category, LabelInstance, OpenLabel, Segment, Trace
from store.tables import Mapping as LabelMapping

Row = tuple[str, int, int, str, float]  # trace, segment, category, open label, confidence


def load_ground(session: Session, settings: ExportSettings | None = None) -> Ground:
    """The traces that an export would fit its matrices on, ready to be asked about.

    Raises:
        NotFound: there is no annotate run.
        InvalidInput: no annotated trace has a polarity.
    """
    settings = settings or ExportSettings()
    labels = load_label_sets(session, settings.annotate_run_id, settings.source)
    with mendable():
        traces = training_traces(load_pool(session, labels, settings), settings)
    whole, tokens = _measured(session, traces, settings.tokenizer.count)
    packed = chains(
        [sets_of(trace.units, settings.fitting.preset) for trace in whole], len(labels.categories)
    )
    return Ground(
        categories=labels.categories,
        labels=packed.labels,
        ends=packed.ends,
        helped=np.array([SIGNS[trace.polarity] for trace in whole], dtype=np.int64),
        tokens=np.array(tokens, dtype=np.int64),
        evidence=_evidence(session, labels, whole),
        settings=settings.fitting,
    )


def _measured(
    session: Session, traces: Sequence[LabelledTrace], count_tokens: TokenCounter
) -> tuple[list[LabelledTrace], list[int]]:
    """The traces with a unit for every segment, and the tokens of each unit in order."""
    sources = load_sources(session, {trace.trace_id: True for trace in traces})
    whole, tokens = [], []
    for trace in traces:
        source, starts = sources[trace.trace_id]
        units = tiled(trace.units, len(starts))
        whole.append(LabelledTrace(trace.trace_id, trace.polarity, units))
        spans = unit_spans(units, starts, source.thinking)
        tokens += [count_tokens(source.thinking[start:end]) for start, end in spans]
    return whole, tokens


def _evidence(
    session: Session, labels: LabelSets, traces: Sequence[LabelledTrace]
) -> LabelEvidence:
    places = _unit_places(traces)
    rows = [
        (places[trace_id, segment], category, key, confidence)
        for trace_id, segment, category, key, confidence in _rows(session, labels, traces)
        if (trace_id, segment) in places
    ]
    keys = tuple(dict.fromkeys(key for _, _, key, _ in rows))
    numbers: Mapping[str, int] = {key: number for number, key in enumerate(keys)}
    return LabelEvidence(
        units=np.array([unit for unit, _, _, _ in rows], dtype=np.int64),
        categories=np.array([category for _, category, _, _ in rows], dtype=np.int64),
        labels=np.array([numbers[key] for _, _, key, _ in rows], dtype=np.int64),
        confidences=np.array([confidence for _, _, _, confidence in rows], dtype=np.float64),
        keys=keys,
    )


def _unit_places(traces: Sequence[LabelledTrace]) -> dict[tuple[str, int], int]:
    """The number of the unit, counted through all traces, that holds each segment."""
    units = [(trace.trace_id, unit) for trace in traces for unit in trace.units]
    return {
        (trace_id, segment): number
        for number, (trace_id, unit) in enumerate(units)
        for segment in range(unit.first_segment, unit.end_segment)
    }


def _rows(session: Session, labels: LabelSets, traces: Sequence[LabelledTrace]) -> list[Row]:
    """Every open label on these traces that the vocabulary gives a category."""
    positions = {key: place for place, key in enumerate(labels.categories)}
    query = (
        sa.select(
            col(Trace.external_id), col(Segment.position), col(Category.key),
            col(OpenLabel.key), col(LabelInstance.confidence),
        )
        .join(Segment, col(Segment.trace_id) == col(Trace.id))
        .join(LabelInstance, col(LabelInstance.segment_id) == col(Segment.id))
        .join(OpenLabel, col(OpenLabel.id) == col(LabelInstance.open_label_id))
        .join(LabelMapping, col(LabelMapping.open_label_id) == col(OpenLabel.id))
        .join(Category, col(Category.id) == col(LabelMapping.category_id))
        .where(col(LabelMapping.version_id) == labels.version.id)
        .order_by(col(LabelInstance.id))
    )  # fmt: skip
    names = [trace.trace_id for trace in traces]
    found: list[Row] = []
    for first in range(0, len(names), ROWS_A_QUERY):
        some = query.where(col(Trace.external_id).in_(names[first : first + ROWS_A_QUERY]))
        found += [
            (trace_id, segment, positions[category], key, confidence)
            for trace_id, segment, category, key, confidence in session.execute(some)
        ]
    return found
