"""One's own account: sessions, and tokens for programs."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from store import people, tokens
from store.engine import reading, transaction
from store.states import Role
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.pages.people import AccountPage, Secret
from webapp.routes.people import list_sessions, read_role
from webapp.serving.permissions import Action

router = APIRouter(prefix="/account")
keeping = allows(Action.KEEP_ACCOUNT)


@router.get("", dependencies=[keeping])
def show_account(visit: Visiting) -> Response:
    """What is open in one's name."""
    return _page(visit, None)


def _page(visit: Visit, secret: Secret | None) -> Response:
    with reading(visit.engine) as session:
        person = visit.person(session)
        page = AccountPage(
            sessions=list_sessions(session, visit.viewer),
            tokens=tokens.list_api_tokens(session, person.id),
            roles=[role.value for role in Role if people.lesser_role(role, person.role) == role],
            secret=secret,
        )
        return visit.show(page)


@router.post("/tokens", dependencies=[keeping])
def add_token(visit: Visiting) -> Response:
    """A token for a program, shown once."""
    name, role = visit.form.line("name"), read_role(visit.form.line("role"))
    with transaction(visit.engine) as session:
        token = tokens.add_api_token(session, visit.person(session), name, role)
    advice = "A program sends it with each request, as “Authorization: Bearer TOKEN”."
    return _page(visit, Secret(f"Token {name}", token, advice))


@router.post("/tokens/{token_id}/revoke", dependencies=[keeping])
def revoke_token(visit: Visiting, token_id: RowId) -> Response:
    """Make one of one's own tokens worth nothing."""
    with transaction(visit.engine) as session:
        tokens.revoke_api_token(session, token_id, visit.person(session))
    return RedirectResponse("/account", 303)


@router.post("/sessions/end", dependencies=[keeping])
def end_session(visit: Visiting) -> Response:
    """End one of one's own sessions."""
    with transaction(visit.engine) as session:
        person = visit.person(session)
        number = visit.form.token("session")[:64]
        people.revoke_sign_in(session, number, by=person, person_id=person.id)
    return RedirectResponse("/account", 303)
