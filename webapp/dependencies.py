"""What a route gets: who visits, whether they may, and the form that they sent."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, Path, Query, Request
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from store import people, tokens
from store.engine import reading
from store.errors import NotPermitted
from store.people import SignedIn
from store.tables import Person
from webapp.pages.frame import Page, Shell
from webapp.pages.rendering import render
from webapp.review.blindness import seen_by
from webapp.review.reviews import Review, read_review
from webapp.serving import forgery
from webapp.serving.forms import Form, read_form
from webapp.serving.permissions import BROWSER_ONLY, PUBLIC, Action, may
from webapp.showing.keymap import bound_keys

SESSION_COOKIE = "mralign_session"
LARGEST_ROW_ID = 2**31 - 1

RowId = Annotated[int, Path(ge=1, le=LARGEST_ROW_ID)]
AfterId = Annotated[int | None, Query(ge=1, le=LARGEST_ROW_ID)]


class NotSignedIn(Exception):
    """The route needs somebody, and nobody is signed in."""


class WrongToken(Exception):
    """A program showed a token that is revoked, expired, or was never given out."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: the database, who asks, and what they sent."""

    request: Request
    engine: sa.Engine
    viewer: SignedIn | None
    form: Form

    def review(self, session: Session, version_id: int) -> Review:
        """The state of a version now.

        Raises:
            NotFound: there is no such version.
        """
        review = read_review(session, version_id)
        return seen_by(session, review, self.viewer) if self.viewer else review

    def blind_to(self, review: Review) -> int | None:
        """The visitor's number where they review blind, to hide from them what others said."""
        return self.viewer.person_id if self.viewer and review.blind else None

    def person(self, session: Session) -> Person:
        """The person who asks, as a row to write down next to what they did."""
        if (found := session.get(Person, self.actor.person_id)) is None:
            raise NotSignedIn
        return found

    @property
    def actor(self) -> SignedIn:
        """The person who asks, to write down next to what they did without another query."""
        if self.viewer is None:
            raise NotSignedIn
        return self.viewer

    def may(self, action: Action) -> bool:
        """Whether the visitor may do this, so that a page offers no more than that."""
        return may(self.viewer.role if self.viewer else None, action)

    def show(
        self, page: Page, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """The page in the frame that every page has."""
        return render(page, self.shell(), status, headers)

    def shell(self) -> Shell:
        """What the frame round a page needs to know."""
        keys = bound_keys(self.viewer.keys if self.viewer else {})
        return Shell(path=self.request.url.path, viewer=self.viewer, may=self.may, keys=keys)


class Access:
    """A route's declaration of what it lets people do; refuses all others before the route runs."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, request: Request) -> None:
        """Find out who asks, whether they may, and whether their form is genuine."""
        bearer = bearer_of(request)
        viewer = await who_asks(request, bearer)
        request.state.viewer, request.state.form = viewer, Form({})
        self._require_permission(viewer)
        if bearer is not None and self.action in BROWSER_ONLY:
            raise NotPermitted(f"a program may not {self.action.value}; sign in with a browser")
        if request.method in forgery.SAFE_METHODS:
            return
        if bearer is None:
            forgery.require_same_origin(request)
        form = request.state.form = await read_form(request)
        if bearer is None and viewer is not None and self.action not in PUBLIC:
            forgery.require_token(form.token(forgery.TOKEN_FIELD), viewer.csrf_token)

    def _require_permission(self, viewer: SignedIn | None) -> None:
        role = viewer.role if viewer else None
        if may(role, self.action):
            return
        if role is None:
            raise NotSignedIn
        raise NotPermitted(f"a {role.value} may not {self.action.value}; ask a curator to do it")


def allows(action: Action) -> Any:
    """The dependency that makes a route one for this action."""
    return Depends(Access(action))


async def who_asks(request: Request, bearer: str | None) -> SignedIn | None:
    """Who asks.

    A reader of SQLite waits for nobody and is done sooner than a thread would have started.
    """
    if request.app.state.engine.dialect.name == "sqlite" and bearer is None:
        return find_viewer(request)
    return await run_in_threadpool(find_viewer, request, bearer)


def bearer_of(request: Request) -> str | None:
    """The token of a program; no browser sends one by itself, so no other site can forge it."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def find_viewer(request: Request, bearer: str | None = None) -> SignedIn | None:
    """Who asks: for whom a program's token acts, else who holds the cookie.

    Raises:
        WrongToken: there is a token, and it is worth nothing.
    """
    if bearer is not None:
        with reading(request.app.state.engine) as session:
            found = tokens.find_api_token(session, bearer)
        if found is None:
            raise WrongToken
        return found
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    with request.app.state.engine.connect() as connection:
        return people.find_sign_in(connection, token)


async def current_visit(request: Request) -> Visit:
    """The visit that `Access` let in."""
    state = request.state
    return Visit(request, request.app.state.engine, state.viewer, state.form)


async def visit_in_turn(request: Request) -> AsyncIterator[Visit]:
    """The visit, when it is its turn; the turn ends before the answer travels."""
    writing = request.method not in forgery.SAFE_METHODS
    async with request.app.state.turns.next(writing=writing):
        yield await current_visit(request)


Visiting = Annotated[Visit, Depends(visit_in_turn, scope="function")]
# For routes that take seconds, or wait for something else than the database.
VisitingAside = Annotated[Visit, Depends(current_visit)]
