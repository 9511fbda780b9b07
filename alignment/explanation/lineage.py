"""Where a weight comes from: move, cells, label sets, annotators, runs, vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from alignment.explanation.arithmetic import weigh
from alignment.explanation.origins import (
    describe_origin_runs,
    list_decisions,
    list_open_labels,
    list_replies,
    list_steps,
)
from alignment.explanation.places import Place, PlaceError, at_character, at_segment
from alignment.export.folder import ExportError, find_drop, find_row
from store.errors import InvalidInput, NotFound
from store.tables import Export, TaxonomyVersion, Trace

UNWEIGHED = {
    "markup": "the tags and the blanks around the thinking weigh 1",
    "answer": "the answer weighs 1: only thinking is weighed by its moves",
    "end": "the end token weighs 1",
}


def get_export(session: Session, export: str | int) -> Export:
    """The export with this number, or the newest one in this folder.

    Raises:
        NotFound: there is none.
    """
    if str(export).isdecimal():
        number = int(export)
        found = session.get(Export, number) if number < 2**31 else None
    else:
        folder = str(Path(str(export)).expanduser().resolve())
        query = select(Export).where(col(Export.folder) == folder).order_by(col(Export.id).desc())
        found = session.exec(query.limit(1)).first()
    if found is None:
        raise NotFound(
            f"expected an export with number {export}, found none; `mralign runs --kind export`"
            " lists them"
        )
    return found


def get_row(export: Export, trace_id: str) -> dict[str, Any]:
    """The row of a trace in an export.

    Raises:
        NotFound: the export does not hold the trace.
        InvalidInput: the export's folder is gone.
    """
    return get_row_of(export.folder, trace_id)


def get_row_of(folder: str, trace_id: str) -> dict[str, Any]:
    """The row of a trace in the export that stands in a folder.

    Raises:
        NotFound: the export does not hold the trace.
        InvalidInput: the folder is gone.
    """
    try:
        row = find_row(Path(folder), trace_id)
    except (ExportError, OSError, ValueError) as error:
        raise InvalidInput(
            f"the export in {folder} cannot be read: {error}; export again"
        ) from error
    if row is None:
        raise NotFound(f"expected trace {trace_id!r} in the export in {folder}, found no such row")
    return row


def find_drop_reason(folder: str, trace_id: str) -> str:
    """Why an export left a trace out, as it wrote it down, else that it does not say."""
    try:
        drop = find_drop(Path(folder), trace_id)
    except (OSError, ValueError):
        drop = None
    if drop is None:
        return "it was no training candidate"
    return " ".join(filter(None, (drop["reason"], drop["detail"])))


def explain(
    session: Session,
    export_id: str | int,
    trace_id: str,
    segment: int | None = None,
    character: int | None = None,
) -> dict[str, Any]:
    """Everything that made the weight at one place of an export, as a JSON document.

    The place is a segment of the thinking, or a character of the completion. From the weight to
    its move, the cells of the matrices with their support, the steps of every annotator with
    confidences, what models were asked and replied, the open labels with their clusters, the
    review decisions, the runs, and the vocabulary.

    Raises:
        NotFound: the export, the trace or the place does not exist.
        InvalidInput: the export's folder is gone.
    """
    export = get_export(session, export_id)
    row = get_row(export, trace_id)
    try:
        place = at_segment(row, segment or 0) if character is None else at_character(row, character)
    except PlaceError as error:
        raise NotFound(str(error)) from error
    return explain_place(session, export, row, place)


def explain_place(
    session: Session, export: Export, row: dict[str, Any], place: Place
) -> dict[str, Any]:
    """What `explain` says, of a row that is at hand."""
    trace = session.exec(select(Trace).where(col(Trace.external_id) == row["id"])).one()
    version = session.get_one(TaxonomyVersion, export.version_id)
    unit = place.unit
    behind = _behind(session, export, trace.id, version, unit)
    clusterings = {one["cluster"]["run"] for one in behind["open_labels"] if one["cluster"]}
    return {
        "export": {"id": export.id, "content_hash": export.content_hash, "run": export.run_id},
        "trace": {
            "id": row["id"],
            "question": row["question"],
            "split": row["split"],
            "model": trace.model,
            "content_hash": trace.content_hash,
        },
        "polarity": "positive" if row["label"] else "negative",
        "region": place.region,
        "start": place.start,
        "end": place.end,
        "text": row["completion"][0]["content"][place.start : place.end],
        **_weighing(export, row, unit),
        "because": _because(place),
        **behind,
        "runs": describe_origin_runs(session, export, clusterings),
        "vocabulary": {
            "id": version.id,
            "name": version.name,
            "status": version.status.value,
            "content_hash": version.content_hash,
            "decisions": version.revision,
        },
    }


def _weighing(export: Export, row: dict[str, Any], unit: dict[str, Any] | None) -> dict[str, Any]:
    """The weight with its interval, its move, and how it is worked out from the matrices."""
    unmoved: dict[str, Any] = {"cells": [], "arithmetic": None, "fitting": None}
    if unit is None:
        certain = {"weight": 1.0, "weight_low": 1.0, "weight_high": 1.0, "ratio": 1.0}
        return {"unit": None, **certain, "clipped": False, "move": None, **unmoved}
    move = unit["move"]
    return {
        "unit": {name: unit[name] for name in ("first_segment", "end_segment", "labels")},
        "weight": unit["weight"],
        "weight_low": unit.get("weight_low"),
        "weight_high": unit.get("weight_high"),
        "ratio": unit["ratio"],
        "clipped": unit["clipped"],
        "move": move,
        **(weigh(export.manifest["transitions"], move, row["label"]) if move else unmoved),
    }


def _because(place: Place) -> str:
    """Why the weight is what it is, in a sentence."""
    unit = place.unit
    if unit is None:
        return UNWEIGHED[place.region]
    if unit["move"] is not None:
        return "the chance of its move in traces of its polarity, by the chance in all"
    return "it has no label" if not unit["labels"] else "the unit before it has no label"


def _behind(
    session: Session,
    export: Export,
    trace_id: int,
    version: TaxonomyVersion,
    unit: dict[str, Any] | None,
) -> dict[str, Any]:
    """What stands behind a unit in the store; the unit that it moved from is looked at too."""
    if unit is None:
        return {"annotators": [], "replies": [], "open_labels": [], "decisions": []}
    first, end = unit["first_segment"], unit["end_segment"]
    before = max(first - 1, 0) if unit["move"] else first
    labels = list_open_labels(session, trace_id, version, first, end)
    runs = [export.manifest["runs"][name]["id"] for name in ("annotate", "label")
            if name in export.manifest["runs"]]  # fmt: skip
    keys = {label["key"] for label in labels}
    return {
        "annotators": list_steps(session, export.annotate_run_id, trace_id, before, end),
        "replies": list_replies(session, runs, trace_id),
        "open_labels": labels,
        "decisions": list_decisions(session, version, keys, set(unit["labels"])),
    }
