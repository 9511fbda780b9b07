"""`mralign annotate import` and `export`: labels from people, and traces to their tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.ending import PARTIAL_EXIT, chosen_run
from mralign.terminal import progress, say, show_table

if TYPE_CHECKING:
    from annotator.exchange.taking import TakeReport

SHOWN_BAD_LINES = 20

Taxonomy = Annotated[
    str | None, typer.Option(help="The frozen version; by default the one in force.")
]


def import_(
    file: Annotated[Path, typer.Argument(help="Labels as JSONL, JSON (plain or gz), or a table.")],
    format_: Annotated[
        str, typer.Option("--format", help="auto, jsonl, label-studio, argilla or doccano.")
    ] = "auto",
    taxonomy: Taxonomy = None,
    person: Annotated[
        list[str] | None,
        typer.Option(help="NAME of who gave labels that name nobody; or ID=NAME, repeated."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="LABEL=KEY: the category that a label means.")
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out labels that are no category.")
    ] = False,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Take what models said, not what people said.")
    ] = False,
) -> None:
    """Take over labels that people gave in a file of ours or of another tool.

    Ours: a line a trace and person, {trace_id, person, steps: [{first_segment, end_segment,
    labels: [{category, confidence}]}]}, or {trace_id, person, spans: [{start, end, label}]} in
    characters of the thinking. Tools: Label Studio (JSON, JSON_MIN), Argilla (records as JSON or
    a dataset folder), doccano (JSONL). A segment takes a span's label where at least half of the
    shorter of the two is shared, blank characters apart; a label is a category's key, name, or
    a label mapped to it. All is written or nothing; the same file again adds nothing. The source
    is person:NAME. The exit code is 3 where a line was left out.
    """
    from annotator.exchange.taking import TakeOptions, take_labels
    from annotator.labeling.run import load_vocabulary

    engine = open_database()
    names, someone = _people(person or [])
    options = TakeOptions(
        format_, someone, names, _pairs(label or [], "LABEL=KEY"), skip_unknown, predictions
    )
    with progress(f"import {file.name}") as advance:
        report = take_labels(engine, file, load_vocabulary(engine, taxonomy), options, advance)
    show_taken(file, report)
    if report.bad_lines:
        raise typer.Exit(PARTIAL_EXIT)


def _people(given: list[str]) -> tuple[dict[str, str], str | None]:
    """The names of people by what the file calls them, and who stands for nobody."""
    plain = [each for each in given if "=" not in each]
    if len(plain) > 1:
        raise typer.BadParameter(f"expected one NAME, got {', '.join(plain)}")
    named = _pairs([each for each in given if "=" in each], "ID=NAME")
    return named, plain[0] if plain else None


def _pairs(given: list[str], form: str) -> dict[str, str]:
    pairs = [each.rpartition("=") for each in given]
    for left, equals, right in pairs:
        if not (left and equals and right):
            raise typer.BadParameter(f"expected {form}, got {left}{equals}{right}")
    return {left: right for left, _, right in pairs}


def show_taken(file: Path, report: "TakeReport") -> None:
    """What a file came to: traces and labels of each source, and what was left out."""
    for line in report.first_bad[:SHOWN_BAD_LINES]:
        say(f"{file.name}:{line.number}: {line.reason}", err=True)
    if report.bad_lines > SHOWN_BAD_LINES:
        say(f"{file.name}: and {report.bad_lines - SHOWN_BAD_LINES} bad lines more", err=True)
    show_table(
        ("source", "traces", "labels"),
        [(each, count, report.labels[each]) for each, count in sorted(report.traces.items())],
        f"annotate run {report.run_id}",
    )
    left_out = {
        "lines left out": report.bad_lines,
        "unknown labels left out": report.unknown.total(),
        "labels beyond two on a segment left out": report.crowded_out,
    }
    say("; ".join(f"{name}: {count:,}" for name, count in left_out.items()))


def export(
    out: Annotated[Path, typer.Option(help="The new file.")],
    format_: Annotated[
        str, typer.Option("--format", help="label-studio, argilla, doccano, jsonl or csv.")
    ] = "label-studio",
    annotate_run: Annotated[
        int | None, typer.Option(help="The run whose labels go along; by default the newest.")
    ] = None,
    source: Annotated[str, typer.Option(help="Whose labels of the run.")] = "consensus",
    without_labels: Annotated[
        bool, typer.Option("--without-labels", help="Hand out the traces alone.")
    ] = False,
    taxonomy: Taxonomy = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first traces.")] = None,
) -> None:
    """Hand traces out to people, with a run's labels to start from.

    Each step is a span: a prediction in Label Studio, a suggestion in Argilla, a label in
    doccano. Beside the file stands what the tool has to know of the categories: the labelling
    config, the dataset's settings, or the label types.
    """
    from annotator.exchange.handing import HandOptions, hand_out
    from annotator.labeling.run import load_vocabulary
    from store.states import RunKind

    engine = open_database()
    number = None
    if not without_labels:
        run = chosen_run(engine, RunKind.ANNOTATE, annotate_run)
        number, taxonomy = run.id, taxonomy or run.parameters.get("taxonomy")
    vocabulary = load_vocabulary(engine, taxonomy)
    report = hand_out(engine, out, vocabulary, HandOptions(format_, number, source, limit))
    say(f"{report.traces:,} traces with {report.labels:,} labels of {vocabulary.version.name}")
    for path in report.files:
        say(str(path))
