"""People: who may sign in, their passwords, their roles, and their sessions in browsers."""

import hashlib
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store import audit
from store.errors import Conflict, InvalidInput, NotFound
from store.metadata import utc_now
from store.people_tables import PersonSetting, SignIn
from store.states import Role
from store.tables import Person

if TYPE_CHECKING:
    from pwdlib import PasswordHash

MIN_PASSWORD_CHARACTERS = 12
MAX_PASSWORD_CHARACTERS = 1_000
MAX_NAME_CHARACTERS = 100
NO_PASSWORD = "!"  # instead of a hash: somebody who has not chosen a password yet
SIGN_IN_LASTS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a cookie, and the token that this session's forms carry.

    A program has no session: its token is empty.
    """

    person_id: int
    name: str
    role: Role
    csrf_token: str
    keys: Mapping[str, str] = field(default_factory=dict)  # those that the person changed

    @property
    def id(self) -> int:
        """The person's number, under the name that their row gives it."""
        return self.person_id


@cache
def _hasher() -> "PasswordHash":
    from pwdlib import PasswordHash
    from pwdlib.hashers.argon2 import Argon2Hasher

    return PasswordHash((Argon2Hasher(),))


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe())


def generate_password() -> str:
    """A random password of 120 bits, in groups that can be read aloud."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(5))


def hash_password(password: str) -> str:
    """The argon2 hash of a password; takes 240 ms and 64 MiB, so never inside a transaction.

    Raises:
        InvalidInput: the password is too short or too long.
    """
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise InvalidInput(
            f"expected a password of {MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS} "
            f"characters, got {len(password)}; choose another"
        )
    return _hasher().hash(password)


def check_password(password: str, password_hash: str | None) -> bool:
    """Whether the password fits; without a hash it takes as long and is False.

    A name that nobody has, and somebody who has not chosen a password yet, must not be told from
    a wrong password by the time it takes.
    """
    if password_hash is not None and password_hash.startswith(NO_PASSWORD):
        password_hash = None
    if len(password) > MAX_PASSWORD_CHARACTERS:
        return False
    fits = _hasher().verify(password, password_hash or _nobodys_hash())
    return fits and password_hash is not None


def clean_name(name: str) -> str:
    """The name in one spelling: composed, and without spaces around it.

    Raises:
        InvalidInput: it is empty, too long, or holds characters that cannot be printed.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidInput(
            f"expected a name of 1 to {MAX_NAME_CHARACTERS} printable characters, got {name!r}"
        )
    return name


def add_person(
    session: Session, name: str, role: Role, password_hash: str, *, by: Person | None = None
) -> Person:
    """Add somebody who may sign in.

    Raises:
        InvalidInput: the name cannot be used.
        Conflict: the name is taken, in this spelling or in other letter case.
    """
    name = clean_name(name)
    taken = select(col(Person.name)).where(sa.func.lower(col(Person.name)) == name.lower())
    if (other := session.exec(taken).first()) is not None:
        raise Conflict(f"expected a name that nobody has, but {other!r} exists; choose another")
    person = Person(name=name, role=role, password_hash=password_hash)
    session.add(person)
    audit.record(session, by, "add person", name, role=role.value)
    session.flush()
    return person


def find_person(session: Session, name: str) -> Person | None:
    """The person with this name, active or not."""
    return session.exec(select(Person).where(col(Person.name) == name)).first()


def get_person(session: Session, name: str) -> Person:
    """The person with this name, active or not.

    Raises:
        NotFound: nobody has it.
    """
    person = find_person(session, clean_name(name))
    if person is None:
        raise NotFound(f"expected a person, but nobody is called {name!r}; see `mralign people`")
    return person


def list_people(session: Session) -> list[Person]:
    """Everybody, in order of name."""
    return list(session.exec(select(Person).order_by(col(Person.name))))


def lesser_role(a: Role, b: Role) -> Role:
    """The role that may do less: annotator, then researcher, then curator."""
    order = list(Role)
    return order[min(order.index(a), order.index(b))]


def set_role(session: Session, name: str, role: Role, *, by: Person | None = None) -> Person:
    """Give a person another role; it holds from their next request on.

    Raises:
        NotFound: nobody has the name.
        InvalidInput: there would be no curator any more.
    """
    person = get_person(session, name)
    if role != Role.CURATOR:
        _require_other_curator(session, person)
    audit.record(session, by, "set role", person.name, before=person.role.value, after=role.value)
    person.role = role
    session.add(person)
    return person


def reset_password(
    session: Session, name: str, password_hash: str, *, by: Person | None = None
) -> Person:
    """Replace a password and end all sessions that the old one opened."""
    person = get_person(session, name)
    person.password_hash = password_hash
    session.add(person)
    end_sign_ins(session, person.id)
    audit.record(session, by, "reset password", person.name)
    return person


