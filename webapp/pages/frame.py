"""The frame round every page, and the pages that belong to no screen of the work."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.people import SignedIn
from webapp.review.history import EventLine
from webapp.serving.permissions import Action


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame round every page knows."""

    path: str
    viewer: SignedIn | None
    may: Callable[[Action], bool]
    keys: Mapping[str, str]  # the key of each deed, by its name


@dataclass(frozen=True)
class Page:
    """A page: its fields are exactly what its template may use."""

    template: ClassVar[str]


@dataclass(frozen=True)
class SignInPage(Page):
    """Where people sign in."""

    template: ClassVar[str] = "sign_in.html"
    name: str
    destination: str
    problem: str


@dataclass(frozen=True)
class Resend:
    """What a refused form held, so that nothing typed is lost."""

    address: str
    hidden: Sequence[tuple[str, str]]
    typed: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class FailurePage(Page):
    """What went wrong and what to do."""

    template: ClassVar[str] = "failure.html"
    title: str
    message: str
    changes: Sequence[EventLine]
    resend: Resend | None
