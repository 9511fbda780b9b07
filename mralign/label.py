"""`mralign label`: open labels for every segment, and what a run gave."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.ending import chosen_run, leave, show_ending
from mralign.endpoint import (
    BaseUrl,
    Batch,
    Concurrency,
    ConfigFile,
    DryRun,
    Given,
    Limit,
    MaxTokens,
    MaxUsd,
    Offline,
    PollSeconds,
    PriceIn,
    PriceOut,
    Resume,
    Wait,
    Waiting,
    answer_in_batches,
    chosen_roles,
    in_batch,
    paid_by,
    rehearsal,
    show_forecasts,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store.engine import reading
from store.errors import InvalidInput
from store.labels import list_inventory
from store.states import RunKind

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
    batch: Batch = False,
    wait: Wait = True,
    poll_s: PollSeconds = 60.0,
) -> None:
    """Label every segment of every trace with thinking.

    Without an endpoint the offline labeler does it: sentence vectors, a lexicon of reasoning
    moves, discourse cues and the position in the trace. A run that was cut short goes on with
    --resume. With --batch the requests go out as files, at the Batch API's price, and come back
    within a day; `mralign batches` lists them. The exit code is 3 where a trace could not be
    labelled.
    """
    engine = open_database()
    given = Given(config, base_url, concurrency, price_in, price_out)
    roles = chosen_roles(offline, given, {LABELER: {"model": model}}, LABELER)
    if batch and roles is None:
        raise InvalidInput("expected an endpoint beside --batch: set OPENAI_API_KEY or --base-url")
    cap = spending_cap(max_usd, max_tokens, roles)
    if dry_run:
        rehearse(engine, in_batch(roles) if batch else roles, cap, limit, resume)
        return
    with watched("label", cap if roles else None) as advance:
        job: dict[str, Any] = {"limit": limit, "resume": resume, "on_progress": advance}
        if roles is None:
            finished = _run_offline(engine, job)
        elif batch:
            finished = _run_batch(
                engine, next(iter(roles.values())), cap, job, Waiting(wait, poll_s)
            )
        else:
            finished = _run_model(engine, next(iter(roles.values())), cap, job)
    show_ending(engine, finished, LABELER)
    show_labels(engine, finished.id, 10)
    leave(finished)


def rehearse(
    engine: "sa.Engine",
    roles: "Mapping[Role, RoleSettings] | None",
    cap: "Budget",
    limit: int | None,
    resume: int | None,
) -> None:
    """Show what a run would send."""
    from annotator.labeling.run import rehearse_labeling
    from annotator.language_models.endpoint import endpoint_labeler
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
    from annotator.embedded.offline import OfflineLabeler
    from annotator.labeling.run import run_labeling
    from gateway.embeddings import cached_encoder

    return run_labeling(engine, OfflineLabeler(cached_encoder(engine)), **job)


def _run_model(
    engine: "sa.Engine",
    role: "RoleSettings",
    cap: "Budget",
    job: dict[str, Any],
) -> "Run":
    from annotator.labeling.run import run_labeling
    from annotator.language_models.endpoint import endpoint_labeler
    from gateway.door import open_role

    with open_role(engine, role, cap) as door:
        labeler = endpoint_labeler(door.ask, role.at_once)
        return run_labeling(
            engine, labeler, model=door.model, prompt_hash=labeler.prompt_hash,
            prepare=paid_by(door), **job,
        )  # fmt: skip


def _run_batch(
    engine: "sa.Engine",
    role: "RoleSettings",
    cap: "Budget",
    job: dict[str, Any],
    waiting: Waiting,
) -> "Run":
    from annotator.labeling.run import rehearse_labeling, run_labeling
    from annotator.language_models.endpoint import endpoint_labeler
    from gateway.door import open_role
    from gateway.gathering import open_gathering

    with open_role(engine, role, cap) as door, open_gathering(engine, cap) as gathering:
        labeler = endpoint_labeler(gathering.join(door, role).ask)

        def prepare(run: "Run") -> None:
            paid_by(door)(run)
            answer_in_batches(
                gathering, run, lambda: rehearse_labeling(engine, labeler, resume=run.id),
                waiting, job["on_progress"],
            )  # fmt: skip

        return run_labeling(
            engine, labeler, model=door.model, prompt_hash=labeler.prompt_hash,
            prepare=prepare, **job,
        )  # fmt: skip


@app.command()
def show(
    number: Annotated[
        int | None, typer.Argument(help="The label run; by default the newest.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many labels.")] = 40,
) -> None:
    """Show the most frequent labels of a run."""
    engine = open_database()
    chosen = chosen_run(engine, RunKind.LABEL, number)
    show_ending(engine, chosen, LABELER)
    show_labels(engine, chosen.id, top)


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
