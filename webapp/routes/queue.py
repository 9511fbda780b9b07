"""The queue: what waits for a decision, the most urgent first; the home of an annotator."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from store.engine import reading
from store.errors import InvalidInput
from taxonomy.review.curation import Assign, Decision, MarkNoise
from webapp.dependencies import RowId, Visiting, allows
from webapp.pages.review import QueuePage
from webapp.review.sorting import holds
from webapp.routes.clusters import PAGE_ROWS, Done, Words, list_suggested, notice_of
from webapp.routes.decisions import take
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}")
LABELS_ASKED = 8
NOISE = "-"  # no category has this key


@router.get("/queue", dependencies=[allows(Action.READ)])
def show_queue(visit: Visiting, version_id: RowId, q: Words = "", done: Done = None) -> Response:
    """Progress, and what is next and why."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        suggested = list_suggested(visit, session, version_id)
        notice = notice_of(visit, session, version_id, done)
    words = " ".join(q.split())
    found = [one for one in review.waiting if holds(one.group, words.casefold())]
    return visit.show(
        QueuePage(
            review=review,
            rows=found[:PAGE_ROWS],
            found=len(found),
            flagged=[group for group in review.groups if group.flag and not group.reviewed],
            doubtful=review.doubtful[:LABELS_ASKED],
            suggested=suggested[:LABELS_ASKED],
            words=words,
            notice=notice,
        )
    )


@router.post("/queue", dependencies=[allows(Action.REVIEW)])
def answer(visit: Visiting, version_id: RowId) -> Response:
    """Put one label in a category, or say that it belongs to none; on to what is next by then."""
    category, labels = visit.form.line("category"), visit.form.numbers("label")
    if not category or not labels:
        raise InvalidInput("expected a label and its category; choose one")
    decision: Decision = Assign(label_ids=labels, category=category)
    if category == NOISE:
        decision = MarkNoise(labels)
    done = take(visit, version_id, decision)
    return RedirectResponse(f"/versions/{version_id}/queue?done={done}", 303)
