"""The schema of a database against the one that this version of mralign expects."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from store.errors import SchemaMismatch

WORDS_INDEX = "trace_text"  # with SQLite's own tables behind it


def migration_config(engine: sa.Engine) -> Config:
    """Alembic's configuration for an engine, without an ini file."""
    config = Config()
    config.set_main_option("script_location", "migrations:")
    config.set_main_option("path_separator", "os")
    config.attributes["engine"] = engine
    return config


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database up to `revision`; a database from a later version is left alone.

    Raises:
        SchemaMismatch: the database was written by a later version of mralign.
    """
    refuse_later(engine)
    command.upgrade(migration_config(engine), revision)


def downgrade(engine: sa.Engine, revision: str) -> None:
    """Take the database back to `revision`."""
    command.downgrade(migration_config(engine), revision)


def current_revision(engine: sa.Engine) -> str | None:
    """The revision that the database says it has, None for an empty one."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision(engine: sa.Engine) -> str:
    """The revision that this version of mralign expects."""
    head = ScriptDirectory.from_config(migration_config(engine)).get_current_head()
    if head is None:
        raise SchemaMismatch("expected migrations in the package, found none; install it again")
    return head


def refuse_later(engine: sa.Engine) -> None:
    """Raise if the database has a revision that this version does not know."""
    current = current_revision(engine)
    if current is None:
        return
    try:
        ScriptDirectory.from_config(migration_config(engine)).get_revision(current)
    except CommandError as error:
        raise SchemaMismatch(
            f"expected a schema up to {head_revision(engine)}, but the database has {current}, "
            "which a later version of mralign wrote; install that version, or name another "
            "database in MRALIGN_DATABASE_URL"
        ) from error


def require_current(engine: sa.Engine) -> None:
    """Raise unless the database has exactly the expected schema.

    Raises:
        SchemaMismatch: the message says which it has and what to do.
    """
    refuse_later(engine)
    current, head = current_revision(engine), head_revision(engine)
    if current != head:
        has = "no schema yet" if current is None else f"the older schema {current}"
        raise SchemaMismatch(
            f"expected schema {head}, but the database has {has}; run `mralign db upgrade`"
        )


def is_ours(name: str | None, kind: str, _parents: object = None) -> bool:
    """Whether a table is one that the models describe; the index of words is made by hand."""
    return kind != "table" or name is None or not name.startswith(WORDS_INDEX)


def differences(engine: sa.Engine) -> list[str]:
    """What autogenerate would change to make the database match the tables; empty if nothing."""
    from alembic.autogenerate import compare_metadata
    from sqlmodel import SQLModel

    import store.tables  # noqa: F401  the tables register themselves

    with engine.connect() as connection:
        options = {"compare_type": True, "include_name": is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return [str(change) for change in compare_metadata(context, SQLModel.metadata)]
