"""From the plain addresses to the version that people work on."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from store.engine import reading
from store.runs import find_latest_run
from store.states import RunKind
from taxonomy.vocabulary.presets import PRESETS
from webapp.dependencies import Visit, Visiting, allows
from webapp.pages.vocabulary import NoVersionPage
from webapp.review.reviews import find_current_version
from webapp.serving.permissions import Action

router = APIRouter()
Words = Annotated[str, Query(max_length=200)]


@router.get("/clusters", dependencies=[allows(Action.READ)])
def go_to_clusters(visit: Visiting, q: Words = "") -> Response:
    """The clusters of the current version, or those that words find."""
    return _go(visit, _found("/clusters", q))


@router.get("/queue", dependencies=[allows(Action.READ)])
def go_to_queue(visit: Visiting) -> Response:
    """What waits in the current version."""
    return _go(visit, "/queue")


@router.get("/board", dependencies=[allows(Action.READ)])
def go_to_board(visit: Visiting) -> Response:
    """The lanes of the current version."""
    return _go(visit, "/board")


@router.get("/map", dependencies=[allows(Action.READ)])
def go_to_map(visit: Visiting, q: Words = "") -> Response:
    """The map of the current version, and the labels on it that words find."""
    return _go(visit, _found("/map", q))


@router.get("/vocabulary", dependencies=[allows(Action.READ)])
def go_to_vocabulary(visit: Visiting) -> Response:
    """The current version."""
    return _go(visit, "")


def _found(page: str, words: str) -> str:
    return f"{page}?{urlencode({'q': words})}" if words else page


def _go(visit: Visit, rest: str) -> Response:
    with reading(visit.engine) as session:
        version_id = find_current_version(session)
        if version_id is not None:
            return RedirectResponse(f"/versions/{version_id}{rest}", 303)
        run = find_latest_run(session, RunKind.CLUSTER)
        return visit.show(NoVersionPage(cluster_run=run, presets=list(PRESETS)))
