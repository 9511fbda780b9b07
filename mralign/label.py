"""`mralign label`: open labels for every segment, and what a run gave."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.endpoint import (
    BaseUrl,
    Concurrency,
    ConfigFile,
    DryRun,
    Given,
    Limit,
    MaxTokens,
    MaxUsd,
    Offline,
    PriceIn,
    PriceOut,
    Resume,
    chosen_roles,
    rehearsal,
    show_forecasts,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store.engine import reading
from store.items import count_items
from store.labels import list_inventory
from store.runs import get_latest_run, get_run
from store.states import RunKind, RunStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.budget import Budget
    from gateway.roles import Role, RoleSettings
    from store.tables import Run

app = typer.Typer(
    help="Give every segment open labels, by a model or offline.",
    no_args_is_help=True,
    add_completion=False,
)

PARTIAL_EXIT = 3
LABELER = "labeler"  # as the items of a label run name their source


@app.command()
def run(
    model: Annotated[str | None, typer.Option(help="The model to ask; else MRALIGN_MODEL.")] = None,
    base_url: BaseUrl = None,
    offline: Offline = False,
    limit: Limit = None,
    resume: Resume = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    concurrency: Concurrency = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Label every segment of every trace with thinking.

    Without an endpoint the offline labeler does it: sentence vectors, a lexicon of reasoning
    moves, discourse cues and the position in the trace. A run that was cut short goes on with
    --resume. The exit code is 3 where a trace could not be labelled.
    """
    engine = open_database()
    given = Given(config, base_url, concurrency, price_in, price_out)
    roles = chosen_roles(offline, given, {LABELER: {"model": model}}, LABELER)
    cap = spending_cap(max_usd, max_tokens, roles)
    if dry_run:
        rehearse(engine, roles, cap, limit, resume)
        return
    with watched("label", cap) as advance:
        job: dict[str, Any] = {"limit": limit, "resume": resume, "on_progress": advance}
        if roles is None:
            finished = _run_offline(engine, job)
        else:
            finished = _run_model(engine, next(iter(roles.values())), cap, job)
    _show_run(engine, finished)
    show_labels(engine, finished.id, 10)
    if finished.status == RunStatus.PARTIAL:
        raise typer.Exit(PARTIAL_EXIT)


def rehearse(
    engine: "sa.Engine",
    roles: "Mapping[Role, RoleSettings] | None",
    cap: "Budget",
    limit: int | None,
    resume: int | None,
) -> None:
    """Show what a run would send."""
    from annotator.endpoint import endpoint_labeler
    from annotator.run import rehearse_labeling
    from gateway.door import open_role

    if roles is None:
        say("Offline nothing is sent.")
        return
    role = next(iter(roles.values()))
    with open_role(engine, role, cap) as door:
        stand_in = rehearsal(door, role)
        traces = rehearse_labeling(engine, endpoint_labeler(stand_in.ask), limit, resume)
    show_forecasts(traces, {LABELER: stand_in.forecast()})


def _run_offline(engine: "sa.Engine", job: dict[str, Any]) -> "Run":
    from annotator.offline import OfflineLabeler
    from annotator.run import run_labeling
    from gateway.embeddings import cached_encoder

    return run_labeling(engine, OfflineLabeler(cached_encoder(engine)), **job)


def _run_model(
    engine: "sa.Engine",
    role: "RoleSettings",
    cap: "Budget",
    job: dict[str, Any],
) -> "Run":
    from annotator.endpoint import endpoint_labeler
    from annotator.run import run_labeling
    from gateway.door import open_role

    with open_role(engine, role, cap) as door:
        labeler = endpoint_labeler(door.ask, role.at_once)
        return run_labeling(
            engine, labeler, model=door.model, prompt_hash=labeler.prompt_hash, **job
        )


@app.command()
def show(
    number: Annotated[
        int | None, typer.Argument(help="The label run; by default the newest.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many labels.")] = 40,
) -> None:
    """Show the most frequent labels of a run."""
    engine = open_database()
    with reading(engine) as session:
        chosen = (
            get_run(session, number, RunKind.LABEL)
            if number is not None
            else get_latest_run(session, RunKind.LABEL)
        )
    _show_run(engine, chosen)
    show_labels(engine, chosen.id, top)


def _show_run(engine: "sa.Engine", run: "Run") -> None:
    with reading(engine) as session:
        counts = count_items(session, run.id, LABELER)
    states = ", ".join(f"{count:,} {status.value}" for status, count in sorted(counts.items()))
    say(f"label run {run.id}, by {run.model}: {run.status.value}; traces: {states or 'none'}")
    if run.tokens:
        say(f"{run.tokens:,} tokens, {run.cost_usd:.4f} USD")
    if run.status in (RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.RUNNING):
        say(f"`mralign label run --resume {run.id}` goes on with what is left.")


def show_labels(engine: "sa.Engine", run_id: int, top: int) -> None:
    """The most frequent labels of a run, with their share of its instances."""
    with reading(engine) as session:
        rows = list_inventory(session, run_id)
    total = sum(row.instances for row in rows)
    show_table(
        ("label", "instances", "share", "definition"),
        [(row.text, row.instances, f"{row.instances / total:.1%}", row.definition or "")
         for row in rows[:top]],
        title=f"{len(rows):,} distinct labels, {total:,} instances",
    )  # fmt: skip
