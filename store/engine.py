"""One engine per URL, SQLite's pragmas, and `transaction()`: the only commit in the project."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session

from store.errors import InvalidInput
from store.settings import database_url, driver_url
from store.words import spaced

BUSY_TIMEOUT_MS = 30_000
LOG_PAGES = 4000  # of 4 KiB in the write-ahead log, before it is copied into the database
# SQLite has one writer. Inside a process, waiting for a lock in turn beats polling the file,
# which starves some writers.
_writer = threading.RLock()


@cache
def _engine(url: str) -> sa.Engine:
    parsed = _parse(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(driver_url(url))
    except sa.exc.ArgumentError as error:
        raise InvalidInput(
            "expected a database address such as sqlite:///mralign.sqlite3 or "
            "postgresql://user@host/name; set MRALIGN_DATABASE_URL"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidInput(
            f"expected a sqlite or postgresql address, got {parsed.get_backend_name()}://…; "
            "set MRALIGN_DATABASE_URL"
        )
    return parsed


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    connection.create_function("spaced", 1, spaced, deterministic=True)  # for the index of words
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "synchronous=NORMAL",
        f"wal_autocheckpoint={LOG_PAGES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("mralign_writing", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:  # waits for nobody and cannot fail, so that it needs no more than the driver
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN")


def get_engine(url: str | None = None) -> sa.Engine:
    """The engine of `url`, by default of the settings; the same one for the same URL."""
    return _engine(url or database_url())


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[Session]:
    """A session whose work is committed whole when the block ends, and undone if it raises."""
    turn = _writer if engine.dialect.name == "sqlite" else nullcontext()
    with turn, Session(_writing(engine), expire_on_commit=False) as session:
        yield session
        session.commit()


@lru_cache(8)
def _writing(engine: sa.Engine) -> sa.Engine:
    return engine.execution_options(mralign_writing=True)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A session that sees one state of the database and writes nothing."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


def is_writing(session: Session) -> bool:
    """Whether the session is one of `transaction()`: what it reads may never be committed."""
    return bool(session.get_bind().get_execution_options().get("mralign_writing", False))
