"""Tokens: a password chosen anew, once; and a program's way in. Only their hashes are kept."""

import secrets
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store import audit
from store.errors import InvalidInput, NotFound
from store.metadata import utc_now
from store.people import SignedIn, clean_name, end_sign_ins, hash_token, lesser_role
from store.people_tables import ApiToken, ResetToken
from store.states import Role
from store.tables import Person

RESET_LASTS = timedelta(days=3)
API_TOKEN_LASTS = timedelta(days=365)
PREFIX = "mra_"  # lets a scanner of leaked secrets know one


def begin_reset(session: Session, person: Person, *, by: Person | None) -> str:
    """A token with which the person chooses a password; earlier ones are worth nothing."""
    token, now = secrets.token_urlsafe(24), utc_now()
    session.exec(
        sa.update(ResetToken)
        .where(col(ResetToken.person_id) == person.id, col(ResetToken.used_at).is_(None))
        .values(used_at=now)
    )
    row = ResetToken(
        token_hash=hash_token(token), person_id=person.id, expires_at=now + RESET_LASTS
    )
    session.add(row)
    audit.record(session, by, "begin password reset", person.name)
    return token


def use_reset(session: Session, token: str, password_hash: str) -> Person:
    """Give the person the password that they chose, and end their sessions.

    Raises:
        InvalidInput: the token is used, expired, or was never given out.
    """
    query = select(ResetToken).where(col(ResetToken.token_hash) == hash_token(token))
    row = session.exec(query.with_for_update()).one_or_none()
    person = session.get(Person, row.person_id) if row else None
    late = row is None or row.used_at is not None or row.expires_at <= utc_now()
    if row is None or late or person is None or not person.active:
        raise InvalidInput("expected a token that is good; ask a curator for a new one")
    row.used_at, person.password_hash = utc_now(), password_hash
    session.add_all([row, person])
    end_sign_ins(session, person.id)
    audit.record(session, person, "choose password", person.name)
    return person


def add_api_token(session: Session, person: Person, name: str, role: Role) -> str:
    """A token that acts for the person with this role, shown once.

    Raises:
        InvalidInput: the name will not do, or the person's own role is a lesser one.
    """
    if lesser_role(role, person.role) != role:
        raise InvalidInput(f"expected a role up to {person.role.value}, got {role.value}")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        person_id=person.id,
        name=clean_name(name),
        role=role,
        token_hash=hash_token(token),
        expires_at=utc_now() + API_TOKEN_LASTS,
    )
    session.add(row)
    audit.record(session, person, "add token", row.name, role=role.value)
    return token


def find_api_token(session: Session, token: str) -> SignedIn | None:
    """For whom a token acts, and with which role: never more than the person has by now."""
    query = (
        sa.select(col(Person.id), col(Person.name), col(Person.role), col(ApiToken.role))
        .join(ApiToken, col(ApiToken.person_id) == col(Person.id))
        .where(
            col(ApiToken.token_hash) == hash_token(token),
            col(ApiToken.revoked_at).is_(None),
            col(ApiToken.expires_at) > utc_now(),
            col(Person.active),
        )
    )
    row = session.execute(query).first()
    if row is None:
        return None
    return SignedIn(row[0], row[1], lesser_role(row[2], row[3]), csrf_token="")


def list_api_tokens(session: Session, person_id: int) -> list[ApiToken]:
    """A person's tokens that still work, the newest first."""
    query = select(ApiToken).where(
        col(ApiToken.person_id) == person_id,
        col(ApiToken.revoked_at).is_(None),
        col(ApiToken.expires_at) > utc_now(),
    )
    return list(session.exec(query.order_by(col(ApiToken.id).desc())))


def revoke_api_token(session: Session, token_id: int, person: Person) -> None:
    """Make a token of this person worth nothing.

    Raises:
        NotFound: the person has no such token.
    """
    row = session.get(ApiToken, token_id)
    if row is None or row.person_id != person.id:
        raise NotFound(f"expected a token {token_id} of yours, found none")
    row.revoked_at = row.revoked_at or utc_now()
    session.add(row)
    audit.record(session, person, "revoke token", row.name)
