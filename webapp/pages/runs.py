"""The pages of what ran."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from store.tables import Run
from webapp.pages.frame import Page
from webapp.queries.runs import ErrorSort, ExportRow, ItemRow, RunRow, Training
from webapp.runs.charts import ChartView
from webapp.runs.export_files import ExportFile
from webapp.runs.progress import RunProgress
from webapp.runs.results import Results


@dataclass(frozen=True)
class RunsPage(Page):
    """What ran."""

    template: ClassVar[str] = "runs.html"
    rows: Sequence[RunRow]
    kind: str
    kinds: Sequence[str]
    state: str
    states: Sequence[str]
    later: str


@dataclass(frozen=True)
class RunPage(Page):
    """One run, with all that is needed to repeat it."""

    template: ClassVar[str] = "run.html"
    run: Run
    progress: RunProgress
    commands: Sequence[tuple[str, str]]
    parameters: Sequence[tuple[str, str]]
    metrics: Sequence[tuple[str, str]]
    charts: Sequence[ChartView]
    results: Results
    training: Training | None
    export: ExportRow | None
    files: Sequence[ExportFile]
    onward: Sequence[tuple[str, str]]  # what one may do with a policy, and the command that does
    errors: Sequence[ErrorSort]
    has_report: bool


@dataclass(frozen=True)
class RunItemsPage(Page):
    """The traces that a run did not do, or did not do well."""

    template: ClassVar[str] = "run_items.html"
    run: Run
    rows: Sequence[ItemRow]
    status: str
    statuses: Sequence[str]
    later: str
