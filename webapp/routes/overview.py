"""The overview: the pipeline from left to right, what waits for whom, and what it cost."""

from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from fastapi import APIRouter
from sqlmodel import Session, col
from starlette.responses import Response

from annotator.agreement.studies import PERSON
from store.engine import reading
from store.tables import Category
from store.taxonomies import list_versions
from webapp.dependencies import Visit, Visiting, allows
from webapp.overview.errands import Quarrels, list_errands
from webapp.overview.source_figures import Accordance, Pair, SourceFigures
from webapp.overview.stages import IN_FORCE, Seen, describe_stages, find_next_step
from webapp.overview.tallies import Holdings, Tallies
from webapp.pages.overview import CostLine, Counted, OverviewPage
from webapp.queries.counts import RunHead
from webapp.queries.outcomes import Cost, sum_costs
from webapp.queries.progress import Progress, list_progress
from webapp.review.reviews import Review, find_current_version
from webapp.serving.permissions import Action
from webapp.showing.quantities import dollars, duration
from webapp.showing.wording import count

if TYPE_CHECKING:
    from annotator.agreement.coefficients import Figure

router = APIRouter()
ANNOTATORS = ("annotator_a", "annotator_b")


@router.get("/", dependencies=[allows(Action.READ)])
def show_overview(visit: Visiting) -> Response:
    """Every stage with its counts, and what waits."""
    with reading(visit.engine) as session:
        holdings = tallies(visit).read(session)
        current = find_current_version(session)
        review = visit.review(session, current) if current is not None else None
        versions = list_versions(session)
        frozen = next((one for one in versions if one.status in IN_FORCE), None)
        runs_them = visit.may(Action.RUN_STUDIES)
        studies = list_progress(session, visit.actor.person_id, runs_them)
        pairs = find_machines(holdings), _find_people(studies)
        known = [find_accordance(visit, pair) if pair else None for pair in pairs]
        seen = Seen(
            holdings,
            review,
            frozen,
            _count_categories(session, frozen.id) if frozen else 0,
            studies,
            *map(_kappa, known),
        )
        quarrels = _count_quarrels(visit, session, review)
        role = visit.actor.role
        errands = list_errands(role, holdings, review, versions, studies, quarrels)
        page = OverviewPage(
            stages=describe_stages(seen),
            pending=any(pair and not found for pair, found in zip(pairs, known, strict=True)),
            step=find_next_step(seen),
            own=[errand for errand in errands if errand.own],
            others=[errand for errand in errands if not errand.own],
            studies=studies,
            costs=list_lines(sum_costs(session)),
        )
    return visit.show(page)


def _count_quarrels(visit: Visit, session: Session, review: Review | None) -> Quarrels:
    """What waits for a curator, if the visitor is one."""
    if review is None or not review.open or not visit.may(Action.SETTLE):
        return Quarrels()
    place = (session, review.version_id, review.revision)
    disputes = tallies(visit).disputes(*place) if review.overlap > 1 else 0
    return Quarrels(disputes, tallies(visit).suggestions(*place))


def tallies(visit: Visit) -> Tallies:
    """What was counted already."""
    return cast(Tallies, visit.request.app.state.tallies)


def find_accordance(visit: Visit, pair: Pair, patience_s: float = 0.0) -> Accordance | None:
    """How far two sources agree, once that is worked out."""
    figures = cast(SourceFigures, visit.request.app.state.source_figures)
    return figures.find(pair, patience_s)


def _kappa(found: Accordance | None) -> "Figure | None":
    return found.over["categories"].kappa_strict if found is not None and found.units else None


def find_machines(holdings: Holdings) -> Pair | None:
    """The two annotators of the newest annotate run, where both said something."""
    run, found = holdings.annotate_run, holdings.annotated
    sources = {one.source for one in found.sources} if found else set()
    if run is None or not sources.issuperset(ANNOTATORS):
        return None
    return Pair(run.id, _version_of(run), *ANNOTATORS, run.key)


def _version_of(run: RunHead) -> int:
    return int(run.parameters["version_id"])


def _find_people(studies: list[Progress]) -> Pair | None:
    """The first two people of the newest study, for whoever may know what they said."""
    if not studies or studies[0].blind or len(studies[0].parts) < 2:
        return None
    study = studies[0]
    if not all(part.finished for part in study.parts[:2]):
        return None
    a, b = (PERSON + part.name for part in study.parts[:2])
    return Pair(study.run_id, study.version_id, a, b, study.revision)


def _count_categories(session: Session, version_id: int) -> int:
    query = sa.select(sa.func.count()).where(col(Category.version_id) == version_id)
    return int(session.execute(query).scalar_one())


def list_lines(costs: list[Cost]) -> list[CostLine]:
    """A line a kind of run, and one of them all."""
    lines = [_line(cost.kind.value, f"?kind={cost.kind.value}", [cost]) for cost in costs]
    return [*lines, _line("all", "", costs)] if len(lines) > 1 else lines


def _line(name: str, query: str, costs: list[Cost]) -> CostLine:
    page = f"/counts/costs{query}"
    runs = sum(cost.runs for cost in costs)
    return CostLine(
        name,
        Counted(count(runs), "runs", page),
        Counted(count(sum(cost.tokens for cost in costs)), "tokens", page),
        Counted(dollars(sum(cost.usd for cost in costs)), "USD", page),
        Counted(duration(sum(cost.seconds for cost in costs)), "in all", page),
        sum(cost.under_way for cost in costs),
    )
