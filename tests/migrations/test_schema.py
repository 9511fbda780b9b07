"""The schema goes up, down and up again on both stores, and matches the tables."""

import pytest
import sqlalchemy as sa

from store import schema
from store.errors import SchemaMismatch


def test_down_and_up_again_matches_the_tables(engine: sa.Engine) -> None:
    """After head → base → head, autogenerate finds nothing to change."""
    schema.downgrade(engine, "base")
    assert schema.current_revision(engine) is None
    schema.upgrade(engine)
    assert schema.differences(engine) == []


def test_downgrade_leaves_no_table(engine: sa.Engine) -> None:
    """Base is an empty database."""
    schema.downgrade(engine, "base")
    assert set(sa.inspect(engine).get_table_names()) <= {"alembic_version"}


def test_a_missing_column_is_found(engine: sa.Engine) -> None:
    """Autogenerate does look: a column taken away is reported."""
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE run DROP COLUMN message"))
    assert any("message" in change for change in schema.differences(engine))


def test_an_outdated_schema_says_what_to_do(engine: sa.Engine) -> None:
    """A database without a schema is refused with the command that mends it."""
    schema.downgrade(engine, "base")
    with pytest.raises(SchemaMismatch, match="mralign db upgrade"):
        schema.require_current(engine)


def test_a_later_schema_is_refused_and_left_alone(engine: sa.Engine) -> None:
    """A revision that this version does not know stops upgrade and use alike."""
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (schema.upgrade, schema.require_current):
        with pytest.raises(SchemaMismatch, match="later version"):
            attempt(engine)
    assert schema.current_revision(engine) == "9999"


def test_there_is_one_head(engine: sa.Engine) -> None:
    """The migrations form one line."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(schema.migration_config(engine))
    assert len(script.get_heads()) == 1
