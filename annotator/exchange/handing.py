"""Traces and the labels of a run, handed out as a file that other tools take."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

import sqlalchemy as sa

from annotator.exchange import argilla, doccano, label_studio
from annotator.exchange.aliases import Aliases
from annotator.exchange.given import Handout, Side
from annotator.exchange.label_files import ARGILLA, CSV, DOCCANO, LABEL_STUDIO, WRITERS, WRITTEN
from annotator.labeling.run import Vocabulary
from annotator.labeling.spans import step_extent
from annotator.labeling.steps import ControlledStep, TraceView
from annotator.labeling.work import batches
from store.annotations import list_label_sets, list_sources
from store.engine import reading
from store.errors import InvalidInput
from store.items import list_thinking

ARRAYS = (LABEL_STUDIO, ARGILLA)
COLUMNS = ("trace_id", "source", "first_segment", "end_segment", "start", "end", "labels",
           "confidences", "text")  # fmt: skip
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
GUIDELINES = (
    "Mark each step of the thinking with the one or two strategies that it shows; "
    "leave a step without any as it is."
)


@dataclass(frozen=True)
class HandOptions:
    """What is handed out: the format, and whose labels of which run, if any."""

    format: str = LABEL_STUDIO
    run_id: int | None = None
    source: str = "consensus"
    limit: int | None = None


@dataclass(frozen=True)
class HandReport:
    """The files that were written, and what they hold."""

    files: tuple[Path, ...]
    traces: int
    labels: int


def hand_out(
    engine: sa.Engine, out: Path, vocabulary: Vocabulary, options: HandOptions | None = None
) -> HandReport:
    """Write the traces as a new file, with the labels as what people start from.

    Without a run the traces go out without labels. Beside the file stands what the tool has to
    know of the categories.

    Raises:
        InvalidInput: the format is unknown, the file is there, or the source gave no label.
    """
    options = options or HandOptions()
    if options.format not in WRITTEN:
        raise InvalidInput(f"expected a format of {', '.join(WRITTEN)}, got {options.format!r}")
    beside = _beside(out, vocabulary, options.format)
    for path in (out, *beside):
        if path.exists():
            raise InvalidInput(f"expected a new file, got {path}, which is there; name another")
    counts = [0, 0]
    handouts = _counted(_handouts(engine, vocabulary, options), counts)
    with new_file(out) as file:
        _WRITE.get(options.format, _write_items)(file, handouts, options.format)
        if not counts[0]:
            raise InvalidInput("expected traces with thinking, found none to hand out")
    for path, text in beside.items():
        with new_file(path) as file:
            file.write(text)
    return HandReport((out, *beside), *counts)


def _handouts(engine: sa.Engine, vocabulary: Vocabulary, options: HandOptions) -> Iterator[Handout]:
    names = Aliases(vocabulary.categories).shown(vocabulary.categories)
    sides = _sides(engine, options)
    with reading(engine) as session:
        chosen = list_thinking(session)
    if sides is not None:
        chosen = [number for number in chosen if number in sides]
    for batch in batches(engine, chosen[: options.limit]):
        for trace in batch:
            side = None if sides is None else Side(options.source, sides[trace.id])
            yield Handout(trace, side, names)


def _sides(engine: sa.Engine, options: HandOptions) -> dict[int, list[ControlledStep]] | None:
    if options.run_id is None:
        return None
    with reading(engine) as session:
        known = list_sources(session, options.run_id)
        if options.source not in known:
            raise InvalidInput(
                f"expected a source of annotate run {options.run_id}, which has "
                f"{', '.join(known) or 'none'}; got {options.source[:80]}"
            )
        return {
            trace: [ControlledStep(row.first, row.end, row.labels) for row in rows]
            for trace, rows in list_label_sets(session, options.run_id, options.source)
        }


def _counted(handouts: Iterable[Handout], counts: list[int]) -> Iterator[Handout]:
    for handout in handouts:
        counts[0] += 1
        counts[1] += sum(len(step.labels) for step in (handout.side.steps if handout.side else ()))
        yield handout


def _write_items(file: IO[str], handouts: Iterable[Handout], format: str) -> None:
    """An item a line; between brackets where the tool wants an array."""
    array, first = format in ARRAYS, True
    file.write("[\n" if array else "")
    for handout in handouts:
        file.write(",\n" if array and not first else "")
        file.write(json.dumps(WRITERS[format](handout), ensure_ascii=False))
        file.write("" if array else "\n")
        first = False
    file.write("\n]\n" if array else "")


def _write_table(file: IO[str], handouts: Iterable[Handout], format: str) -> None:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for handout in handouts:
        side = handout.side or Side("", [ControlledStep(n, n + 1) for n in
                                         range(len(handout.trace.segments))])  # fmt: skip
        for step in side.steps:
            writer.writerow([cell(value) for value in _row(handout.trace, side, step)])


def _row(trace: TraceView, side: Side, step: ControlledStep) -> Sequence[object]:
    start, end = step_extent(trace, step)
    return (trace.external_id, side.source, step.first, step.end, start, end,
            " ".join(key for key, _ in step.labels),
            " ".join(f"{sure:g}" for _, sure in step.labels),
            trace.thinking[start:end])  # fmt: skip


def cell(value: object) -> str:
    """A cell that a spreadsheet shows and never computes: text like a formula is quoted."""
    text = str(value)
    return "'" + text if text.startswith(RISKY) else text


_WRITE: dict[str, Callable[[IO[str], Iterable[Handout], str], None]] = {CSV: _write_table}


def _beside(out: Path, vocabulary: Vocabulary, format: str) -> dict[Path, str]:
    """What the tool has to know of the categories, by the file that says it."""
    categories = vocabulary.categories
    names = Aliases(categories).shown(categories)
    if format == LABEL_STUDIO:
        return {out.with_name(out.name + ".config.xml"): label_studio.write_config(
            categories, names)}  # fmt: skip
    if format == ARGILLA:
        settings = argilla.write_settings(categories, names, GUIDELINES)
        return {out.with_name(out.name + ".settings.json"): _pretty(settings)}
    if format == DOCCANO:
        types = doccano.write_label_types(categories, names)
        return {out.with_name(out.name + ".labels.json"): _pretty(types)}
    return {}


def _pretty(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


@contextmanager
def new_file(path: Path) -> Iterator[IO[str]]:
    """A file that is there whole when the block ends, and not at all if it raises.

    Raises:
        InvalidInput: it cannot be written.
    """
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:50]}.", delete=False) as raw:
            written = Path(raw.name)
            try:
                with TextIOWrapper(cast(Any, raw), "utf-8", newline="") as text:
                    yield text
                written.replace(path)
            except BaseException:
                written.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error}") from error
