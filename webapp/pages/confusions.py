"""The page of the units that a cell of a confusion counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from webapp.pages.frame import Page


@dataclass(frozen=True)
class UnitRow:
    """A unit with the labels of both sides, and how much of it the cell counts."""

    external_id: str
    address: str
    place: str
    a: Sequence[str]
    b: Sequence[str]
    share: float


@dataclass(frozen=True)
class UnitsPage(Page):
    """The units on which one side said the one, the other side the other."""

    template: ClassVar[str] = "units.html"
    section: str
    origins: Sequence[tuple[str, str]]
    a: str
    b: str
    source: str
    target: str
    rows: Sequence[UnitRow]
    total: int
    counted: float
    later: str
