"""The queue: what waits for a decision, the most urgent first; the home of an annotator."""

from fastapi import APIRouter
from starlette.responses import Response

from store.engine import reading
from webapp.dependencies import RowId, Visiting, allows
from webapp.pages.review import QueuePage
from webapp.permissions import Action
from webapp.routes.clusters import PAGE_ROWS, Done, Words, notice_of
from webapp.sorting import holds

router = APIRouter(prefix="/versions/{version_id}")


@router.get("/queue", dependencies=[allows(Action.READ)])
def show_queue(visit: Visiting, version_id: RowId, q: Words = "", done: Done = None) -> Response:
    """Progress, and what is next and why."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        notice = notice_of(visit, session, version_id, done)
    words = " ".join(q.split())
    found = [one for one in review.waiting if holds(one.group, words.casefold())]
    return visit.show(
        QueuePage(
            review=review,
            rows=found[:PAGE_ROWS],
            found=len(found),
            flagged=[group for group in review.groups if group.flag and not group.reviewed],
            words=words,
            notice=notice,
        )
    )
