"""`mralign batches`: requests that were sent as files, and how far they have come."""

from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from store.batches import list_batches
from store.engine import reading
from store.states import BatchStatus

if TYPE_CHECKING:
    from gateway.budget import Prices
    from gateway.exchange import ChatReply
    from store.batch_tables import ModelBatch

app = typer.Typer(
    help="Requests that were sent as files, and how far they have come.",
    invoke_without_command=True,
    add_completion=False,
)

COLUMNS = ("batch", "run", "model", "status", "at the server", "requests", "answered", "failed",
           "message")  # fmt: skip


@app.callback()
def list_(
    context: typer.Context,
    open_only: Annotated[
        bool, typer.Option("--open", help="Only those that are not closed yet.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 30,
) -> None:
    """List the newest batches."""
    if context.invoked_subcommand:
        return
    with reading(open_database()) as session:
        rows = list_batches(session, open_only, limit)
    show_table(COLUMNS, [_row(batch) for batch in rows])


@app.command()
def collect() -> None:
    """Look at every open batch once, and keep what the ended ones brought.

    It sends what a killed command left unsent. `mralign label run --batch --resume RUN` does the
    same, and goes on with the run.
    """
    from gateway.batches import advance, open_services

    engine, spent = open_database(), 0.0

    def count(reply: "ChatReply", prices: "Prices") -> None:
        nonlocal spent
        spent += prices.cost_usd(reply.prompt_tokens, reply.completion_tokens)

    with reading(engine) as session:
        numbers = sorted(batch.id for batch in list_batches(session, open_only=True, limit=10_000))
    with open_services() as services:
        rows = [advance(engine, number, services, count) for number in numbers]
    show_table(COLUMNS, [_row(batch) for batch in rows])
    closed = sum(batch.status == BatchStatus.CLOSED for batch in rows)
    say(f"{closed:,} of {len(rows):,} batches are back; {spent:.4f} USD")


@app.command()
def cancel(number: Annotated[int, typer.Argument(help="The batch's number.")]) -> None:
    """Ask the server to stop a batch; what it answered before that is kept and paid for."""
    from gateway.batches import cancel as cancel_batch
    from gateway.batches import open_services

    with open_services() as services:
        batch = cancel_batch(open_database(), number, services)
    if batch.status == BatchStatus.CLOSED:
        say(f"batch {number} was never ordered; it is closed")
    else:
        say(f"batch {number}: {batch.remote_status}; `mralign batches collect` keeps its replies")


def _row(batch: "ModelBatch") -> tuple[object, ...]:
    return (batch.id, batch.run_id, batch.model, batch.status.value, batch.remote_status,
            batch.requests, batch.answered, batch.failed, (batch.message or "")[:60])  # fmt: skip
