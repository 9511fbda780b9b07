"""Why a segment weighs what it does in a training set: the whole chain of what made it."""

from collections.abc import Mapping
from shlex import quote
from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlmodel import Session
from starlette.responses import Response

from store.engine import reading
from store.errors import NotFound
from store.taxonomies import list_categories
from webapp.dependencies import RowId, VisitingAside, allows
from webapp.finding.label_runs import require_seen
from webapp.pages.traces import CategoryMark, Neighbour, WeightPage
from webapp.queries.traces import get_trace_head
from webapp.serving.permissions import Action
from webapp.showing.colours import macro_classes
from webapp.traces.trace_view import weight_colour

router = APIRouter(prefix="/weights")
SegmentNumber = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/{export_id}/traces/{trace_id}/segments/{segment}", dependencies=[allows(Action.READ)])
def show_weight(
    visit: VisitingAside, export_id: RowId, trace_id: RowId, segment: SegmentNumber
) -> Response:
    """The weight of a segment of an exported trace, and all that made it."""
    from alignment.explanation.lineage import explain_place, get_export, get_row
    from alignment.explanation.places import PlaceError, at_segment

    with reading(visit.engine) as session:
        head = get_trace_head(session, trace_id)
        export = get_export(session, export_id)
        require_seen(session, visit, export.annotate_run_id)
        row = get_row(export, head.external_id)
        try:
            found = explain_place(session, export, row, at_segment(row, segment))
        except PlaceError as error:
            raise NotFound(str(error)) from error
        page = WeightPage(
            found=found,
            trace_id=trace_id,
            segment=segment,
            colour=weight_colour(found["weight"]),
            categories=_categories(session, export.version_id),
            before=_neighbour(row, segment, -1, f"/weights/{export_id}/traces/{trace_id}"),
            after=_neighbour(row, segment, 1, f"/weights/{export_id}/traces/{trace_id}"),
            command=(
                f"mralign explain-weight {export_id} {quote(head.external_id)} --segment {segment}"
            ),
        )
    return visit.show(page)


def _categories(session: Session, version_id: int) -> dict[str, CategoryMark]:
    """The categories by key, and the two ends of every chain, which have no colour."""
    known = list_categories(session, version_id)
    colours = macro_classes(one.macro_strategy for one in known)
    ends = {end: CategoryMark(end, "macro-none") for end in ("start", "stop")}
    return ends | {one.key: CategoryMark(one.name, colours[one.macro_strategy]) for one in known}


def _neighbour(row: Mapping[str, Any], segment: int, step: int, address: str) -> Neighbour | None:
    """The unit before or behind that of a segment."""
    units = row["segments"]
    own = next(
        place
        for place, unit in enumerate(units)
        if unit["first_segment"] <= segment < unit["end_segment"]
    )
    if not 0 <= own + step < len(units):
        return None
    first = units[own + step]["first_segment"]
    return Neighbour(f"{address}/segments/{first}", first, units[own + step]["weight"])
