"""An annotate run of the paper's size behind a review: 50,000 moves, 94 % of them of two labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from benchmarks.grounds import HURT_SHARE
from benchmarks.seeding import Seeded
from benchmarks.simulation import simulate_moves
from store.metadata import utc_now
from store.states import Polarity, RunKind, RunStatus, ThinkingMode
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    LabelInstance,
    Mapping,
    Question,
    Run,
    Segment,
    Trace,
    TracePair,
)
from taxonomy.versions import lifecycle

MOVES, TWO_LABEL_SHARE = 50_000, 0.94
PIECE = "Let me think about this once more, step by step, and then.\n\n"
Rows = dict[Any, list[dict[str, Any]]]


def annotate(session: Session, seeded: Seeded, moves: int = MOVES) -> int:
    """Freeze the version, annotate simulated traces with it, and draft the next; its number."""
    for move in (lifecycle.submit, lifecycle.approve, lifecycle.freeze):
        move(session, seeded.version_id, person=None, reason="the first vocabulary")
    run = Run(
        kind=RunKind.ANNOTATE, status=RunStatus.SUCCEEDED, code_version="-",
        parameters={"version_id": seeded.version_id},
    )  # fmt: skip
    session.add(run)
    session.flush()
    rows = _rows(session, seeded, run.id, moves)
    for table, some in rows.items():
        session.execute(sa.insert(table), some)
    return lifecycle.create_draft(session, "v2", parent=seeded.version_id).id


def _rows(session: Session, seeded: Seeded, run_id: int, moves: int) -> Rows:
    """Traces of one step a segment; each category rests on an open label of it."""
    chains = simulate_moves(moves, TWO_LABEL_SHARE, seed=0).chains
    categories, open_labels = _vocabulary(session, seeded.version_id)
    rng = np.random.default_rng(0)
    hurt = rng.random(len(chains.ends)) < HURT_SHARE
    rows: Rows = {
        table: []
        for table in (
            Question, Trace, TracePair, Segment, AnnotatedStep, ControlledLabel, LabelInstance,
        )
    }  # fmt: skip
    first = {table: _newest(session, table) + 1 for table in rows}
    units = np.split(chains.labels, chains.ends[:-1])
    for number, sets in enumerate(units):
        _add_trace(rows, first, number, len(sets), bool(hurt[number]))
        trace_id = first[Trace] + number
        for place, labels in enumerate(sets):
            step = _add_step(rows, first, run_id, trace_id, place)
            for label in labels[labels >= 0]:
                _add_label(rows, step, categories[label], rng.choice(open_labels[label]), seeded)
    return rows


def _vocabulary(session: Session, version_id: int) -> tuple[list[int], list[Sequence[int]]]:
    """The numbers of the categories, and those of the open labels in each, else of any."""
    query = sa.select(col(Category.id)).where(col(Category.version_id) == version_id)
    categories = list(session.execute(query.order_by(col(Category.position))).scalars())
    pairs = sa.select(col(Mapping.category_id), col(Mapping.open_label_id))
    mapped = session.execute(pairs.where(col(Mapping.version_id) == version_id)).all()
    everywhere = [label for _, label in mapped]
    return categories, [
        [label for category, label in mapped if category == number] or everywhere
        for number in categories
    ]


def _newest(session: Session, table: Any) -> int:
    return session.execute(sa.select(sa.func.max(table.id))).scalar() or 0


def _add_trace(rows: Rows, first: dict[Any, int], number: int, segments: int, hurt: bool) -> None:
    question_id, trace_id = first[Question] + number, first[Trace] + number
    text = f"Which annotated answer is number {number}?"
    rows[Question].append(
        {"id": question_id, "key": f"a{number:063d}", "text": text, "gold_answers": ["x"]}
    )
    rows[Trace].append(
        {"id": trace_id, "external_id": f"annotated {number}", "question_id": question_id,
         "model": "seed", "thinking_mode": ThinkingMode.ON, "thinking": PIECE * segments,
         "answer": "x", "content_hash": f"a{number:063d}", "details": {},
         "created_at": utc_now()}
    )  # fmt: skip
    rows[TracePair].append(
        {"on_trace_id": trace_id, "off_external_id": f"off {number}", "z_on": int(not hurt),
         "z_off": int(hurt), "judged_by": "file", "hit_gap": False,
         "polarity": Polarity.NEGATIVE if hurt else Polarity.POSITIVE}
    )  # fmt: skip


def _add_step(
    rows: Rows, first: dict[Any, int], run_id: int, trace_id: int, place: int
) -> tuple[int, int, int]:
    """A segment and a step over it: their numbers and the place."""
    segment_id = first[Segment] + len(rows[Segment])
    step_id = first[AnnotatedStep] + len(rows[AnnotatedStep])
    start, end = len(PIECE) * place, len(PIECE) * (place + 1)
    rows[Segment].append(
        {"id": segment_id, "trace_id": trace_id, "position": place, "start": start, "end": end,
         "content_type": "text"}
    )  # fmt: skip
    rows[AnnotatedStep].append(
        {"id": step_id, "run_id": run_id, "trace_id": trace_id, "source": "consensus",
         "first_segment": place, "end_segment": place + 1, "rule": "agreed"}
    )  # fmt: skip
    return segment_id, step_id, place


def _add_label(
    rows: Rows, step: tuple[int, int, int], category_id: int, open_label_id: int, seeded: Seeded
) -> None:
    segment_id, step_id, place = step
    rows[ControlledLabel].append(
        {"step_id": step_id, "category_id": category_id, "confidence": 8.0}
    )
    last = rows[LabelInstance][-1] if rows[LabelInstance] else {}
    if (last.get("segment_id"), last.get("open_label_id")) == (segment_id, int(open_label_id)):
        return  # a category without labels of its own may draw the same one
    rows[LabelInstance].append(
        {"run_id": seeded.label_run_id, "segment_id": segment_id,
         "open_label_id": int(open_label_id), "step": place, "confidence": 8.0}
    )  # fmt: skip
