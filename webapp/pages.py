"""What each page knows: a frozen dataclass a page, which names its template."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.people import SignedIn
from store.tables import Run, TaxonomyVersion
from taxonomy.contents import VersionDiff
from taxonomy.curation import CategoryView, Group, LabelView
from taxonomy.priority import Lane, Waiting
from taxonomy.prospects import LabelQuestion
from webapp.history import EventLine
from webapp.permissions import Action
from webapp.queries.examples import Example
from webapp.queries.runs import ExportRow, RunRow, Training
from webapp.queries.traces import Pairing, SegmentText, TraceHead, TraceRow
from webapp.reviews import Review


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame round every page knows."""

    path: str
    viewer: SignedIn | None
    may: Callable[[Action], bool]


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


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline with its figures."""

    name: str
    address: str
    figure: int
    unit: str
    notes: Sequence[str]
    command: str


@dataclass(frozen=True)
class OverviewPage(Page):
    """The pipeline from left to right."""

    template: ClassVar[str] = "overview.html"
    stages: Sequence[Stage]
    next_step: str


@dataclass(frozen=True)
class NoVersionPage(Page):
    """There is no vocabulary yet."""

    template: ClassVar[str] = "no_version.html"
    cluster_run: Run | None
    presets: Sequence[str]


@dataclass(frozen=True)
class Column:
    """A column that can be sorted by: its address, and how it is sorted now."""

    name: str
    address: str
    sorted: str


@dataclass(frozen=True)
class ClustersPage(Page):
    """The clusters as a list."""

    template: ClassVar[str] = "clusters.html"
    review: Review
    rows: Sequence[Group]
    found: int
    columns: Sequence[Column]
    words: str
    show: str
    sort: str
    earlier: str
    later: str
    notice: EventLine | None


@dataclass(frozen=True)
class QueuePage(Page):
    """What waits for a decision."""

    template: ClassVar[str] = "queue.html"
    review: Review
    rows: Sequence[Waiting]
    found: int
    flagged: Sequence[Group]
    doubtful: Sequence[tuple[LabelView, LabelQuestion]]
    words: str
    notice: EventLine | None


@dataclass(frozen=True)
class BoardLane:
    """A lane with its category, and the letter that moves a cluster into it."""

    lane: Lane
    category: CategoryView | None
    letter: str


@dataclass(frozen=True)
class BoardPage(Page):
    """The clusters in lanes; `at` is the one to go on with."""

    template: ClassVar[str] = "board.html"
    review: Review
    lanes: Sequence[BoardLane]
    moves: Sequence[tuple[str, CategoryView]]
    at: str
    notice: EventLine | None


@dataclass(frozen=True)
class MapPage(Page):
    """The clusters as a map."""

    template: ClassVar[str] = "map.html"
    review: Review


@dataclass(frozen=True)
class Choice:
    """A category that a cluster may be put in; the first nine have a digit."""

    category: CategoryView
    digit: str
    chosen: bool
    note: str


@dataclass(frozen=True)
class ClusterPage(Page):
    """One cluster, and what can be decided about it."""

    template: ClassVar[str] = "cluster.html"
    review: Review
    group: Group
    labels: Sequence[LabelView]
    hidden_labels: int
    choices: Sequence[Choice]
    others: Sequence[Group]
    examples: Sequence[Example]
    comments: Sequence[EventLine]
    recent: Sequence[EventLine]
    earlier: Group | None
    later: Group | None
    unreviewed: Group | None
    notice: EventLine | None


@dataclass(frozen=True)
class NoisePage(Page):
    """The labels that are in no cluster."""

    template: ClassVar[str] = "noise.html"
    review: Review
    labels: Sequence[LabelView]
    later: str
    notice: EventLine | None


@dataclass(frozen=True)
class HistoryPage(Page):
    """Every decision on a version."""

    template: ClassVar[str] = "history.html"
    review: Review
    lines: Sequence[EventLine]
    later: str
    notice: EventLine | None


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
    unassigned_instances: int
    noise_instances: int
    compared_with: TaxonomyVersion | None
    suggested_name: str
    notice: EventLine | None


@dataclass(frozen=True)
class DiffPage(Page):
    """What differs between two versions."""

    template: ClassVar[str] = "diff.html"
    before: TaxonomyVersion
    after: TaxonomyVersion
    versions: Sequence[TaxonomyVersion]
    difference: VersionDiff


@dataclass(frozen=True)
class TracesPage(Page):
    """The traces as a list."""

    template: ClassVar[str] = "traces.html"
    rows: Sequence[TraceRow]
    words: str
    polarity: str
    later: str


@dataclass(frozen=True)
class TracePage(Page):
    """One trace: question, gold, answer, and the thinking piece by piece."""

    template: ClassVar[str] = "trace.html"
    trace: TraceHead
    pairing: Pairing | None
    segments: Sequence[SegmentText]
    colours: Mapping[str, str]
    later: str


@dataclass(frozen=True)
class MatrixImage:
    """A matrix as an image, and what it shows in words."""

    name: str
    title: str
    address: str
    states: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class TransitionsPage(Page):
    """How reasoning moves between categories."""

    template: ClassVar[str] = "transitions.html"
    images: Sequence[MatrixImage]
    annotate_run_id: int | None
    trace_counts: Mapping[str, int]
    problem: str


@dataclass(frozen=True)
class RunsPage(Page):
    """What ran."""

    template: ClassVar[str] = "runs.html"
    rows: Sequence[RunRow]
    kind: str
    kinds: Sequence[str]
    later: str


@dataclass(frozen=True)
class RunPage(Page):
    """One run, with all that is needed to repeat it."""

    template: ClassVar[str] = "run.html"
    run: Run
    command: str
    parameters: Sequence[tuple[str, str]]
    metrics: Sequence[tuple[str, str]]
    training: Training | None
    losses: Sequence[tuple[str, str]]
    export: ExportRow | None


@dataclass(frozen=True)
class KeysPage(Page):
    """The keys that the pages know."""

    template: ClassVar[str] = "keys.html"
    keys: Sequence[tuple[str, Sequence[tuple[str, str]]]]
