"""Judged responses as rows of the store: written with their run, read back as a base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from alignment.measures.judged import Row
from gateway.cache import storable
from store.errors import InvalidInput, NotFound
from store.evaluation_tables import EvaluatedResponse
from store.runs import get_run
from store.states import RunKind

ROWS_A_STATEMENT = 200

Arm = tuple[str, str]  # whose responses, in which thinking mode


def put_rows(session: Session, run_id: int, arm: Arm, rows: Sequence[Row], first: int = 0) -> None:
    """Keep the rows of an arm; `first` is the place of its first row in the run."""
    table = SQLModel.metadata.tables[str(EvaluatedResponse.__tablename__)]
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        part = rows[start : start + ROWS_A_STATEMENT]
        values = [_values(run_id, arm, row, first + start + n) for n, row in enumerate(part)]
        session.connection().execute(sa.insert(table), values)


def _values(run_id: int, arm: Arm, row: Row, position: int) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "position": position,
        "arm": storable(arm[0])[:300],
        "thinking_mode": arm[1],
        "question_key": row.question_key,
        "external_id": storable(row.id)[:500],
        "draw": row.draw,
        "response": None if row.response is None else storable(row.response),
        "answer": storable(row.answer),
        "judgments": row.judgments,
        "detail": clean(row.detail),
    }


def load_arm(
    session: Session, run_id: int, name: str | None, own: str, mode: str
) -> tuple[str, list[Row]]:
    """The rows of one arm of an evaluate run, to hold another against.

    The arm of this name; without one the only arm, or else the only one in this thinking mode, or
    the one there that is named as the other is (`own`).

    Raises:
        NotFound: there is no such run or arm.
        InvalidInput: several arms fit, or the run kept no responses.
    """
    get_run(session, run_id, RunKind.EVALUATE)
    columns = (EvaluatedResponse.arm, EvaluatedResponse.thinking_mode)
    query = select(*columns).where(EvaluatedResponse.run_id == run_id).distinct()
    arms: list[Arm] = sorted((arm, thinking) for arm, thinking in session.exec(query))
    if not arms:
        raise InvalidInput(
            f"expected responses in evaluate run {run_id}, found none: it was cut short, or made"
            " before responses were kept; evaluate the base again"
        )
    chosen = _chosen(arms, run_id, name, (own, mode))
    return f"{chosen[0]} · thinking {chosen[1]}", list(_rows(session, run_id, chosen))


def _chosen(arms: Sequence[Arm], run_id: int, name: str | None, own: Arm) -> Arm:
    named = [arm for arm in arms if name in (None, arm[0], f"{arm[0]} · thinking {arm[1]}")]
    fitting = named if len(named) == 1 else [arm for arm in named if arm[1] == own[1]]
    if own in fitting:
        return own
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(repr(f"{arm} · thinking {thinking}") for arm, thinking in arms[:20])
    if not named:
        raise NotFound(f"expected an arm of evaluate run {run_id}, got {name!r}; it has {listed}")
    raise InvalidInput(f"expected --base-name to name one arm of evaluate run {run_id}: {listed}")


def _rows(session: Session, run_id: int, arm: Arm) -> Iterator[Row]:
    query = select(EvaluatedResponse).where(
        EvaluatedResponse.run_id == run_id,
        EvaluatedResponse.arm == arm[0],
        EvaluatedResponse.thinking_mode == arm[1],
    )
    for one in session.exec(query.order_by(col(EvaluatedResponse.position))):
        yield Row(
            id=one.external_id, question="", question_key=one.question_key, golds=(),
            thinking=None, answer=one.answer, draw=one.draw, response=one.response,
            judgments=one.judgments, detail=one.detail,
        )  # fmt: skip


def clean(document: Any) -> Any:
    """JSON without the characters that a database refuses."""
    if isinstance(document, dict):
        return {storable(str(name)): clean(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [clean(item) for item in document]
    return storable(document) if isinstance(document, str) else document
