"""Other clusterings of a version's labels: the difference is shown, and taken whole or in part."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.audit import Actor
from store.engine import reading
from store.errors import Conflict, InvalidInput
from store.runs import get_run
from store.states import RunKind
from taxonomy.review.portions import Portion
from taxonomy.review.reclustering import (
    Comparison,
    list_candidates,
    list_moves,
    recluster,
    take_portion,
)
from taxonomy.review.shifts import Loss
from webapp.deciding.choices import DIGITS
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visit, VisitingAside, allows
from webapp.pages.reclusterings import (
    Losing,
    Move,
    ReclusteringPage,
    ReclusteringsPage,
    Taking,
)
from webapp.review.comparisons import Comparisons
from webapp.review.history import describe, list_numbered
from webapp.review.reviews import Review
from webapp.routes.clusters import Done, notice_of
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}/reclusterings")
curating = allows(Action.RECLUSTER)
SHOWN = 100


def _comparisons(visit: Visit) -> Comparisons:
    kept: Comparisons = visit.request.app.state.comparisons
    return kept


@router.get("", dependencies=[curating])
def show_reclusterings(visit: VisitingAside, version_id: RowId, done: Done = None) -> Response:
    """The other clusterings of the same labels, and what was taken from them."""
    with reading(visit.engine) as session:
        page = ReclusteringsPage(
            review=visit.review(session, version_id),
            candidates=list_candidates(session, version_id),
            moves=_moves(session, version_id),
            notice=notice_of(visit, session, version_id, done),
        )
        return visit.show(page)


def _moves(session: Session, version_id: int) -> list[Move]:
    found = list_moves(session, version_id)
    lines = {line.id: line for line in list_numbered(session, [number for number, _ in found])}
    return [Move(lines[number], in_force) for number, in_force in found]


@router.get("/{run_id}", dependencies=[curating])
def show_reclustering(
    visit: VisitingAside, version_id: RowId, run_id: RowId, done: Done = None
) -> Response:
    """What the clusters of a run would change; nothing is written."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        run = get_run(session, run_id, RunKind.CLUSTER)
        if review.cluster_run_id == run_id:
            raise InvalidInput(f"{review.name} stands on cluster run {run_id} already")
        found = _comparisons(visit).get(session, version_id, run_id)
        page = ReclusteringPage(
            review=review,
            run=run,
            shift=found.shift,
            takings=_takings(review, found),
            standing=found.standing,
            in_portions=review.cluster_run_id is not None,
            groups=found.shift.groups[:SHOWN],
            moved=found.shift.moved[:SHOWN],
            fresh=found.shift.fresh[:SHOWN],
            losing=[_losing(loss) for loss in found.shift.losing[:SHOWN]],
            moves=_moves(session, version_id),
            notice=notice_of(visit, session, version_id, done),
        )
        return visit.show(page)


def _losing(loss: Loss) -> Losing:
    return Losing(describe(loss.event.kind, loss.event.payload), loss.found, loss.named)


def _takings(review: Review, found: Comparison) -> list[Taking]:
    """The portions, the largest first; a digit for each of the first that have something to take.

    Those that lose labels only have nothing to take.
    """
    digits = iter(DIGITS)
    return [_taking(review, one, next(digits, "") if one.keys else "") for one in found.portions]


def _taking(review: Review, one: Portion, digit: str) -> Taking:
    category = review.by_key.get(one.category or "")
    return Taking(
        one.category or "",
        category.name if category else "no category",
        review.colours[category.macro_strategy] if category else "macro-none",
        digit,
        len(one.keys),
        one.coming.labels,
        one.fresh.labels,
        one.leaving.labels,
        one.instances,
        one.sureness,
        one.print,
    )


@router.post("/{run_id}", dependencies=[curating])
def go_over(visit: VisitingAside, version_id: RowId, run_id: RowId) -> Response:
    """Put the whole version on the clusters of the run."""
    form = visit.form
    seen, reason = form.number("revision"), form.text("reason") or None

    def deed(session: Session, person: Actor) -> int:
        event = recluster(
            session, version_id, run_id, person=person, reason=reason, seen_revision=seen
        )
        return event.revision

    done = once(visit, deed)
    return RedirectResponse(f"/versions/{version_id}/reclusterings?done={done}", 303)


@router.post("/{run_id}/categories", dependencies=[curating])
def take_category(visit: VisitingAside, version_id: RowId, run_id: RowId) -> Response:
    """Take what one category has in the run, as it was seen: the form holds its fingerprint.

    Raises:
        Conflict: what it would take is not what was seen.
    """
    form = visit.form
    seen, reason = form.number("revision"), form.text("reason") or None
    if "category" not in form.fields:
        raise InvalidInput("expected a category to take, got none; choose one")
    category = form.line("category") or None
    with reading(visit.engine) as session:
        found = _comparisons(visit).get(session, version_id, run_id).find(category)

    def deed(session: Session, person: Actor) -> int:
        if found is None or found.print != form.token("print"):
            raise Conflict("what this category would take is not what you saw; look at it again")
        event = take_portion(
            session, version_id, run_id, found, person=person, reason=reason, seen_revision=seen
        )
        return event.revision

    done = once(visit, deed)
    return RedirectResponse(f"/versions/{version_id}/reclusterings/{run_id}?done={done}", 303)
