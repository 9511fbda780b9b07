"""People: passwords, roles, and sessions in browsers."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from store import people
from store.engine import reading, transaction
from store.errors import Conflict, InvalidInput, NotFound
from store.metadata import utc_now
from store.people_tables import AuditEntry, SignIn
from store.states import Role

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def password_hash() -> str:
    """A hash made once: each takes a quarter of a second."""
    return people.hash_password(PASSWORD)


def sign_in(engine: sa.Engine, name: str, password_hash: str) -> str:
    """Add a person and open a session of theirs."""
    with transaction(engine) as session:
        person = people.add_person(session, name, Role.ANNOTATOR, password_hash)
        return people.begin_sign_in(session, person)


def test_the_right_password_fits_and_others_do_not(password_hash: str) -> None:
    """argon2 keeps no plain password, and nobody's hash fits nothing."""
    assert password_hash.startswith("$argon2id$") and PASSWORD not in password_hash
    assert people.check_password(PASSWORD, password_hash)
    assert not people.check_password(PASSWORD + " ", password_hash)
    assert not people.check_password(PASSWORD, None)


def test_generated_passwords_differ_and_are_long_enough() -> None:
    """Each is new, and passes the rule for passwords."""
    made = {people.generate_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(password) >= people.MIN_PASSWORD_CHARACTERS for password in made)


@pytest.mark.parametrize("password", ["", "short", "x" * 1_001])
def test_a_password_outside_the_limits_is_refused(password: str) -> None:
    """Too short is guessed, too long burns time."""
    with pytest.raises(InvalidInput, match="characters"):
        people.hash_password(password)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101, "a\x00"])
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    """Names go into terminals, logs and pages."""
    with pytest.raises(InvalidInput):
        people.clean_name(name)


def test_one_name_in_two_letter_cases_is_taken(engine: sa.Engine, password_hash: str) -> None:
    """Ada and ada would be mistaken for each other."""
    sign_in(engine, "Ada", password_hash)
    with pytest.raises(Conflict, match="Ada"), transaction(engine) as session:
        people.add_person(session, "ada", Role.CURATOR, password_hash)


def test_a_token_finds_its_person_and_is_stored_only_as_a_hash(
    engine: sa.Engine, password_hash: str
) -> None:
    """Whoever reads the database cannot sign in with what stands there."""
    token = sign_in(engine, "Ada", password_hash)
    with reading(engine) as session:
        found = people.find_sign_in(session, token)
        stored = session.exec(select(SignIn)).one().token_hash
        assert people.find_sign_in(session, stored) is None
    assert found is not None and (found.name, found.role) == ("Ada", Role.ANNOTATOR)
    assert token not in stored


def test_an_expired_session_is_worth_nothing(engine: sa.Engine, password_hash: str) -> None:
    """The row decides, not the cookie."""
    token = sign_in(engine, "Ada", password_hash)
    with transaction(engine) as session:
        session.exec(sa.update(SignIn).values(expires_at=utc_now() - timedelta(seconds=1)))
    with reading(engine) as session:
        assert people.find_sign_in(session, token) is None


def test_signing_out_ends_one_session(engine: sa.Engine, password_hash: str) -> None:
    """Another browser of the same person stays signed in."""
    first = sign_in(engine, "Ada", password_hash)
    with transaction(engine) as session:
        second = people.begin_sign_in(session, people.get_person(session, "Ada"))
        people.end_sign_in(session, first)
    with reading(engine) as session:
        assert people.find_sign_in(session, first) is None
        assert people.find_sign_in(session, second) is not None


def test_a_reset_ends_all_sessions(engine: sa.Engine, password_hash: str) -> None:
    """Whoever stole the old password is out."""
    token = sign_in(engine, "Ada", password_hash)
    with transaction(engine) as session:
        people.reset_password(session, "Ada", "another hash")
    with reading(engine) as session:
        assert people.find_sign_in(session, token) is None
        assert people.get_person(session, "Ada").password_hash == "another hash"


def test_deactivation_ends_all_sessions_and_is_written_down(
    engine: sa.Engine, password_hash: str
) -> None:
    """The audit says who was shut out, by whom."""
    token = sign_in(engine, "Ada", password_hash)
    with transaction(engine) as session:
        people.set_active(session, "Ada", False)
    with reading(engine) as session:
        assert people.find_sign_in(session, token) is None
        deeds = [(e.actor, e.action, e.subject) for e in session.exec(select(AuditEntry))]
    assert ("command line", "deactivate", "Ada") in deeds


def test_a_role_holds_at_once(engine: sa.Engine, password_hash: str) -> None:
    """An open session has the new role, not the one it began with."""
    token = sign_in(engine, "Ada", password_hash)
    with transaction(engine) as session:
        people.set_role(session, "Ada", Role.CURATOR)
    with reading(engine) as session:
        found = people.find_sign_in(session, token)
    assert found is not None and found.role is Role.CURATOR


def test_nobody_by_that_name_is_not_found(engine: sa.Engine) -> None:
    """The message names what was asked for."""
    with pytest.raises(NotFound, match="Grace"), reading(engine) as session:
        people.get_person(session, "Grace")
