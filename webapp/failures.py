"""What people see when something goes wrong: the reason, what to do, and what they had typed."""

import logging
import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from store import errors, schema
from store.engine import reading
from store.verdicts import get_rules
from webapp.dependencies import NotSignedIn, Visit, WrongToken
from webapp.pages.frame import FailurePage, Resend
from webapp.review.blindness import is_blind
from webapp.review.history import EventLine, list_since
from webapp.runs.export_files import FileChanged
from webapp.serving import forgery
from webapp.serving.forms import Form
from webapp.serving.headers import HEADERS, BodyTooLarge
from webapp.showing.wording import words

log = logging.getLogger("mralign.webapp")

STATUS: dict[type[errors.MralignError], tuple[int, str]] = {
    errors.NotFound: (404, "There is nothing here"),
    errors.NotPermitted: (403, "That is not allowed"),
    errors.FrozenVersion: (409, "This version is frozen"),
    errors.Conflict: (409, "Somebody else decided meanwhile"),
    errors.InvalidInput: (422, "That cannot be done as it stands"),
    FileChanged: (409, "The file is not what was written"),
    errors.SchemaMismatch: (503, "The database does not fit this version"),
}
HTTP_TITLES = {
    404: "There is nothing here",
    405: "That address does not take this",
    413: "That is too much at once",
    415: "That is not a form",
}
SHORT_FIELDS = frozenset(
    {
        "name",
        "reason",
        "definition",
        "scope_note",
        "examples",
        "counter_examples",
        "guidelines",
        "text",
    }
)


def visit_of(request: Request) -> Visit:
    """The visit as far as it came."""
    viewer = getattr(request.state, "viewer", None)
    form = getattr(request.state, "form", Form({}))
    return Visit(request, request.app.state.engine, viewer, form)


def show_failure(
    request: Request,
    status: int,
    title: str,
    message: str,
    changes: Sequence[EventLine] = (),
    resend: Resend | None = None,
) -> Response:
    """The page for a failure."""
    page = FailurePage(title=title, message=message, changes=changes, resend=resend)
    return visit_of(request).show(page, status)


def on_mralign_error(request: Request, error: Exception) -> Response:
    """An error of the field, with its status; a refused form is offered again."""
    if not isinstance(error, errors.MralignError):
        raise error
    kinds = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    status, title = next(kinds, (500, "Something went wrong"))
    changes = changes_since(request) if isinstance(error, errors.Conflict) else []
    offer = status in (409, 422) and not isinstance(error, errors.FrozenVersion)
    offer = offer or isinstance(error, forgery.StaleForm)
    resend = resend_of(request, changes) if offer else None
    return show_failure(request, status, title, str(error), changes, resend)


def changes_since(request: Request) -> list[EventLine]:
    """What others decided since the page with the refused form was read."""
    seen = visit_of(request).form.token("revision")
    version = request.path_params.get("version_id", "")
    if not (seen.isascii() and seen.isdigit() and str(version).isdigit()):
        return []
    viewer = visit_of(request).viewer
    with reading(request.app.state.engine) as session:
        blind = viewer and is_blind(viewer, get_rules(session, int(version)).overlap)
        blind_to = viewer.person_id if viewer and blind else None
        return list_since(session, int(version), int(seen), blind_to)


def resend_of(request: Request, changes: Sequence[EventLine]) -> Resend | None:
    """The refused form as it was, at the newest revision."""
    form = visit_of(request).form
    hidden, typed = [], []
    for name, values in form.fields.items():
        for value in values:
            if name == "revision" and changes:
                hidden.append((name, str(changes[-1].revision)))
            elif name in SHORT_FIELDS:
                typed.append((name, value.replace("\x00", "")))
            elif name != forgery.TOKEN_FIELD:
                hidden.append((name, value))
    return Resend(request.url.path, hidden, typed) if hidden or typed else None


def on_not_signed_in(request: Request, error: Exception) -> Response:
    """On to the sign-in page, and back afterwards."""
    if request.method in ("GET", "HEAD"):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        address = request.url_for("show_sign_in").include_query_params(next=target)
        return RedirectResponse(f"{address.path}?{address.query}", 303)
    message = "Your session has ended. Sign in in another tab, then reload this page."
    return show_failure(request, 401, "You are not signed in", message)


def on_wrong_token(request: Request, error: Exception) -> Response:
    """A program is told in its own words."""
    response = show_failure(request, 401, "The token is worth nothing", "Make a new one.")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def on_http_error(request: Request, error: Exception) -> Response:
    """An error of the protocol."""
    if not isinstance(error, HTTPException):
        raise error
    title = HTTP_TITLES.get(error.status_code, "That did not work")
    message = error.detail if error.status_code not in (404, 405) else "The address is not known."
    response = show_failure(request, error.status_code, title, message)
    response.headers.update(error.headers or {})
    return response


def on_wrong_address(request: Request, error: Exception) -> Response:
    """An address with a part that cannot be."""
    if not isinstance(error, RequestValidationError):
        raise error
    places = {place for found in error.errors() for place in found["loc"][:1]}
    status = 404 if places == {"path"} else 422
    message = "A part of the address is not what the page expects: " + ", ".join(
        words(str(found["loc"][-1])) for found in error.errors()
    )
    return show_failure(request, status, HTTP_TITLES[404], message)


def on_large_body(request: Request, error: Exception) -> Response:
    """More than any form of ours can hold."""
    return show_failure(request, 413, HTTP_TITLES[413], "A form may hold a megabyte at most.")


def on_database_error(request: Request, error: Exception) -> Response:
    """A database that is not there, busy, or of another version."""
    try:
        schema.require_current(request.app.state.engine)
    except errors.SchemaMismatch as mismatch:
        return show_failure(request, 503, STATUS[errors.SchemaMismatch][1], str(mismatch))
    except sa.exc.DBAPIError:
        log.exception("the database does not answer")
        return show_failure(request, 503, "The database does not answer", "Try again in a minute.")
    return on_anything_else(request, error)


def on_anything_else(request: Request, error: Exception) -> Response:
    """A fault of ours: a number that finds it in the log, and no word of what is inside."""
    number = secrets.token_hex(4)
    log.error("fault %s at %s", number, request.url.path, exc_info=error)
    message = f"This is a fault of mralign. The log has it under {number}."
    response = show_failure(request, 500, "Something went wrong", message)
    response.headers.update(HEADERS)  # this handler stands outside of what adds them elsewhere
    return response


def add_failures(app: FastAPI) -> None:
    """Give every error its page."""
    app.add_exception_handler(errors.MralignError, on_mralign_error)
    app.add_exception_handler(NotSignedIn, on_not_signed_in)
    app.add_exception_handler(WrongToken, on_wrong_token)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_wrong_address)
    app.add_exception_handler(BodyTooLarge, on_large_body)
    app.add_exception_handler(sa.exc.DBAPIError, on_database_error)
    app.add_exception_handler(Exception, on_anything_else)
