"""The pages of a version of the vocabulary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import Run, TaxonomyVersion
from taxonomy.review.curation import CategoryView
from taxonomy.versions.rows import Row
from taxonomy.vocabulary.contents import VersionDiff
from webapp.pages.frame import Page
from webapp.review.history import EventLine
from webapp.review.reviews import Review
from webapp.review.suggested import SuggestionLine


@dataclass(frozen=True)
class NoVersionPage(Page):
    """There is no vocabulary yet."""

    template: ClassVar[str] = "no_version.html"
    cluster_run: Run | None
    presets: Sequence[str]


@dataclass(frozen=True)
class Step:
    """A step in the life of a version."""

    name: str
    state: str


@dataclass(frozen=True)
class VocabularyPage(Page):
    """The categories of a version, and its way to being frozen."""

    template: ClassVar[str] = "vocabulary.html"
    review: Review
    version: TaxonomyVersion
    versions: Sequence[TaxonomyVersion]
    life: Sequence[Step]
    macro_strategies: Mapping[str, Sequence[CategoryView]]
    rows: Mapping[str, Row]
    approvals: Mapping[int, EventLine]
    hash_to_come: str  # what freezing would write down, once the version is approved
    unassigned_instances: int
    noise_instances: int
    compared_with: TaxonomyVersion | None
    suggested: Sequence[SuggestionLine]
    free_name: str
    notice: EventLine | None


@dataclass(frozen=True)
class DiffPage(Page):
    """What differs between two versions."""

    template: ClassVar[str] = "diff.html"
    before: TaxonomyVersion
    after: TaxonomyVersion
    versions: Sequence[TaxonomyVersion]
    difference: VersionDiff
