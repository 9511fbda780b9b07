"""The database that a command works on, refused with advice where its schema is not current."""

import sqlalchemy as sa

from store import schema
from store.engine import get_engine


def open_database() -> sa.Engine:
    """The engine of the settings, its schema checked.

    Raises:
        SchemaMismatch: the schema is older or later; the message says what to do.
    """
    engine = get_engine()
    schema.require_current(engine)
    return engine
