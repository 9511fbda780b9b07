"""Tables of how people and programs come in, what they did, and facts of the whole database."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from store.metadata import enum_column, json_column, time_column, utc_now
from store.states import Role


class SignIn(SQLModel, table=True):
    """A session in a browser; the cookie holds the token, the row its sha256."""

    __tablename__ = "sign_in"
    token_hash: str = Field(primary_key=True, max_length=64)
    person_id: int = Field(foreign_key="person.id", index=True)
    csrf_token: str = Field(max_length=64)
    client: str | None = Field(default=None, max_length=200)  # what the browser called itself
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    expires_at: datetime = Field(sa_column=time_column(index=True))


class ResetToken(SQLModel, table=True):
    """Lets a person choose a password, once and for a while; the row holds the token's sha256."""

    __tablename__ = "reset_token"
    token_hash: str = Field(primary_key=True, max_length=64)
    person_id: int = Field(foreign_key="person.id", index=True)
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    expires_at: datetime = Field(sa_column=time_column())
    used_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class ApiToken(SQLModel, table=True):
    """A program's way in, in the name of a person; the row holds the token's sha256."""

    __tablename__ = "api_token"
    id: int = Field(default=None, primary_key=True)
    person_id: int = Field(foreign_key="person.id", index=True)
    name: str = Field(max_length=100)
    role: Role = Field(sa_column=enum_column(Role))  # never more than its person's own
    token_hash: str = Field(max_length=64, unique=True)
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    expires_at: datetime = Field(sa_column=time_column())
    revoked_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class PersonSetting(SQLModel, table=True):
    """What a person changed for themselves."""

    __tablename__ = "person_setting"
    person_id: int = Field(foreign_key="person.id", primary_key=True)
    keys: dict[str, str] = Field(default_factory=dict, sa_column=json_column())


class AuditEntry(SQLModel, table=True):
    """Who did what to what, append-only."""

    __tablename__ = "audit_entry"
    id: int = Field(default=None, primary_key=True)
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True)
    actor: str = Field(max_length=100)  # the person's name, or "command line"
    action: str = Field(max_length=100)
    subject: str = Field(max_length=300)
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column(index=True))


class ProjectFact(SQLModel, table=True):
    """A fact about the database as a whole, such as that it is a demo."""

    __tablename__ = "project_fact"
    key: str = Field(primary_key=True, max_length=100)
    value: str
