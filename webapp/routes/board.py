"""The board: clusters in lanes by category; a lane is accepted whole, exceptions are moved."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from store.engine import reading
from store.errors import InvalidInput
from taxonomy.review.curation import Assign, MarkNoise
from webapp.dependencies import RowId, Visiting, allows
from webapp.pages.review import BoardLane, BoardPage
from webapp.review.reviews import Review
from webapp.routes.clusters import Done, notice_of
from webapp.routes.decisions import take
from webapp.serving.permissions import Action
from webapp.showing.keymap import board_letters

router = APIRouter(prefix="/versions/{version_id}")
At = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9_.-]*$")]


@router.get("/board", dependencies=[allows(Action.READ)])
def show_board(visit: Visiting, version_id: RowId, at: At = "", done: Done = None) -> Response:
    """Every lane, the most doubtful first."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        notice = notice_of(visit, session, version_id, done)
    letters = board_letters(visit.shell().keys)
    lanes = lanes_of(review, letters)
    return visit.show(
        BoardPage(
            review=review,
            lanes=lanes,
            moves=[
                (letter_of(review, letters, category.key), category)
                for category in review.categories
            ],
            at=at or next((group.anchor for one in lanes for group in one.lane.open), ""),
            notice=notice,
        )
    )


def lanes_of(review: Review, letters: str = "") -> list[BoardLane]:
    """The lanes with their categories and letters."""
    return [
        BoardLane(
            lane, review.by_key.get(lane.category or ""), letter_of(review, letters, lane.category)
        )
        for lane in review.lanes
    ]


def letter_of(review: Review, letters: str, key: str | None) -> str:
    """The letter of a category, by its place; those past the last letter have none."""
    place = review.by_key[key].position if key is not None else len(letters)
    return letters[place] if place < len(letters) else ""


@router.post("/board", dependencies=[allows(Action.REVIEW)])
def put_in_lane(visit: Visiting, version_id: RowId) -> Response:
    """Put clusters in one category, a lane or what was ticked; or mark what was ticked as noise."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
    anchors = [anchor[:40] for anchor in visit.form.fields.get("anchor", ())]
    noise, placed = "noise" in visit.form.fields, "category" in visit.form.fields
    if not anchors or noise == placed:
        raise InvalidInput("expected clusters and a category to put them in; tick some")
    groups = [review.group(anchor) for anchor in dict.fromkeys(anchors)]
    labels = tuple(label.open_label_id for group in groups for label in group.labels)
    category = visit.form.line("category") or None
    decision = MarkNoise(labels) if noise else Assign(label_ids=labels, category=category)
    following = _following(review, set(anchors))
    return _back(version_id, take(visit, version_id, decision), following)


def _following(review: Review, anchors: set[str]) -> str:
    """The open cluster below the ones that are dealt with, so that the hands go on from there."""
    order = [group.anchor for lane in lanes_of(review) for group in lane.lane.open]
    places = [place for place, anchor in enumerate(order) if anchor in anchors]
    below = order[places[-1] + 1 :] if places else order
    return next((anchor for anchor in below if anchor not in anchors), "")


def _back(version_id: int, done: int, at: str) -> Response:
    return RedirectResponse(f"/versions/{version_id}/board?done={done}&at={at}", 303)
