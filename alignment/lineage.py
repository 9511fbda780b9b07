"""Where a weight comes from: move, cells, label sets, annotators, runs, vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from alignment.export import ExportError, find_row
from alignment.transitions import allowed_cells
from store.errors import InvalidInput, NotFound
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    Export,
    LabelInstance,
    Mapping,
    OpenLabel,
    Person,
    Run,
    Segment,
    TaxonomyVersion,
    Trace,
)


def explain(session: Session, export_id: int, trace_id: str, segment: int) -> dict[str, Any]:
    """Everything that made the weight of one segment of an export, as a JSON document.

    From the weight to its move, the cells of the matrices with their support, the steps of every
    annotator with confidences, the open labels of the segments, the runs, and the vocabulary.

    Raises:
        NotFound: the export, the trace or the segment does not exist.
        InvalidInput: the export's folder is gone.
    """
    export = session.get(Export, export_id)
    if export is None:
        raise NotFound(f"expected an export with number {export_id}, found none")
    row = _row(export, trace_id)
    unit = _unit(row, segment)
    trace = session.exec(select(Trace).where(col(Trace.external_id) == trace_id)).one()
    version = session.get_one(TaxonomyVersion, export.version_id)
    return {
        "export": {"id": export.id, "content_hash": export.content_hash, "run": export.run_id},
        "trace": {"id": trace_id, "question": row["question"], "split": row["split"]},
        "polarity": "positive" if row["label"] else "negative",
        "unit": {name: unit[name] for name in ("first_segment", "end_segment", "labels")},
        "text": row["completion"][0]["content"][unit["start"] : unit["end"]],
        "weight": unit["weight"],
        "ratio": unit["ratio"],
        "clipped": unit["clipped"],
        "move": unit["move"],
        "cells": _cells(export.manifest["transitions"], unit["move"], row["label"]),
        "annotators": _steps(session, export.annotate_run_id, trace.id, unit),
        "open_labels": _open_labels(session, trace.id, version.id, unit),
        "runs": _runs(session, export),
        "vocabulary": {
            "name": version.name,
            "status": version.status.value,
            "content_hash": version.content_hash,
            "decisions": version.revision,
        },
    }


def explanation_text(document: dict[str, Any]) -> str:
    """The chain of an explanation in lines of plain text, from the weight down to the prompts."""
    unit, labels = document["unit"], ", ".join(document["unit"]["labels"]) or "no label"
    span = f"segments {unit['first_segment']} to {unit['end_segment'] - 1}"
    clipped = f", clipped from {document['ratio']:.4f}" if document["clipped"] else ""
    lines = [
        f"weight {document['weight']:.4f}{clipped}: {span} of {document['trace']['id']},"
        f" {document['polarity']}, {labels}",
        _move_text(document["move"]),
        *(_cell_text(cell) for cell in document["cells"]),
        *(_step_text(step) for step in document["annotators"]),
        *(
            f"open label {label['text']} (segment {label['segment']}, confidence"
            f" {label['confidence']:g}): {label['category'] or 'unassigned'}"
            for label in document["open_labels"]
        ),
        *(
            f"{name} run {run['id']}: {run['model'] or 'no model'}, prompt"
            f" {run['prompt_hash'] or 'none'}, code {run['code_version']}"
            for name, run in document["runs"].items()
        ),
        f"vocabulary {document['vocabulary']['name']}, {document['vocabulary']['status']},"
        f" sha256 {document['vocabulary']['content_hash']}",
    ]
    return "\n".join(lines)


def _row(export: Export, trace_id: str) -> dict[str, Any]:
    try:
        row = find_row(Path(export.folder), trace_id)
    except (ExportError, OSError) as error:
        raise InvalidInput(f"export {export.id} cannot be read: {error}; export again") from error
    if row is None:
        raise NotFound(f"expected trace {trace_id!r} in export {export.id}, found no such row")
    return row


def _unit(row: dict[str, Any], segment: int) -> dict[str, Any]:
    for unit in row["segments"]:
        if unit["first_segment"] <= segment < unit["end_segment"]:
            found: dict[str, Any] = unit
            return found
    count = row["segments"][-1]["end_segment"] if row["segments"] else 0
    raise NotFound(f"expected a segment from 0 to {count - 1} of {row['id']!r}, got {segment}")


def _cells(
    transitions: dict[str, Any], move: list[list[str]] | None, desirable: bool
) -> list[dict[str, Any]]:
    """The cells that a move may hide, with both matrices' chances and support."""
    if move is None:
        return []
    places = {name: place for place, name in enumerate(transitions["states"])}
    allowed = allowed_cells(len(places) - 2)
    overall = transitions["fits"]["overall"]
    polar = transitions["fits"]["positive" if desirable else "negative"]
    pairs = [(source, target) for source in move[0] for target in move[1]]
    return [
        {
            "from": source,
            "to": target,
            "overall": overall["matrix"][places[source]][places[target]],
            "polar": polar["matrix"][places[source]][places[target]],
            "overall_support": overall["support"][places[source]][places[target]],
            "polar_support": polar["support"][places[source]][places[target]],
        }
        for source, target in pairs
        if allowed[places[source], places[target]]
    ]