def _require_other_curator(session: Session, person: Person) -> None:
    """Nobody could give the role back through the pages."""
    if person.role != Role.CURATOR or not person.active:
        return
    query = select(Person).where(col(Person.role) == Role.CURATOR, col(Person.active))
    others = [other for other in session.exec(query) if other.id != person.id]
    if not others:
        raise InvalidInput(
            f"expected another active curator besides {person.name}; give somebody the role first"
        )


def set_active(session: Session, name: str, active: bool, *, by: Person | None = None) -> Person:
    """Let a person sign in, or shut them out at once; what they did stays.

    Raises:
        NotFound: nobody has the name.
        InvalidInput: there would be no curator any more.
    """
    person = get_person(session, name)
    if not active:
        _require_other_curator(session, person)
    person.active = active
    session.add(person)
    if not active:
        end_sign_ins(session, person.id)
    audit.record(session, by, "activate" if active else "deactivate", person.name)
    return person


def begin_sign_in(session: Session, person: Person, client: str | None = None) -> str:
    """Open a session in a browser and return its token, which is kept nowhere else."""
    token, now = secrets.token_urlsafe(32), utc_now()
    session.exec(sa.delete(SignIn).where(col(SignIn.expires_at) <= now))
    session.add(
        SignIn(
            token_hash=hash_token(token),
            person_id=person.id,
            csrf_token=secrets.token_urlsafe(32),
            client=client[:200] if client else None,
            created_at=now,
            expires_at=now + SIGN_IN_LASTS,
        )
    )
    audit.record(session, person, "sign in", person.name)
    return token


def find_sign_in(session: Session | sa.Connection, token: str) -> SignedIn | None:
    """Who holds this token, unless it expired, was ended, or its person is shut out."""
    held = {"token_hash": hash_token(token), "now": utc_now()}
    row = session.execute(_holder(), held).first()
    if row is None:
        return None
    person_id, name, role, csrf_token, keys = row
    return SignedIn(person_id, name, role, csrf_token, keys or {})


@cache
def _holder() -> sa.Select[Any]:
    """Every request asks this, so that the statement is made once."""
    tables = SQLModel.metadata.tables
    person, sign_in = tables["person"], tables["sign_in"]
    settings = tables["person_setting"]
    columns = (person.c.id, person.c.name, person.c.role, sign_in.c.csrf_token, settings.c["keys"])
    return (
        sa.select(*columns)
        .join(sign_in, sign_in.c.person_id == person.c.id)
        .outerjoin(settings, settings.c.person_id == person.c.id)
        .where(
            sign_in.c.token_hash == sa.bindparam("token_hash"),
            sign_in.c.expires_at > sa.bindparam("now"),
            person.c.active,
        )
    )


def end_sign_in(session: Session, token: str) -> None:
    """Forget one session; its cookie is worth nothing from now on."""
    session.exec(sa.delete(SignIn).where(col(SignIn.token_hash) == hash_token(token)))


def list_sign_ins(session: Session, person_id: int | None = None) -> list[tuple[SignIn, str]]:
    """The open sessions, of one person or of all, with the person's name; the newest first."""
    query = (
        select(SignIn, Person.name)
        .join(Person, col(Person.id) == col(SignIn.person_id))
        .where(col(SignIn.expires_at) > utc_now())
        .order_by(col(SignIn.created_at).desc())
    )
    if person_id is not None:
        query = query.where(col(SignIn.person_id) == person_id)
    return [(row, name) for row, name in session.exec(query)]


def revoke_sign_in(
    session: Session, token_hash: str, *, by: Person, person_id: int | None = None
) -> None:
    """End a session from outside it; with `person_id`, only one of that person.

    Raises:
        NotFound: there is none.
    """
    row = session.get(SignIn, token_hash)
    if row is None or person_id not in (None, row.person_id):
        raise NotFound("expected an open session, found none; it may have ended")
    owner = session.get(Person, row.person_id)
    session.delete(row)
    audit.record(session, by, "revoke session", owner.name if owner else "")


def set_keys(session: Session, person: audit.Actor, keys: Mapping[str, str]) -> None:
    """Remember which keys a person changed."""
    row = session.get(PersonSetting, person.id) or PersonSetting(person_id=person.id)
    row.keys = dict(keys)
    session.add(row)


def end_sign_ins(session: Session, person_id: int) -> None:
    """Forget all sessions of a person."""
    session.exec(sa.delete(SignIn).where(col(SignIn.person_id) == person_id))


def hash_token(token: str) -> str:
    """What is kept of a token: it tells whether one fits, and is worth nothing by itself."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
