"""The traces that hold a move of a transition matrix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from store.engine import reading
from store.errors import NotFound
from store.tables import Trace
from webapp.dependencies import LARGEST_ROW_ID, VisitingAside, allows
from webapp.matrix_view import MatrixBook
from webapp.pages.transitions import PassageRow, PassagesPage
from webapp.permissions import Action
from webapp.routes.transitions import Chosen, read_book

if TYPE_CHECKING:
    from alignment.inspection.backing import Passage
    from alignment.transitions.examples import Unit

router = APIRouter(prefix="/transitions/moves")
PAGE_ROWS = 100
SEGMENTS_BEFORE = 5
TITLES = {"overall": "all traces of the fit", "positive": "traces where thinking helped",
          "negative": "traces where thinking hurt"}  # fmt: skip


@router.get("", dependencies=[allows(Action.READ)])
def show_passages(
    visit: VisitingAside,
    choice: Chosen,
    source: Annotated[str, Query(max_length=200, alias="from")],
    target: Annotated[str, Query(max_length=200, alias="to")],
    skip: Annotated[int, Query(ge=0, le=LARGEST_ROW_ID)] = 0,
) -> Response:
    """The moves that may be the one asked for, the likeliest first."""
    with reading(visit.engine) as session:
        book, _ = read_book(visit, session, choice, 0.0)
        group = choice.of if choice.of in book.backings else "overall"
        if source not in book.states or target not in book.states:
            raise NotFound(f"expected two of {', '.join(book.states)}, got {source!r}, {target!r}")
        cell = book.states.index(source), book.states.index(target)
        found = book.material.passages(group, cell)
        rows = _rows(session, book, found[skip : skip + PAGE_ROWS])
    parts = {**book.choice.parts(), "from": source, "to": target, "of": group}
    more = skip + PAGE_ROWS
    page = PassagesPage(
        run_id=book.material.run_id,
        source=source,
        target=target,
        group=TITLES[group],
        rows=rows,
        total=len(found),
        expected=sum(one.share for one in found),
        back=f"/transitions?{urlencode(book.choice.parts())}",
        later=f"?{urlencode({**parts, 'skip': more})}" if more < len(found) else "",
    )
    return visit.show(page)


def _rows(session: Session, book: MatrixBook, found: "Sequence[Passage]") -> list[PassageRow]:
    names = {book.material.traces[one.trace].trace_id for one in found}
    query = select(Trace.external_id, Trace.id).where(col(Trace.external_id).in_(sorted(names)))
    numbers = dict(session.exec(query).all()) if names else {}
    return [_row(book, one, numbers) for one in found]


def _row(book: MatrixBook, one: "Passage", numbers: dict[str, int]) -> PassageRow:
    trace = book.material.traces[one.trace]
    arrival = len(trace.units) if one.arrival is None else one.arrival
    before = trace.units[arrival - 1] if arrival > 0 else None
    after = trace.units[arrival] if arrival < len(trace.units) else None
    shown = after or before
    position = shown.first_segment if shown else 0
    number = numbers[trace.trace_id]
    return PassageRow(
        trace_id=number,
        external_id=trace.trace_id,
        address=f"/traces/{number}?from={max(position - SEGMENTS_BEFORE, 0)}#segment-{position}",
        place=_place(after) if after else "the end",
        sets=(_names(book, before, "start"), _names(book, after, "stop")),
        share=one.share,
    )


def _place(unit: "Unit") -> str:
    """The segments of a unit, counted from 1 as the trace's page counts them."""
    first, last = unit.first_segment + 1, unit.end_segment
    return f"segment {first}" if first == last else f"segments {first} to {last}"


def _names(book: MatrixBook, unit: "Unit | None", frame: str) -> list[str]:
    if unit is None:
        return [frame]
    return [book.material.categories[label] for label in unit.label_set]
