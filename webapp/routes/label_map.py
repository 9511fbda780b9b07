"""The map: every open label as a point and as a row; what is chosen takes the commands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from store.engine import reading
from store.errors import InvalidInput
from taxonomy.review.curation import (
    Assign,
    CategoryView,
    Decision,
    Gather,
    MarkNoise,
    PlacedLabel,
    Remark,
)
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.pages.label_map import MapPage, MapRow
from webapp.review.deciders import list_deciders
from webapp.review.reviews import Review
from webapp.review.scatter import Frame, Scatter, place_frame, state_frame, text_frame
from webapp.review.sorting import IN_MAP, filter_labels, list_map_labels
from webapp.routes.clusters import Done, PageNumber, Words, notice_of
from webapp.routes.decisions import take
from webapp.serving.forms import Form
from webapp.serving.permissions import Action
from webapp.showing.keymap import free_letters

router = APIRouter(prefix="/versions/{version_id}/map")
PAGE_ROWS = 25
ASK_AGAIN = "private, no-cache"  # kept, and asked for by its tag
Where = Annotated[str, Query(alias="in", max_length=100)]


@router.get("", dependencies=[allows(Action.READ)])
def show_map(
    visit: Visiting,
    version_id: RowId,
    q: Words = "",
    where: Where = "",
    page: PageNumber = 1,
    done: Done = None,
) -> Response:
    """The map with a page of the labels as a list; a script draws the points."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        notice = notice_of(visit, session, version_id, done)
    words = " ".join(q.split())
    where = where if where in IN_MAP or where in review.by_key else ""
    pairs = list_map_labels(review)
    found = filter_labels(pairs, words, where)
    start = PAGE_ROWS * (page - 1)
    kept = {"q": words, "in": where}
    return visit.show(
        MapPage(
            review=review,
            rows=[MapRow(*pair) for pair in found[start : start + PAGE_ROWS]],
            found=len(found),
            labels=len(pairs),
            words=words,
            where=where,
            page=page,
            earlier="?" + urlencode({**kept, "page": page - 1}) if page > 1 else "",
            later="?" + urlencode({**kept, "page": page + 1})
            if start + PAGE_ROWS < len(found)
            else "",
            moves=_moves(visit, review),
            notice=notice,
        )
    )


def _moves(visit: Visit, review: Review) -> Sequence[tuple[str, CategoryView]]:
    """The categories with the letters that move labels there; past the last letter without."""
    letters = free_letters(visit.shell().keys, "Map")
    return [(letters[n : n + 1], category) for n, category in enumerate(review.categories)]


@router.get("/places", dependencies=[allows(Action.READ)])
def list_places(visit: Visiting, version_id: RowId) -> Response:
    """Where every label is; the same as long as the clustering is."""
    return _answer(visit, _of_clustering(visit, version_id, "places", place_frame))


@router.get("/texts", dependencies=[allows(Action.READ)])
def list_texts(visit: Visiting, version_id: RowId) -> Response:
    """What every label says."""
    return _answer(visit, _of_clustering(visit, version_id, "texts", text_frame))


def _of_clustering(
    visit: Visit, version_id: int, name: str, make: Callable[[Mapping[str, PlacedLabel]], Frame]
) -> Frame:
    """A frame of what no decision changes, made once."""
    with reading(visit.engine) as session:
        placed = visit.review(session, version_id).state.placed
    scatter = _scatter(visit)
    frame = scatter.find(name, version_id, placed)
    return frame or scatter.keep(name, version_id, placed, make(placed))


@router.get("/state", dependencies=[allows(Action.READ)])
def list_standings(visit: Visiting, version_id: RowId) -> Response:
    """Cluster, category, doubt and reviewer of every label, as the visitor may see them."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        scatter, source = _scatter(visit), review.state.views
        frame = None if review.blind else scatter.find("state", version_id, source)
        if frame is None:
            frame = state_frame(review, list_deciders(session, review))
            if not review.blind:
                scatter.keep("state", version_id, source, frame)
    return _answer(visit, frame)


def _scatter(visit: Visit) -> Scatter:
    return cast(Scatter, visit.request.app.state.scatter)


def _answer(visit: Visit, frame: Frame) -> Response:
    headers = {"ETag": frame.tag, "Cache-Control": ASK_AGAIN}
    if visit.request.headers.get("if-none-match") == frame.tag:
        return Response(status_code=304, headers=headers)
    return Response(frame.body, media_type="application/octet-stream", headers=headers)


@router.post("", dependencies=[allows(Action.REVIEW)])
def put_chosen(visit: Visiting, version_id: RowId) -> Response:
    """Put labels in a category or a new cluster, mark them as noise, or flag their clusters."""
    form = visit.form
    done = take(visit, version_id, _decision(form))
    kept = {"q": form.line("q"), "in": form.line("in"), "page": form.token("page")}
    search = urlencode({name: value for name, value in kept.items() if value} | {"done": done})
    return RedirectResponse(f"/versions/{version_id}/map?{search}", 303)


def _decision(form: Form) -> Decision:
    labels = form.chosen("label")
    if not labels:
        raise InvalidInput("expected labels to decide about, got none; tick some")
    if "category" in form.fields:
        return Assign(label_ids=labels, category=form.line("category") or None)
    deed = form.token("do")
    if deed == "noise":
        return MarkNoise(labels)
    if deed == "flag":
        return Remark(None, "flag", label_ids=labels)
    if deed != "gather":
        raise InvalidInput("expected a category, noise, a flag or a new cluster; choose one")
    return Gather(labels, form.line("name"))
