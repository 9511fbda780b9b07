"""People: accounts, roles, passwords chosen anew, and sessions that are ended from outside."""

import secrets

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store import people, tokens
from store.engine import reading, transaction
from store.errors import InvalidInput, NotFound
from store.people import SignedIn
from store.states import Role
from store.tables import Person
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.pages.people import OpenSession, PeoplePage, Secret
from webapp.serving.permissions import Action

router = APIRouter(prefix="/people")
managing = allows(Action.MANAGE_PEOPLE)


@router.get("", dependencies=[managing])
def show_people(visit: Visiting) -> Response:
    """Everybody, and all open sessions."""
    return _page(visit, None)


def _page(visit: Visit, secret: Secret | None) -> Response:
    with reading(visit.engine) as session:
        page = PeoplePage(
            people=people.list_people(session),
            sessions=list_sessions(session, visit.viewer, everybody=True),
            roles=[role.value for role in Role],
            secret=secret,
        )
        return visit.show(page)


def list_sessions(
    session: Session, viewer: SignedIn | None, everybody: bool = False
) -> list[OpenSession]:
    """The open sessions of one person, or of all."""
    own = viewer.person_id if viewer else 0
    token = viewer.csrf_token if viewer else ""
    return [
        OpenSession(
            row.token_hash,
            name,
            row.client or "",
            row.created_at,
            row.expires_at,
            secrets.compare_digest(row.csrf_token, token),
        )
        for row, name in people.list_sign_ins(session, None if everybody else own)
    ]


def read_role(word: str) -> Role:
    """The role that a form names.

    Raises:
        InvalidInput: there is no such role.
    """
    if word not in set(Role):
        raise InvalidInput(f"expected one of {', '.join(Role)}, got role {word[:40]!r}")
    return Role(word)


@router.post("", dependencies=[managing])
def add_person(visit: Visiting) -> Response:
    """Add somebody, who chooses a password with a token that is shown once."""
    name, role = visit.form.line("name"), read_role(visit.form.line("role"))
    with transaction(visit.engine) as session:
        by = visit.person(session)
        person = people.add_person(session, name, role, people.NO_PASSWORD, by=by)
        token = tokens.begin_reset(session, person, by=by)
    return _page(visit, _token_for(person, token))


def _token_for(person: Person, token: str) -> Secret:
    days = tokens.RESET_LASTS.days
    advice = f"{person.name} chooses a password with it at /password, within {days} days."
    return Secret(f"Token for {person.name}", token, advice)


@router.post("/{person_id}/reset", dependencies=[managing])
def reset_password(visit: Visiting, person_id: RowId) -> Response:
    """Give somebody a token to choose another password with; the old one works until then."""
    with transaction(visit.engine) as session:
        person = find(session, person_id)
        token = tokens.begin_reset(session, person, by=visit.person(session))
    return _page(visit, _token_for(person, token))


def find(session: Session, person_id: int) -> Person:
    """The person with this number.

    Raises:
        NotFound: there is none.
    """
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound(f"expected a person with number {person_id}, found none")
    return person


@router.post("/{person_id}/role", dependencies=[managing])
def change_role(visit: Visiting, person_id: RowId) -> Response:
    """Give somebody another role; it holds from their next request on."""
    role = read_role(visit.form.line("role"))
    with transaction(visit.engine) as session:
        person = find(session, person_id)
        people.set_role(session, person.name, role, by=visit.person(session))
    return RedirectResponse("/people", 303)


@router.post("/{person_id}/active", dependencies=[managing])
def change_active(visit: Visiting, person_id: RowId) -> Response:
    """Shut somebody out at once, or let them in again."""
    active = visit.form.line("active") == "yes"
    with transaction(visit.engine) as session:
        person = find(session, person_id)
        people.set_active(session, person.name, active, by=visit.person(session))
    return RedirectResponse("/people", 303)


@router.post("/sessions/end", dependencies=[managing])
def end_session(visit: Visiting) -> Response:
    """End anybody's session."""
    with transaction(visit.engine) as session:
        by = visit.person(session)
        people.revoke_sign_in(session, visit.form.token("session")[:64], by=by)
    return RedirectResponse("/people", 303)
