"""Rows by the thousand: one statement for as many as the database takes at once."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

VARIABLES = 30_000  # in a statement: SQLite takes 32,766, PostgreSQL 65,535

Row = tuple[Any, ...]


class Written(NamedTuple):
    """A value of a JSON column that is written as JSON already."""

    json: str


def insert_rows(session: Session, name: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows into the table of this name.

    A column that is left out gets the database's default, not the model's. SQLite writes its index
    of words out after each statement: it must not get one a row.

    Shapes: a row holds a value a column, in the order of `columns`.
    """
    table, connection = SQLModel.metadata.tables[name], session.connection()
    values_of = _converter(connection.dialect, [table.c[column] for column in columns])
    for part in _parts(rows, VARIABLES // len(columns)):
        statement = _statement(connection.dialect, table, columns, len(part))
        values = tuple(chain.from_iterable(values_of(part)))
        connection.exec_driver_sql(statement, values).close()


def take_ids(session: Session, name: str, count: int) -> list[int]:
    """Numbers for rows that are about to be added to the table, in rising order.

    SQLite has one writer, who may count on: the session must be one of `transaction()`.
    """
    connection, table = session.connection(), SQLModel.metadata.tables[name]
    if connection.dialect.name == "sqlite":
        last = connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0
        return list(range(last + 1, last + 1 + count))
    sequence = sa.func.nextval(sa.func.pg_get_serial_sequence(name, "id"))
    drawn = sa.select(sequence).select_from(sa.func.generate_series(1, count).alias())
    return sorted(connection.execute(drawn).scalars())


def find_rows(
    session: Session, name: str, columns: Sequence[str], key: str, values: Sequence[Any]
) -> list[Row]:
    """The columns, as the driver gives them, of the rows whose `key` is one of the values."""
    connection, found = session.connection(), list[Row]()
    quote, mark = _signs(connection.dialect)
    asked = f"SELECT {', '.join(map(quote, columns))} FROM {quote(name)} WHERE {quote(key)} IN "
    for part in _parts(values, VARIABLES):
        statement = f"{asked}({', '.join([mark] * len(part))})"
        result = connection.exec_driver_sql(statement, tuple(part))
        found += result.cursor.fetchall()
        result.close()
    return found


def _parts(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _signs(dialect: sa.Dialect) -> tuple[Callable[[str], str], str]:
    """How a name is quoted, and what stands for a value."""
    return dialect.identifier_preparer.quote, "?" if dialect.positional else "%s"


def _statement(dialect: sa.Dialect, table: sa.Table, columns: Sequence[str], rows: int) -> str:
    quote, mark = _signs(dialect)
    one = f"({', '.join([mark] * len(columns))})"
    statement = f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, columns))}) VALUES "
    return statement + ", ".join([one] * rows)


def _converter(
    dialect: sa.Dialect, columns: Sequence[sa.Column[Any]]
) -> Callable[[Sequence[Row]], Iterable[Row]]:
    """Turns rows' values into the driver's, column by column, by the types of the columns."""
    processes = [_process(dialect, column) for column in columns]

    def convert(rows: Sequence[Row]) -> Iterable[Row]:
        held = zip(processes, zip(*rows, strict=True), strict=True)
        return zip(*(map(own, column) if own else column for own, column in held), strict=True)

    return convert if any(processes) else lambda rows: rows


def _process(dialect: sa.Dialect, column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    """What the driver wants for a value; members and moments come again and again."""
    process = column.type.dialect_impl(dialect).bind_processor(dialect)
    if process is None:
        return None
    if not isinstance(column.type, sa.JSON):
        return lru_cache(1000)(process)
    return lambda value: value.json if type(value) is Written else process(value)
