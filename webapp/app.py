"""The application: every screen, each behind the action that it declares."""

import sqlalchemy as sa
from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from webapp.deciding.grounds import Grounds
from webapp.dependencies import Access
from webapp.failures import add_failures
from webapp.overview.source_figures import SourceFigures
from webapp.overview.tallies import Tallies
from webapp.review.comparisons import Comparisons
from webapp.review.scatter import Scatter
from webapp.routes import (
    account,
    adjudications,
    audit,
    board,
    clusters,
    comparisons,
    confusions,
    counts,
    decisions,
    disagreements,
    exports,
    health,
    keys,
    label_map,
    labels,
    overview,
    passages,
    passwords,
    people,
    queue,
    reclusterings,
    run_files,
    runs,
    sign_in,
    studies,
    suggestions,
    traces,
    transitions,
    versions,
    vocabulary,
    weights,
    whatif,
)
from webapp.runs.streams import Streams
from webapp.serving.forwarding import Forwarding
from webapp.serving.headers import SecureResponses
from webapp.serving.limits import AttemptLimit
from webapp.serving.permissions import Action
from webapp.serving.static_files import show_file
from webapp.serving.turns import AT_ONCE, Turns
from webapp.studies.figures import StudyFigures
from webapp.transitions.matrices import Matrices

SCREENS = (
    overview,
    counts,
    sign_in,
    versions,
    clusters,
    decisions,
    queue,
    board,
    label_map,
    disagreements,
    suggestions,
    whatif,
    reclusterings,
    vocabulary,
    exports,
    keys,
    account,
    passwords,
    people,
    audit,
    traces,
    weights,
    studies,
    labels,
    adjudications,
    transitions,
    passages,
    comparisons,
    confusions,
    runs,
    run_files,
    health,
)


def create_app(engine: sa.Engine) -> FastAPI:
    """The pages on a database whose schema is current."""
    app = FastAPI(title="mralign", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.engine = engine
    app.state.turns = Turns(AT_ONCE[engine.dialect.name])
    app.state.attempts = AttemptLimit()
    app.state.hashing = CapacityLimiter(sign_in.HASHES_AT_ONCE)
    app.state.matrices = Matrices(engine)
    app.state.study_figures = StudyFigures()
    app.state.source_figures = SourceFigures(engine)
    app.state.tallies = Tallies()
    app.state.grounds = Grounds()
    app.state.comparisons = Comparisons()
    app.state.scatter = Scatter()
    app.state.streams = Streams()
    for screen in SCREENS:
        require_actions(screen.router)
        app.include_router(screen.router)
    app.add_route("/static/{name}", show_file)
    add_failures(app)
    app.add_middleware(Forwarding)
    app.add_middleware(SecureResponses)
    return app


def require_actions(router: APIRouter) -> None:
    """Refuse a screen with a route that does not say what it lets people do.

    Raises:
        LookupError: there is one.
    """
    for route in router.routes:
        if isinstance(route, APIRoute):
            action_of(route)


def action_of(route: APIRoute) -> Action:
    """What a route lets people do.

    Raises:
        LookupError: it does not say.
    """
    calls = (dependency.call for dependency in route.dependant.dependencies)
    actions = [call.action for call in calls if isinstance(call, Access)]
    if len(actions) != 1:
        raise LookupError(f"expected {route.path} to declare one action, got {len(actions)}")
    return actions[0]