def _steps(
    session: Session, run_id: int, trace_id: int, unit: dict[str, Any]
) -> list[dict[str, Any]]:
    """What each source said of the unit and of the one it moved from, with confidences."""
    first = max(unit["first_segment"] - 1, 0) if unit["move"] else unit["first_segment"]
    query = (
        select(AnnotatedStep)
        .where(
            col(AnnotatedStep.run_id) == run_id,
            col(AnnotatedStep.trace_id) == trace_id,
            col(AnnotatedStep.first_segment) < unit["end_segment"],
            col(AnnotatedStep.end_segment) > first,
        )
        .order_by(col(AnnotatedStep.source), col(AnnotatedStep.first_segment))
    )
    return [_step(session, step) for step in session.exec(query)]


def _step(session: Session, step: AnnotatedStep) -> dict[str, Any]:
    query = (
        select(Category.key, ControlledLabel.confidence)
        .join(ControlledLabel, col(ControlledLabel.category_id) == col(Category.id))
        .where(col(ControlledLabel.step_id) == step.id)
        .order_by(col(Category.position))
    )
    person = session.get(Person, step.person_id) if step.person_id else None
    return {
        "source": step.source,
        "person": person.name if person else None,
        "first_segment": step.first_segment,
        "end_segment": step.end_segment,
        "rule": step.rule,
        "labels": [
            {"category": key, "confidence": confidence} for key, confidence in session.exec(query)
        ],
    }


def _open_labels(
    session: Session, trace_id: int, version_id: int, unit: dict[str, Any]
) -> list[dict[str, Any]]:
    """The open labels of the unit's segments and the category that the vocabulary gives them."""
    query = (
        select(
            Segment.position,
            LabelInstance.run_id,
            LabelInstance.confidence,
            OpenLabel.text,
            Category.key,
            Mapping.origin,
        )  # type: ignore[call-overload]
        .join(LabelInstance, col(LabelInstance.segment_id) == col(Segment.id))
        .join(OpenLabel, col(OpenLabel.id) == col(LabelInstance.open_label_id))
        .outerjoin(
            Mapping,
            (col(Mapping.open_label_id) == col(OpenLabel.id))
            & (col(Mapping.version_id) == version_id),
        )
        .outerjoin(Category, col(Category.id) == col(Mapping.category_id))
        .where(
            col(Segment.trace_id) == trace_id,
            col(Segment.position) >= unit["first_segment"],
            col(Segment.position) < unit["end_segment"],
        )
        .order_by(col(Segment.position), col(LabelInstance.confidence).desc(), OpenLabel.key)
    )
    names = ("segment", "run", "confidence", "text", "category", "origin")
    return [dict(zip(names, row, strict=True)) for row in session.exec(query)]


def _runs(session: Session, export: Export) -> dict[str, dict[str, Any]]:
    """The runs that the manifest names, with their parameters, and the export's own."""
    numbers = {name: run["id"] for name, run in export.manifest["runs"].items()}
    numbers["export"] = export.run_id
    return {name: _run(session.get_one(Run, number)) for name, number in numbers.items()}


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "model": run.model,
        "seed": run.seed,
        "prompt_hash": run.prompt_hash,
        "code_version": run.code_version,
        "parameters": run.parameters,
    }


def _move_text(move: list[list[str]] | None) -> str:
    if move is None:
        return "no move: the unit or the one before it has no label, so the weight is 1"
    return f"move {{{', '.join(move[0])}}} → {{{', '.join(move[1])}}}"


def _cell_text(cell: dict[str, Any]) -> str:
    return (
        f"cell {cell['from']} → {cell['to']}: {cell['polar']:.4f} against {cell['overall']:.4f},"
        f" support {cell['polar_support']:.1f} of {cell['overall_support']:.1f} moves"
    )


def _step_text(step: dict[str, Any]) -> str:
    labels = ", ".join(f"{one['category']} {one['confidence']:g}" for one in step["labels"])
    who = f"{step['source']} ({step['person']})" if step["person"] else step["source"]
    span = f"segments {step['first_segment']} to {step['end_segment'] - 1}"
    rule = f", {step['rule']}" if step["rule"] else ""
    return f"{who}, {span}{rule}: {labels or 'no label'}"
