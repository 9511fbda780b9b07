"""The one commit of the project, and SQLite's pragmas."""

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput
from store.people_tables import ProjectFact
from store.tables import Segment


def test_a_transaction_is_committed_whole(engine: sa.Engine) -> None:
    """What the block added is there afterwards."""
    with transaction(engine) as session:
        session.add(ProjectFact(key="colour", value="blue"))
    with reading(engine) as session:
        assert session.get(ProjectFact, "colour") is not None


def test_a_transaction_that_raises_leaves_nothing(engine: sa.Engine) -> None:
    """An error inside the block undoes all of it."""
    with pytest.raises(RuntimeError), transaction(engine) as session:
        session.add(ProjectFact(key="colour", value="blue"))
        session.flush()
        raise RuntimeError
    with reading(engine) as session:
        assert session.get(ProjectFact, "colour") is None


def test_foreign_keys_hold(engine: sa.Engine) -> None:
    """A segment of a trace that does not exist is refused on both stores."""
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.add(Segment(trace_id=99, position=0, start=0, end=1))


def test_many_writers_lose_nothing(engine: sa.Engine) -> None:
    """Eight threads that write at once all get through."""

    def write(number: int) -> None:
        with transaction(engine) as session:
            session.add(ProjectFact(key=f"fact {number}", value="x"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as session:
        assert len(session.exec(select(col(ProjectFact.key))).all()) == 8


def test_sqlite_runs_in_wal_with_foreign_keys(sqlite_url: str) -> None:
    """The pragmas are on for every connection."""
    with get_engine(sqlite_url).connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


@pytest.mark.parametrize("url", ["mysql://host/name", "://"])
def test_an_unknown_database_is_refused(url: str) -> None:
    """The error names what is understood and the variable to set."""
    with pytest.raises(InvalidInput, match="MRALIGN_DATABASE_URL"):
        get_engine(url)
