"""Traces: the list, and one trace piece by piece."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.responses import Response

from store.engine import reading
from store.states import Polarity
from webapp.colours import macro_classes
from webapp.dependencies import AfterId, RowId, Visiting, allows
from webapp.pages.records import TracePage, TracesPage
from webapp.permissions import Action
from webapp.queries import traces
from webapp.reviews import find_current_version
from webapp.routes.clusters import Words

router = APIRouter(prefix="/traces")


@router.get("", dependencies=[allows(Action.READ)])
def show_traces(
    visit: Visiting, after: AfterId = None, polarity: str = "", q: Words = ""
) -> Response:
    """A page of the list."""
    wanted = Polarity(polarity) if polarity in tuple(Polarity) else None
    words = " ".join(q.replace("\x00", "").split())
    with reading(visit.engine) as session:
        rows = traces.list_traces(session, after, wanted, words)
    more = len(rows) > traces.PAGE_ROWS
    rows = rows[: traces.PAGE_ROWS]
    return visit.show(
        TracesPage(
            rows=rows,
            words=words,
            polarity=wanted.value if wanted else "",
            later=str(rows[-1].id) if more else "",
        )
    )


@router.get("/{trace_id}", dependencies=[allows(Action.READ)])
def show_trace(
    visit: Visiting,
    trace_id: RowId,
    first: Annotated[int, Query(alias="from", ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """A trace with what was said about each of its pieces."""
    with reading(visit.engine) as session:
        head = traces.get_trace_head(session, trace_id)
        segments = traces.list_segments(session, trace_id, first)
        more = len(segments) > traces.SEGMENTS_SHOWN
        segments = segments[: traces.SEGMENTS_SHOWN]
        page = TracePage(
            trace=head,
            pairing=traces.find_pairing(session, trace_id),
            segments=segments,
            colours=_colours(session, segments, visit),
            later=f"?from={segments[-1].position + 1}" if more else "",
        )
    return visit.show(page)


def _colours(
    session: Session, segments: list[traces.SegmentText], visit: Visiting
) -> dict[str, str]:
    """The colours of the vocabulary that people see elsewhere, else in order of appearance."""
    here = [label.macro_strategy or "" for segment in segments for label in segment.categories]
    current = find_current_version(session)
    known = visit.review(session, current).colours if here and current is not None else {}
    return macro_classes([*known, *here])
