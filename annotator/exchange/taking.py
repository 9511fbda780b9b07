"""Labels that people gave elsewhere, taken over as rows of a run of their own."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotator.exchange.aliases import Aliases
from annotator.exchange.given import Given
from annotator.exchange.label_files import read_label_file
from annotator.exchange.placing import Placing
from annotator.labeling.run import Vocabulary
from annotator.labeling.spans import Placed, SpanError
from annotator.labeling.steps import TraceView
from annotator.labeling.work import Progress, view_traces
from annotator.traces.importing import AUTO, BadLine
from annotator.traces.lines import CHUNK_BYTES, UnreadableFile
from store.annotations import StepRow, add_steps
from store.engine import transaction
from store.errors import InvalidInput
from store.items import put_item
from store.people import find_person
from store.runs import PEOPLE, failing_run, find_run_of_input, finish_run, start_run
from store.states import ItemStatus, RunKind, RunStatus, ThinkingMode
from store.tables import Run, Trace

BATCH = 50
KEPT_BAD_LINES = 100
LONGEST_SOURCE = 64
PERSON = "person:"


@dataclass(frozen=True)
class TakeOptions:
    """How a file of labels is read.

    `person` names who gave labels that name nobody; `names` gives a name for what the file calls
    a person; `labels` a category's key for one of its labels.
    """

    format: str = AUTO
    person: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    skip_unknown: bool = False
    predictions: bool = False


@dataclass
class TakeReport:
    """What a file of labels came to; the first hundred bad lines are kept with their reasons."""

    run_id: int
    traces: Counter[str] = field(default_factory=Counter)  # by source
    labels: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    crowded_out: int = 0
    bad_lines: int = 0
    first_bad: list[BadLine] = field(default_factory=list)

    def add_bad(self, number: int, reason: str) -> None:
        """Count a line that was left out, and keep it while there is room."""
        self.bad_lines += 1
        if len(self.first_bad) < KEPT_BAD_LINES:
            self.first_bad.append(BadLine(number, reason))


def take_labels(
    engine: sa.Engine,
    path: Path,
    vocabulary: Vocabulary,
    options: TakeOptions | None = None,
    on_progress: Progress | None = None,
) -> TakeReport:
    """Write a file's labels, all of them or none; the same file again adds nothing.

    Raises:
        InvalidInput: the file cannot be read, names labels that are no category, or holds no
            label of a trace that is there.
    """
    options = options or TakeOptions()
    run = _begin(engine, path, vocabulary, options)
    report = TakeReport(run.id)
    with failing_run(engine, run.id):
        try:
            with transaction(engine) as session:
                taking = _Taking(engine, session, vocabulary, options, report)
                taking.take(read_label_file(path, options.format, options.predictions), on_progress)
                _check(report, vocabulary, options)
                _finish(session, report)
        except UnreadableFile as error:
            raise InvalidInput(str(error)) from error
    return report


def _begin(engine: sa.Engine, path: Path, vocabulary: Vocabulary, options: TakeOptions) -> Run:
    """The run of this file under this version, a new one or the one that is there."""
    version = vocabulary.version
    parameters = {
        "taxonomy": version.name, "version_id": version.id, "content_hash": version.content_hash,
        "file": path.name, **asdict(options), "names": dict(options.names),
        "labels": dict(options.labels),
    }  # fmt: skip
    digest = _digest(path, parameters)
    found = find_run_of_input(engine, RunKind.ANNOTATE, digest)
    return found or start_run(
        engine, RunKind.ANNOTATE, model=PEOPLE, parameters=parameters, input_hash=digest
    )


def _digest(path: Path, parameters: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(repr(sorted(parameters.items())).encode())
    try:
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                with each.open("rb") as file:
                    while chunk := file.read(CHUNK_BYTES):
                        digest.update(chunk)
    except OSError as error:
        raise InvalidInput(f"expected to read {path}: {error}") from error
    return digest.hexdigest()


def _check(report: TakeReport, vocabulary: Vocabulary, options: TakeOptions) -> None:
    if report.unknown and not options.skip_unknown:
        listed = ", ".join(f"{label!r:.60} ({n})" for label, n in report.unknown.most_common(20))
        keys = ", ".join(vocabulary.ids)
        raise InvalidInput(
            f"expected labels of {vocabulary.version.name}, got {len(report.unknown)} others: "
            f"{listed}; name each with --label LABEL=KEY, out of {keys}, or leave them out with "
            "--skip-unknown; nothing was written"
        )
    if not report.traces:
        first = report.first_bad[0] if report.first_bad else None
        why = f"; line {first.number}: {first.reason}" if first else ""
        raise InvalidInput(f"expected labels of traces that were imported, got none{why}")


def _finish(session: Session, report: TakeReport) -> None:
    metrics = {
        "traces": dict(report.traces), "labels": report.labels.total(),
        "unknown": report.unknown.total(), "crowded_out": report.crowded_out,
        "bad_lines": report.bad_lines,
    }  # fmt: skip
    status = RunStatus.PARTIAL if report.bad_lines else RunStatus.SUCCEEDED
    who = ", ".join(sorted(report.traces))
    message = f"{report.labels.total()} labels on {report.traces.total()} traces by {who}"[:2000]
    finish_run(session, report.run_id, status, message, metrics=metrics,
               done_items=report.traces.total(), total_items=report.traces.total())  # fmt: skip


@dataclass
class _Taking:
    """A file on its way into rows, inside of one transaction."""

    engine: sa.Engine
    session: Session
    vocabulary: Vocabulary
    options: TakeOptions
    report: TakeReport
    _written: dict[tuple[int, str], int] = field(default_factory=dict)
    _by_text: dict[str, list[int]] | None = None
    _people: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        aliases = Aliases(self.vocabulary.categories, self.options.labels)
        self.placing = Placing(aliases, self.report.unknown)
        strange = sorted(set(self.options.labels.values()) - set(aliases.order))
        if strange:
            raise InvalidInput(f"expected keys of categories, got {', '.join(strange)[:200]}")

    def take(
        self, found: Iterable[tuple[int, Given | BadLine]], on_progress: Progress | None
    ) -> None:
        done, source = 0, iter(found)
        while batch := list(islice(source, BATCH)):
            given = list(self._given(batch))
            traces = self._traces([each for _, each in given])
            for number, each in given:
                self._take_one(number, each, traces)
            done += len(batch)
            if on_progress is not None:
                on_progress(done, 0)

    def _given(self, batch: Iterable[tuple[int, Given | BadLine]]) -> Iterator[tuple[int, Given]]:
        for number, each in batch:
            if isinstance(each, BadLine):
                self.report.add_bad(number, each.reason)
            else:
                yield number, each

    def _traces(self, given: Iterable[Given]) -> dict[str, TraceView]:
        """The traces that are named, or whose thinking is the text, by that name or text."""
        given = list(given)
        names = {each.trace_id for each in given if each.trace_id}
        query = select(Trace.external_id, Trace.id).where(col(Trace.external_id).in_(names))
        numbers = {name: number for name, number in self.session.exec(query)}
        for each in given:
            if each.trace_id not in numbers and each.text:
                found = self._same_thinking(each.text)
                if len(found) == 1:
                    numbers[each.text] = found[0]
        views = view_traces(self.engine, sorted(set(numbers.values())))
        by_number = {view.id: view for view in views}
        return {name: by_number[number] for name, number in numbers.items()}

    def _same_thinking(self, text: str) -> list[int]:
        if self._by_text is None:
            self._by_text = {}
            query = select(Trace.id, Trace.thinking).where(
                col(Trace.thinking_mode) == ThinkingMode.ON
            )
            for number, thinking in self.session.exec(query.execution_options(yield_per=200)):
                self._by_text.setdefault(_sha256(thinking), []).append(number)
        return self._by_text.get(_sha256(text), [])

    def _take_one(self, number: int, given: Given, traces: Mapping[str, TraceView]) -> None:
        trace = traces.get(given.trace_id or "") or traces.get(given.text or "")
        try:
            if trace is None:
                raise SpanError(
                    f"expected a trace that was imported, got {str(given.trace_id)[:80]!r}; "
                    "name it in trace_id, or leave its text as it is"
                )
            source = self._source(given)
            placed = self.placing.placed(given, trace)
        except SpanError as error:
            self.report.add_bad(number, str(error))
            return
        self._write(trace, source, placed)

    def _source(self, given: Given) -> str:
        """Who said it, as the rows name it."""
        if given.agent is not None:
            source = given.agent
        else:
            who = given.person or self.options.person
            if who is None:
                raise SpanError("expected the name of a person, got none; give --person NAME")
            source = PERSON + self.options.names.get(who, who)
        if not source.isprintable():
            raise SpanError(f"expected a name that can be printed, got {source[:60]!r}")
        if len(source) > LONGEST_SOURCE:
            raise SpanError(
                f"expected a name of at most {LONGEST_SOURCE - len(PERSON)} characters, "
                f"got {len(source) - len(PERSON)}; shorten it with --person NAME=SHORT"
            )
        return source

    def _write(self, trace: TraceView, source: str, placed: Placed) -> None:
        rows = [StepRow(step.first, step.end, step.labels) for step in placed.steps]
        add_steps(self.session, self.report.run_id, trace.id, source, rows, self.vocabulary.ids,
                  self._person_id(source))  # fmt: skip
        put_item(self.session, self.report.run_id, trace.id, source, status=ItemStatus.DONE)
        before = self._written.get((trace.id, source))
        count = sum(len(step.labels) for step in placed.steps)
        self._written[trace.id, source] = count
        self.report.traces[source] += before is None
        self.report.labels[source] += count - (before or 0)
        self.report.crowded_out += placed.crowded_out

    def _person_id(self, source: str) -> int | None:
        """The number of the person who signs in under this name."""
        if not source.startswith(PERSON):
            return None
        if source not in self._people:
            person = find_person(self.session, source.removeprefix(PERSON))
            self._people[source] = person.id if person else None
        return self._people[source]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
