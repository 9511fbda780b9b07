"""Conventions that every table shares: constraint names, UTC times, enums stored by value."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING_CONVENTION


class UTCDateTime(TypeDecorator[datetime]):
    """A time with its zone: UTC in, UTC out, on databases that keep no zone as well."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be read as another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected a time with a zone, got {value!r}; use utc_now()")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put back the zone that SQLite drops."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EnumByValue(TypeDecorator[StrEnum]):
    """A string enum stored as its value, so that a new member needs no change of the type."""

    impl = sa.String(32)
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Accept a member or its value, and nothing else."""
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Give the member back."""
        return None if value is None else self.enum(value)


def utc_now() -> datetime:
    """The present moment with its zone."""
    return datetime.now(UTC)


def time_column(nullable: bool = False, index: bool = False) -> Any:
    """A column that holds a moment in UTC."""
    return sa.Column(UTCDateTime(), nullable=nullable, index=index)


def enum_column(enum: type[StrEnum], nullable: bool = False, index: bool = False) -> Any:
    """A column that holds a member of `enum` by its value."""
    return sa.Column(EnumByValue(enum), nullable=nullable, index=index)


def json_column() -> Any:
    """A column that holds a JSON document."""
    return sa.Column(sa.JSON(), nullable=False)


def one_of(column: str, values: Sequence[str]) -> sa.CheckConstraint:
    """A check that keeps a column inside a list of values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
