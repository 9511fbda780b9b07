"""The pages of people: accounts, sessions, tokens, keys, and who did what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from store.audit import Sought
from store.people_tables import ApiToken, AuditEntry
from store.tables import Person
from webapp.pages.frame import Page
from webapp.showing.keymap import Binding


@dataclass(frozen=True)
class OpenSession:
    """A session in a browser; `id` names it in forms and is worth nothing as a cookie."""

    id: str
    name: str
    client: str
    created_at: datetime
    expires_at: datetime
    own: bool


@dataclass(frozen=True)
class Secret:
    """Something that is shown once: what it is, and what to do with it."""

    what: str
    value: str
    advice: str


@dataclass(frozen=True)
class PeoplePage(Page):
    """Who may sign in, and who is signed in."""

    template: ClassVar[str] = "people.html"
    people: Sequence[Person]
    sessions: Sequence[OpenSession]
    roles: Sequence[str]
    secret: Secret | None


@dataclass(frozen=True)
class AccountPage(Page):
    """One's own sessions and tokens."""

    template: ClassVar[str] = "account.html"
    sessions: Sequence[OpenSession]
    tokens: Sequence[ApiToken]
    roles: Sequence[str]
    secret: Secret | None


@dataclass(frozen=True)
class PasswordPage(Page):
    """Where a token is changed for a password of one's own."""

    template: ClassVar[str] = "password.html"
    problem: str


@dataclass(frozen=True)
class BoundKey:
    """A deed with the key that does it now."""

    binding: Binding
    key: str


@dataclass(frozen=True)
class KeyPlace:
    """The keys of a page: those that can be changed, and those that cannot."""

    name: str
    bound: Sequence[BoundKey]
    fixed: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class KeysPage(Page):
    """The keys that the pages know, to be looked up and changed."""

    template: ClassVar[str] = "keys.html"
    places: Sequence[KeyPlace]
    go: Sequence[tuple[str, str]]
    saved: bool


@dataclass(frozen=True)
class AuditPage(Page):
    """Who did what."""

    template: ClassVar[str] = "audit.html"
    entries: Sequence[AuditEntry]
    sought: Sought
    actions: Sequence[str]
    export: str
    later: str
