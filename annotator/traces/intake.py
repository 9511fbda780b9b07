"""Import a file into the store, batch by batch, under a run row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from annotator.traces.importing import AUTO, BadLine, Reading, read_traces
from annotator.traces.lines import UnreadableFile
from annotator.traces.records import TraceRecord
from annotator.traces.segmentation import segment
from store.engine import transaction
from store.errors import InvalidInput
from store.progress import Teller, both
from store.runs import failing_run, finish_run, start_run
from store.states import RunKind, RunStatus
from store.traces import Added, add_prepared, prepare

BATCH = 2000
BATCH_CHARACTERS = 8_000_000
KEPT_BAD_LINES = 100

Item = tuple[int, TraceRecord | BadLine]


@dataclass(frozen=True)
class ImportOptions:
    """The file's names for fields, a fixed thinking mode, and the one model to take.

    `fixed` says what no record of the file does; the format is told by looking unless named.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    thinking_mode: str | None = None
    model: str | None = None
    format: str = AUTO
    fixed: Mapping[str, str] = field(default_factory=dict)

    @property
    def reading(self) -> Reading:
        """How the file is read."""
        return Reading(self.format, self.mapping, self.thinking_mode, self.fixed)


@dataclass
class ImportReport:
    """What an import came to; the first hundred bad lines are kept with their reasons."""

    run_id: int
    added: Added = field(default_factory=Added)
    bad_lines: int = 0
    other_model: int = 0
    first_bad: list[BadLine] = field(default_factory=list)

    def add_bad(self, line: BadLine) -> None:
        """Count a bad line, and keep it while there is room."""
        self.bad_lines += 1
        if len(self.first_bad) < KEPT_BAD_LINES:
            self.first_bad.append(line)


def import_file(
    engine: sa.Engine,
    path: Path,
    options: ImportOptions,
    on_progress: Callable[[int], None] = lambda done: None,
) -> ImportReport:
    """Add the file's traces; bad lines are counted and kept out, the rest goes in.

    Raises:
        InvalidInput: the file cannot be read, or holds not one trace.
    """
    run = start_run(engine, RunKind.IMPORT, parameters=_parameters(path, options))
    report = ImportReport(run.id)
    on_progress = both(Teller(engine, run.id).count, on_progress)
    with failing_run(engine, run.id):
        try:
            _take(engine, path, options, report, on_progress)
        except UnreadableFile as error:
            raise InvalidInput(str(error)) from error
        _finish(engine, report)
    return report


def _take(
    engine: sa.Engine,
    path: Path,
    options: ImportOptions,
    report: ImportReport,
    on_progress: Callable[[int], None],
) -> None:
    items = read_traces(path, options.reading)
    while batch := list(_bounded(items)):
        traces = list(_wanted(batch, options, report))
        prepared = prepare([record for _, record in traces], segment)
        with transaction(engine) as session:
            added = add_prepared(session, prepared)
        _sum(report, added, {record.external_id: number for number, record in traces})
        on_progress(report.added.traces + report.added.already)


def _bounded(items: Iterator[Item]) -> Iterator[Item]:
    """A batch that ends at a count, or early where its traces are long."""
    characters = 0
    for number, item in islice(items, BATCH):
        yield number, item
        characters += len(item.thinking) if isinstance(item, TraceRecord) else 0
        if characters > BATCH_CHARACTERS:
            return


def _wanted(
    batch: Sequence[Item], options: ImportOptions, report: ImportReport
) -> Iterator[tuple[int, TraceRecord]]:
    for number, item in batch:
        if isinstance(item, BadLine):
            report.add_bad(item)
        elif options.model not in (None, item.model):
            report.other_model += 1
        else:
            yield number, item


def _sum(report: ImportReport, added: Added, numbers: Mapping[str, int]) -> None:
    for name in ("traces", "already", "segments", "questions", "golds_extended"):
        setattr(report.added, name, getattr(report.added, name) + getattr(added, name))
    for external_id in added.conflicts:
        reason = f"expected a new id, got {external_id!r}, which is there with other content"
        report.add_bad(BadLine(numbers[external_id], reason))


def _finish(engine: sa.Engine, report: ImportReport) -> None:
    taken = report.added.traces + report.added.already + report.other_model
    if not taken:
        first = f"; line {report.first_bad[0].number}: {report.first_bad[0].reason}"
        raise InvalidInput(
            "expected a trace a line, got none" + (first if report.bad_lines else "")
        )
    status = RunStatus.PARTIAL if report.bad_lines else RunStatus.SUCCEEDED
    metrics = {"traces": report.added.traces, "already": report.added.already,
               "segments": report.added.segments, "bad_lines": report.bad_lines}  # fmt: skip
    with transaction(engine) as session:
        finish_run(session, report.run_id, status, f"{report.added.traces} traces added",
                   metrics=metrics, done_items=taken)  # fmt: skip


def _parameters(path: Path, options: ImportOptions) -> dict[str, object]:
    return {"file": path.name, "mapping": dict(options.mapping),
            "thinking_mode": options.thinking_mode, "model": options.model,
            "format": options.format, "fixed": dict(options.fixed)}  # fmt: skip
