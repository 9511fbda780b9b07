"""How a run over traces ended: its line, what to do next, and the exit code."""

from typing import TYPE_CHECKING

import typer

from mralign.terminal import say
from store.engine import reading
from store.items import count_items
from store.runs import get_latest_run, get_run
from store.states import RunKind, RunStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

    from store.tables import Run

PARTIAL_EXIT = 3


def chosen_run(engine: "sa.Engine", kind: RunKind, number: int | None) -> "Run":
    """The run with this number, or the newest of its kind that left results.

    Raises:
        NotFound: there is none.
    """
    with reading(engine) as session:
        return (
            get_run(session, number, kind) if number is not None else get_latest_run(session, kind)
        )


def show_ending(engine: "sa.Engine", run: "Run", source: str, how: str = "") -> None:
    """Say who did it, what became of the traces, what it cost, and how it goes on.

    `source` is the one that stands for the run in its items; `how` goes behind the model's name.
    """
    noun = run.kind.value
    with reading(engine) as session:
        counts = count_items(session, run.id, source)
    states = ", ".join(f"{count:,} {status.value}" for status, count in sorted(counts.items()))
    say(f"{noun} run {run.id}, by {run.model}{how}: {run.status.value}; traces: {states or 'none'}")
    if run.tokens:
        say(f"{run.tokens:,} tokens, {run.cost_usd:.4f} USD")
    if run.status != RunStatus.SUCCEEDED:
        say(f"`mralign {noun} run --resume {run.id}` goes on with what is left.")


def leave(run: "Run") -> None:
    """End the command with the code that says whether something is missing."""
    if run.status == RunStatus.PARTIAL:
        raise typer.Exit(PARTIAL_EXIT)
