"""`mralign people`: what it prints and what it leaves behind."""

import pytest
from typer.testing import CliRunner

from mralign.people import app
from store import people
from store.engine import get_engine, reading
from store.states import Role


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database that the commands find by themselves."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    return sqlite_url


def test_the_password_that_add_prints_lets_one_in(database: str) -> None:
    """It is printed once and stored as a hash."""
    result = CliRunner().invoke(app, ["add", "Ada", "--role", "curator"])
    assert result.exit_code == 0, result.output
    password = result.output.split("shown this once: ")[1].strip()
    with reading(get_engine(database)) as session:
        person = people.get_person(session, "Ada")
        role, password_hash = person.role, person.password_hash
    assert role is Role.CURATOR and password not in password_hash
    assert people.check_password(password, password_hash)


def test_a_prompted_password_is_not_printed(database: str) -> None:
    """Whoever typed it knows it."""
    typed = "correct horse battery"
    result = CliRunner().invoke(
        app, ["add", "Ada", "--role", "annotator", "--prompt"], input=f"{typed}\n{typed}\n"
    )
    assert result.exit_code == 0 and typed not in result.output


def test_role_reset_deactivate_and_list(database: str) -> None:
    """The list shows the role and who is shut out."""
    runner = CliRunner()
    runner.invoke(app, ["add", "Ada", "--role", "annotator"])
    assert runner.invoke(app, ["role", "Ada", "researcher"]).exit_code == 0
    assert "all sessions ended" in runner.invoke(app, ["reset", "Ada"]).output
    assert runner.invoke(app, ["deactivate", "Ada"]).exit_code == 0
    listed = runner.invoke(app, ["list"]).output
    assert "researcher" in listed and "no" in listed
    assert runner.invoke(app, ["activate", "Ada"]).exit_code == 0


def test_an_unknown_role_is_refused(database: str) -> None:
    """The roles are a closed list."""
    result = CliRunner().invoke(app, ["add", "Ada", "--role", "owner"])
    assert result.exit_code == 2
