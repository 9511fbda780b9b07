"""`mralign runs`: what ran, with what, and how it ended."""

import json
from typing import Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from store.engine import reading
from store.progress import state_of
from store.runs import get_run, list_runs
from store.states import RunKind
from store.tables import Run

app = typer.Typer(
    help="What ran, with what parameters, and how it ended.",
    invoke_without_command=True,
    add_completion=False,
)


@app.callback()
def list_(
    context: typer.Context,
    kind: Annotated[RunKind | None, typer.Option(help="Only runs of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 30,
) -> None:
    """List the newest runs; `mralign runs show N` tells all of one."""
    if context.invoked_subcommand:
        return
    with reading(open_database()) as session:
        rows = [_row(run) for run in list_runs(session, kind, limit)]
    show_table(("run", "kind", "status", "items", "seconds", "usd", "model", "message"), rows)


@app.command()
def show(number: Annotated[int, typer.Argument(help="The run's number.")]) -> None:
    """Print everything that is known of one run, as JSON."""
    with reading(open_database()) as session:
        document = get_run(session, number).model_dump(mode="json")
    say(json.dumps(document, indent=2, ensure_ascii=False))


def _row(run: Run) -> tuple[object, ...]:
    items = run.done_items if run.total_items is None else f"{run.done_items}/{run.total_items}"
    state = state_of(run.status, run.beat_at)
    return (run.id, run.kind.value, state, items, _seconds(run), run.cost_usd,
            run.model, (run.message or "")[:60])  # fmt: skip


def _seconds(run: Run) -> int | None:
    return round((run.ended_at - run.started_at).total_seconds()) if run.ended_at else None
