"""`mralign traces`: bring traces in, and say which thinking helped."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign import sampling
from mralign.database import open_database
from mralign.funnel import show_funnel
from mralign.terminal import progress, say, show_table
from store.errors import InvalidInput

if TYPE_CHECKING:
    from annotator.traces.intake import ImportReport

app = typer.Typer(
    help="Import traces and set their polarity.", no_args_is_help=True, add_completion=False
)

app.command()(sampling.sample)
app.command()(sampling.funnel)

SHOWN_BAD_LINES = 20


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="JSONL or JSON (plain or gz), parquet, dataset folders.")
    ],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="auto; or jsonl, parquet, dataset; or traces, chat, lm-eval.",
        ),
    ] = "auto",
    field: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=NAME: the file's name for a field, such as question=prompt."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="FIELD=VALUE: what the records leave unsaid, such as model=M."),
    ] = None,
    thinking_mode: Annotated[
        str | None, typer.Option(help="on or off, for files that do not say it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Take only the traces of this model.")] = None,
) -> None:
    """Import traces: a record a line, an element of a JSON array, or a row of a table.

    Fields: id, question, gold_answers, thinking, answer, model, thinking_mode (on or off);
    `response` with <think>…</think> stands for thinking and answer. Chat logs (messages, with
    reasoning_content or <think>) and samples of lm-eval are known by their fields, parquet files
    and folders of the datasets library by what is in them. A bad line is reported with its
    number and left out, and the exit code is then 3; a trace that is there already adds nothing.
    """
    from annotator.traces.intake import ImportOptions, import_file

    options = ImportOptions(
        _mapping(field or []), thinking_mode, model, format_, _mapping(set_ or [])
    )
    engine = open_database()
    bad = 0
    for path in files:
        with progress(f"import {path.name}") as advance:
            report = import_file(engine, path, options, advance)
        _show(path, report)
        bad += report.bad_lines
    if bad:
        raise typer.Exit(3)


def _mapping(fields: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in fields]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise typer.BadParameter(f"expected FIELD=NAME, got {name}{equals}{value}")
    return {name: value for name, _, value in pairs}


def _show(path: Path, report: "ImportReport") -> None:
    for line in report.first_bad[:SHOWN_BAD_LINES]:
        say(f"{path.name}:{line.number}: {line.reason}", err=True)
    if report.bad_lines > SHOWN_BAD_LINES:
        say(f"{path.name}: and {report.bad_lines - SHOWN_BAD_LINES} bad lines more", err=True)
    show_table(
        ("traces added", "already there", "other model", "bad lines", "segments", "new questions"),
        [(report.added.traces, report.added.already, report.other_model, report.bad_lines,
          report.added.segments, report.added.questions)],
        path.name,
    )  # fmt: skip


@app.command()
def pair(
    pairs: Annotated[
        Path | None, typer.Option(help="JSONL of {on_id, off_id, z_on, z_off}, plain or gz.")
    ] = None,
    match: Annotated[
        str, typer.Option(help="plain or squad: how an answer is held against the gold.")
    ] = "squad",
) -> None:
    """Set each thinking-on trace's polarity, by exact match or from a file of judgments.

    Positive: right with thinking, wrong without. Negative: the reverse.
    """
    from alignment.export.run import pair_traces

    report = pair_traces(open_database(), pairs, match)
    show_table(*report.table())
    for line in report.problems[:SHOWN_BAD_LINES]:
        say(line)


@app.command()
def candidates(
    policy: Annotated[
        str | None,
        typer.Option(help="A policy's folder or name; its tokenizer counts the tokens."),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Judged draws that a question must have.")] = 1,
    drops: Annotated[
        Path | None, typer.Option(help="Write every dropped trace with its reason, as JSONL.")
    ] = None,
) -> None:
    """Show how many traces could train: asked, judged, polar, one a question, of fitting length."""
    from alignment.export.pool import APPROXIMATE, open_tokenizer
    from alignment.export.run import mendable, select_candidates

    with mendable():
        tokenizer = open_tokenizer(policy) if policy else APPROXIMATE
    funnel = select_candidates(open_database(), tokenizer, draws).funnel
    show_funnel(funnel)
    say(f"tokens counted by {tokenizer.name}")
    if drops is not None:
        lines = [json.dumps(asdict(drop), sort_keys=True) + "\n" for drop in funnel.drops]
        try:
            drops.write_text("".join(lines), encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"cannot write {drops}: {error}") from error
        say(f"{len(lines)} dropped traces in {drops}")
