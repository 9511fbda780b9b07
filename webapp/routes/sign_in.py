"""Signing in and out."""

from typing import Annotated
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from store import people
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.states import Role
from store.tables import Person
from webapp.dependencies import SESSION_COOKIE, Visit, VisitingAside, allows
from webapp.pages.frame import SignInPage
from webapp.serving.limits import AttemptLimit
from webapp.serving.permissions import Action

router = APIRouter()
HASHES_AT_ONCE = 2
# Where the work of a role waits; the others begin with the overview.
HOMES = {Role.ANNOTATOR: "/queue", Role.CURATOR: "/board"}
WRONG = "That name and password do not go together."


def local_path(address: str) -> str:
    """The address if it is a path of this site, else the first page.

    Nobody may be sent elsewhere by a link to our sign-in page.
    """
    if not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    if not address.isprintable() or "\\" in address:
        return "/"
    parts = urlsplit(address)
    return "/" if parts.scheme or parts.netloc else address


@router.get("/sign-in", dependencies=[allows(Action.ENTER)])
async def show_sign_in(
    visit: VisitingAside, destination: Annotated[str, Query(alias="next", max_length=2000)] = "/"
) -> Response:
    """The form; whoever is signed in goes on."""
    if visit.viewer is not None:
        return RedirectResponse(local_path(destination), 303)
    return visit.show(SignInPage(name="", destination=local_path(destination), problem=""))


@router.post("/sign-in", dependencies=[allows(Action.ENTER)])
async def sign_in(visit: VisitingAside) -> Response:
    """Check the password, and open a session."""
    request, form = visit.request, visit.form
    name, destination = form.token("name").strip()[:200], local_path(form.token("next"))
    limit: AttemptLimit = request.app.state.attempts
    key = (name.casefold(), request.client.host if request.client else "")
    wait_s = limit.try_once(key)
    if wait_s:
        return _refuse(visit, name, destination, f"Too many attempts. Wait {wait_s} seconds.", 429)
    person = await _check(request, name, form.token("password"))
    if person is None:
        return _refuse(visit, name, destination, WRONG, 403)
    limit.forget(key)
    token = await run_in_threadpool(_begin, visit, person)
    response = RedirectResponse(
        HOMES.get(person.role, "/") if destination == "/" else destination, 303
    )
    _set_cookie(response, token, secure=request.url.scheme == "https")
    return response


def _refuse(visit: Visit, name: str, destination: str, problem: str, status: int) -> Response:
    page = SignInPage(name=name, destination=destination, problem=problem)
    return visit.show(page, status)


async def _check(request: Request, name: str, password: str) -> Person | None:
    """The person whose password this is. Hashing waits its turn: each takes 64 MiB."""
    person = await run_in_threadpool(_find_active, request, name)
    limiter: CapacityLimiter = request.app.state.hashing
    known = person.password_hash if person else None
    fits = await to_thread.run_sync(people.check_password, password, known, limiter=limiter)
    return person if fits else None


def _find_active(request: Request, name: str) -> Person | None:
    with reading(request.app.state.engine) as session:
        try:
            person = people.find_person(session, people.clean_name(name))
        except InvalidInput:
            return None
        if person is not None:
            session.expunge(person)
    return person if person and person.active else None


def _begin(visit: Visit, person: Person) -> str:
    old = visit.request.cookies.get(SESSION_COOKIE)
    with transaction(visit.engine) as session:
        if old:
            people.end_sign_in(session, old)
        client = visit.request.headers.get("user-agent")
        return people.begin_sign_in(session, person, client)


def _set_cookie(response: Response, token: str, secure: bool) -> None:
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(people.SIGN_IN_LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


@router.post("/sign-out", dependencies=[allows(Action.SIGN_OUT)])
def sign_out(visit: VisitingAside) -> Response:
    """End the session, and leave nothing of it in the browser."""
    with transaction(visit.engine) as session:
        people.end_sign_in(session, visit.request.cookies.get(SESSION_COOKIE, ""))
    response = RedirectResponse("/sign-in", 303, headers={"Clear-Site-Data": '"cache"'})
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax")
    return response
