"""Run the migrations on the engine that the caller gives, or on the one in the settings."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import store.tables  # noqa: F401  the tables register themselves
from store.engine import get_engine
from store.metadata import EnumByValue, UTCDateTime
from store.schema import is_ours


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write the types that a migration keeps for good in SQLAlchemy's own words."""
    if kind != "type":
        return False
    if isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    if isinstance(item, EnumByValue):
        return "sa.String(length=32)"
    return "sa.DateTime(timezone=True)" if isinstance(item, UTCDateTime) else False


def run() -> None:
    """Migrate in one transaction; SQLite alters a table by copying it."""
    engine = context.config.attributes.get("engine") or get_engine()
    with engine.execution_options(mralign_writing=True).connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=engine.dialect.name == "sqlite",
            compare_type=True,
            render_item=render_item,
            include_name=is_ours,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
