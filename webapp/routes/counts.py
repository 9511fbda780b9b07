"""What the numbers of the overview count, row by row."""

import shlex
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from store.engine import reading
from store.errors import NotFound
from webapp.dependencies import Visiting, VisitingAside, allows
from webapp.overview.listings import LISTS, Asked
from webapp.pages.overview import AccordancePage
from webapp.queries.progress import list_progress
from webapp.routes.overview import ANNOTATORS, find_accordance, find_machines, tallies
from webapp.routes.studies import list_figures
from webapp.serving.permissions import Action
from webapp.showing.wording import words
from webapp.transitions.heatmaps import heat_of_confusion

router = APIRouter(prefix="/counts")
PATIENCE_S = 5.0
After = Annotated[int, Query(ge=0, le=2**31 - 1)]


@router.get("/agreement", dependencies=[allows(Action.READ)])
def show_accordance(visit: VisitingAside) -> Response:
    """How far the two annotators of the newest annotate run agree."""
    with reading(visit.engine) as session:
        pair = find_machines(tallies(visit).read(session))
    found = find_accordance(visit, pair, PATIENCE_S) if pair else None
    sources = [f"run:{pair.run_id}/{name}" for name in ANNOTATORS] if pair else []
    between = ["--between", sources[0], "--and", sources[1]] if pair else []
    names = words(ANNOTATORS[0]), words(ANNOTATORS[1])
    page = AccordancePage(
        run_id=pair.run_id if pair else None,
        a=names[0],
        b=names[1],
        units=found.units if found else 0,
        traces=found.traces if found else 0,
        over=list(found.over) if found else [],
        rows=list_figures(list(found.over.values())) if found else [],
        confusions=[
            heat_of_confusion(one, names, over, "/counts/agreement", {"over": over})
            for over, one in found.confusions.items()
        ] if found and found.units else [],
        command=shlex.join(["mralign", "agreement", *between]) if pair else "mralign annotate run",
    )  # fmt: skip
    return visit.show(page)


@router.get("/{name}", dependencies=[allows(Action.READ)])
def show_count(
    visit: Visiting, name: Annotated[str, Path(max_length=40)], after: After = 0, kind: str = ""
) -> Response:
    """What a number counts.

    Raises:
        NotFound: the overview has no such number.
    """
    if name not in LISTS:
        raise NotFound(f"expected one of {', '.join(LISTS)}, got {name!r}")
    with reading(visit.engine) as session:
        known = tallies(visit)
        runs_them = visit.may(Action.RUN_STUDIES)
        studies = list_progress(session, visit.actor.person_id, runs_them)
        page = LISTS[name](Asked(session, known, known.read(session), studies, after, kind))
    return visit.show(page)
