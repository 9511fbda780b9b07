"""What one side called the units of another: the picture, and the units behind each cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from annotator.agreement.studies import source_of
from store import studies
from store.engine import reading
from store.errors import NotFound
from store.tables import Trace
from webapp.dependencies import RowId, Visit, VisitingAside, allows
from webapp.pages.confusions import UnitRow, UnitsPage
from webapp.pages.rendering import svg_response
from webapp.routes.overview import ANNOTATORS, find_accordance, find_machines, tallies
from webapp.routes.passages import PAGE_ROWS, From, Skip, To, place_of, segment_address
from webapp.routes.studies import PersonId, find_figures, find_pair
from webapp.serving.permissions import Action
from webapp.showing.wording import words
from webapp.studies.comparing import OVER, find_units
from webapp.studies.knowing import may_know

if TYPE_CHECKING:
    from annotator.agreement.confusion import Confusion
    from annotator.labeling.consensus import PairedUnits

router = APIRouter()
PATIENCE_S = 5.0
Name = Annotated[str, Path(max_length=40)]
Over = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Sides:
    """Two sources of a run, what people call them, and what both said."""

    run_id: int
    names: tuple[str, str]
    units: "PairedUnits"
    macro: Mapping[str, str]
    confusions: "Mapping[str, Confusion]"


@router.get("/studies/{study_id}/confusion/{name}.svg", dependencies=[allows(Action.LABEL)])
def draw_people(
    visit: VisitingAside, study_id: RowId, name: Name, a: PersonId = None, b: PersonId = None
) -> Response:
    """What one person called the units of the other, as an image."""
    with reading(visit.engine) as session:
        sides, _ = _people(session, visit, study_id, a, b)
    return _draw(sides, name)


@router.get("/studies/{study_id}/units", dependencies=[allows(Action.LABEL)])
def show_people(
    visit: VisitingAside,
    study_id: RowId,
    source: From,
    target: To,
    over: Over = OVER[0],
    a: PersonId = None,
    b: PersonId = None,
    skip: Skip = 0,
) -> Response:
    """The units that a cell of two people's confusion counts."""
    with reading(visit.engine) as session:
        sides, pair = _people(session, visit, study_id, a, b)
        study = studies.get_study(session, study_id)
        origin = (study.name, f"/studies/{study_id}?a={pair[0]}&b={pair[1]}")
        parts = {"a": str(pair[0]), "b": str(pair[1])}
        cell = _Cell(over, source, target, skip, parts)
        page = _page(session, "Studies", [("Studies", "/studies"), origin], sides, cell)
    return visit.show(page)


@router.get("/counts/agreement/confusion/{name}.svg", dependencies=[allows(Action.READ)])
def draw_machines(visit: VisitingAside, name: Name) -> Response:
    """What the second annotator of the newest annotate run called the first's units."""
    with reading(visit.engine) as session:
        sides = _machines(session, visit)
    return _draw(sides, name)


@router.get("/counts/agreement/units", dependencies=[allows(Action.READ)])
def show_machines(
    visit: VisitingAside, source: From, target: To, over: Over = OVER[0], skip: Skip = 0
) -> Response:
    """The units that a cell of the annotators' confusion counts."""
    with reading(visit.engine) as session:
        sides = _machines(session, visit)
        origins = [("Overview", "/"), ("Agreement of the annotators", "/counts/agreement")]
        cell = _Cell(over, source, target, skip, {})
        page = _page(session, "Overview", origins, sides, cell)
    return visit.show(page)


def _people(
    session: Session, visit: Visit, study_id: int, a: int | None, b: int | None
) -> tuple[Sides, tuple[int, int]]:
    study = studies.get_study(session, study_id)
    pair = find_pair(session, study, a, b)
    if pair is None or not may_know(session, visit, study):
        raise NotFound("expected a confusion that you may see, found none")
    found = find_figures(visit, session, study, *map(source_of, pair)).compared
    names = pair[0].name, pair[1].name
    sides = Sides(study.run_id, names, found.units, found.macro, found.confusions)
    return sides, (pair[0].id, pair[1].id)


def _machines(session: Session, visit: Visit) -> Sides:
    pair = find_machines(tallies(visit).read(session))
    found = find_accordance(visit, pair, PATIENCE_S) if pair else None
    if pair is None or found is None:
        raise NotFound("expected two annotators whose agreement is known, found none: ask again")
    names = words(ANNOTATORS[0]), words(ANNOTATORS[1])
    return Sides(pair.run_id, names, found.paired, found.macro, found.confusions)


def _draw(sides: Sides, name: str) -> Response:
    from webapp.studies.confusion_view import confusion_svg

    if name not in sides.confusions:
        raise NotFound(f"expected one of {', '.join(OVER)}, got {name!r}")
    return svg_response(confusion_svg(sides.confusions[name], *sides.names))


@dataclass(frozen=True)
class _Cell:
    over: str
    source: str
    target: str
    skip: int
    parts: dict[str, str]


def _page(
    session: Session, section: str, origins: list[tuple[str, str]], sides: Sides, cell: _Cell
) -> UnitsPage:
    if cell.over not in OVER:
        raise NotFound(f"expected one of {', '.join(OVER)}, got {cell.over!r}")
    labels = sides.confusions[cell.over].labels
    if cell.source not in labels or cell.target not in labels:
        raise NotFound(f"expected two of {', '.join(labels)}, got {cell.source!r}, {cell.target!r}")
    found = find_units(sides.units, sides.macro, cell.over, cell.source, cell.target)
    more = cell.skip + PAGE_ROWS
    named = {"over": cell.over, "from": cell.source, "to": cell.target, "skip": str(more)}
    return UnitsPage(
        section=section,
        origins=origins,
        a=sides.names[0],
        b=sides.names[1],
        source=cell.source,
        target=cell.target,
        rows=_rows(session, sides, found[cell.skip : more]),
        total=len(found),
        counted=sum(share for _, share in found),
        later=f"?{urlencode({**cell.parts, **named})}" if more < len(found) else "",
    )


def _rows(session: Session, sides: Sides, found: list[tuple[int, float]]) -> list[UnitRow]:
    units = sides.units
    numbers = sorted({units.traces[place] for place, _ in found})
    query = select(Trace.id, Trace.external_id).where(col(Trace.id).in_(numbers))
    names = dict(session.exec(query).all())
    rows, order = [], list(sides.macro)
    for place, share in found:
        trace, (first, end) = units.traces[place], units.spans[place]
        rows.append(
            UnitRow(
                external_id=names[trace],
                address=segment_address(trace, first, sides.run_id),
                place=place_of(first, end),
                a=sorted(units.a[place], key=order.index),
                b=sorted(units.b[place], key=order.index),
                share=share,
            )
        )
    return rows
