"""The page of what a decision would change, before anybody takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import Run, TaxonomyVersion
from webapp.pages.frame import Page
from webapp.review.reviews import Review


@dataclass(frozen=True)
class Touched:
    """How many units, tokens and traces something befalls."""

    what: str
    units: int
    tokens: int
    traces: int


@dataclass(frozen=True)
class Cell:
    """A move whose chance changes; chances in percent, the change in points."""

    source: str
    target: str
    before: float
    after: float

    @property
    def points(self) -> float:
        """How far the chance rises."""
        return self.after - self.before


@dataclass(frozen=True)
class MatrixChange:
    """How far a matrix moves: the mean over its cells in points, and the cells that move most."""

    name: str
    mean_points: float
    cells: Sequence[Cell]
    address: str


@dataclass(frozen=True)
class RareCategory:
    """A category that too few moves leave, by polarity, after the decision."""

    name: str
    positive: float
    negative: float
    was_rare: bool


@dataclass(frozen=True)
class Effect:
    """What a decision would change downstream."""

    touched: Sequence[Touched]
    matrices: Sequence[MatrixChange]
    clips_before: int
    clips_after: int
    newly_clipped: int
    released: int
    mean_weight_change: float
    units: int
    rare: Sequence[RareCategory]
    fewest_moves: int
    labels: int
    labels_found: int

    @property
    def nothing(self) -> bool:
        """Whether every unit keeps its labels."""
        return not self.touched[0].units


@dataclass(frozen=True)
class Option:
    """Another category to ask about."""

    address: str
    name: str
    colour: str
    digit: str
    chosen: bool


@dataclass(frozen=True)
class Confirmation:
    """The form that takes the decision."""

    address: str
    fields: Sequence[tuple[str, str]]
    needs_name: bool


@dataclass(frozen=True)
class WhatIfPage(Page):
    """What a decision would change, and the form that takes it."""

    template: ClassVar[str] = "whatif.html"
    review: Review
    sentence: str
    run: Run | None
    annotated_with: TaxonomyVersion | None
    effect: Effect | None
    problem: str
    options: Sequence[Option]
    confirmation: Confirmation | None
    structural: bool  # whether it changes the clusters or categories of all
    back: str
