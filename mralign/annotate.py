"""`mralign annotate`: the frozen vocabulary's categories on every segment."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign import handover
from mralign.agreement import show_agreement
from mralign.database import open_database
from mralign.distill import HeadChoice, annotate_distilled, distill, rehearse_distilled
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
    paid_by,
    rehearsal,
    show_forecasts,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store import annotations
from store.engine import reading
from store.items import count_items
from store.runs import get_latest_run, get_run
from store.states import RunKind, RunStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.run import Vocabulary
    from gateway.budget import Budget
    from gateway.door import Door
    from gateway.roles import Role, RoleSettings
    from store.tables import Run

app = typer.Typer(
    help="Put the frozen vocabulary's categories on every segment.",
    no_args_is_help=True,
    add_completion=False,
)

app.command("import")(handover.import_)
app.command("export")(handover.export)
app.command()(distill)

PARTIAL_EXIT = 3
SECOND_DRAW = (0.7, 1)  # temperature and seed of annotator B where A is the same model
PANEL = ("agreed", "merged", "adjudicated")
RULES = (*PANEL, "distilled", "abstained", "escalated")
SOURCES = ("consensus", "annotator_a", "annotator_b")


@app.command()
def run(
    taxonomy: Annotated[
        str | None, typer.Option(help="The frozen version; by default the one in force.")
    ] = None,
    offline: Offline = False,
    distilled: Annotated[
        Path | None, typer.Option(help="A folder that `mralign annotate distill` wrote.")
    ] = None,
    abstain_below: Annotated[
        float, typer.Option(min=0.0, max=10.0, help="Of a distilled head: give no label below it.")
    ] = 0.0,
    escalate: Annotated[
        bool, typer.Option("--escalate", help="Ask annotator A's model where the head abstains.")
    ] = False,
    model_a: Annotated[str | None, typer.Option(help="Annotator A's model.")] = None,
    model_b: Annotated[str | None, typer.Option(help="Annotator B's model.")] = None,
    adjudicator: Annotated[str | None, typer.Option(help="The adjudicator's model.")] = None,
    base_url: BaseUrl = None,
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
    """Let two annotators and an adjudicator label every trace with thinking.

    Where the annotators agree, their set stands; where not, what they share and what one of them
    is sure of; the adjudicator decides the rest. Offline, A reads what a segment says and B how
    it says it: they differ, but they are not independent. A distilled head annotates alone, and
    what it is not sure of is left without labels or sent to a model. The exit code is 3 where a
    trace could not be annotated.
    """
    from annotator.run import load_vocabulary

    engine = open_database()
    vocabulary = load_vocabulary(engine, taxonomy)
    models = {"annotator_a": model_a, "annotator_b": model_b, "adjudicator": adjudicator}
    own = {role: {"model": model} for role, model in models.items()}
    given = Given(config, base_url, concurrency, price_in, price_out)
    choice = HeadChoice(distilled, abstain_below, escalate)
    choice.check(offline)
    if choice.folder is not None:
        role = choice.role(given, model_a)
        if dry_run:
            rehearse_distilled(engine, vocabulary, choice, role, limit, resume)
            return
        plan: dict[str, Any] = {"limit": limit, "resume": resume}
        caps = (max_usd, max_tokens)
        _conclude(engine, annotate_distilled(engine, vocabulary, choice, role, caps, plan))
        return
    roles = chosen_roles(offline, given, own, "annotator_a")
    cap = spending_cap(max_usd, max_tokens, roles)
    if dry_run:
        rehearse(engine, vocabulary, roles, cap, limit, resume)
        return
    with watched("annotate", cap if roles else None) as advance:
        job: dict[str, Any] = {"limit": limit, "resume": resume, "on_progress": advance}
        if roles is None:
            finished = _run_offline(engine, vocabulary, job)
        else:
            finished = _run_models(engine, vocabulary, roles, cap, job)
    _conclude(engine, finished)


def _conclude(engine: "sa.Engine", finished: "Run") -> None:
    show_run(engine, finished)
    if finished.status == RunStatus.PARTIAL:
        raise typer.Exit(PARTIAL_EXIT)


def _run_offline(engine: "sa.Engine", vocabulary: "Vocabulary", job: dict[str, Any]) -> "Run":
    from annotator.panel import OfflinePanel
    from annotator.run import run_annotation
    from gateway.embeddings import cached_encoder

    panel = OfflinePanel(cached_encoder(engine), vocabulary.categories)
    return run_annotation(engine, panel, vocabulary, **job)


def _run_models(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    roles: "Mapping[Role, RoleSettings]",
    cap: "Budget",
    job: dict[str, Any],
) -> "Run":
    from annotator.endpoint import endpoint_panel, panel_prompt_hash
    from annotator.run import run_annotation

    with open_doors(engine, roles, cap) as (a, b, judge):
        if b.seed == SECOND_DRAW[1] and a.model == b.model:
            say(f"A and B are two draws of one model, {a.model}: they are not independent.")
        at_once = min(role.at_once for role in roles.values())
        panel = endpoint_panel(a.ask, b.ask, judge.ask, vocabulary.categories, at_once)
        return run_annotation(
            engine,
            panel,
            vocabulary,
            model=f"A {a.model}, B {b.model}, adjudicator {judge.model}"[:200],
            prompt_hash=panel_prompt_hash(),
            prepare=paid_by(a, b, judge),
            **job,
        )


@contextmanager
def open_doors(
    engine: "sa.Engine", roles: "Mapping[Role, RoleSettings]", cap: "Budget"
) -> "Iterator[tuple[Door, Door, Door]]":
    """The doors of A, B and the adjudicator; B draws anew where A would send the same requests."""
    from gateway.door import open_role

    with ExitStack() as doors:
        a, b, judge = (doors.enter_context(open_role(engine, role, cap)) for role in roles.values())
        if (a.model, a.temperature, a.seed) == (b.model, b.temperature, b.seed):
            b.temperature, b.seed = SECOND_DRAW  # a kept reply of A's would be given to B
        yield a, b, judge


def rehearse(
    engine: "sa.Engine",
    vocabulary: "Vocabulary",
    roles: "Mapping[Role, RoleSettings] | None",
    cap: "Budget",
    limit: int | None,
    resume: int | None,
) -> None:
    """Show what a run would send; of the adjudicator the most, since it depends on the others."""
    from annotator.endpoint import endpoint_panel
    from annotator.run import rehearse_annotation

    if roles is None:
        say("Offline nothing is sent.")
        return
    with open_doors(engine, roles, cap) as doors:
        each = [rehearsal(d, r) for d, r in zip(doors, roles.values(), strict=True)]
        a, b, judge = (stand_in.ask for stand_in in each)
        panel = endpoint_panel(a, b, judge, vocabulary.categories)
        traces = rehearse_annotation(engine, panel.rehearse, limit, resume)
    show_forecasts(traces, {r: e.forecast() for r, e in zip(roles, each, strict=True)})


@app.command()
def show(
    number: Annotated[
        int | None, typer.Argument(help="The annotate run; by default the newest.")
    ] = None,
) -> None:
    """Show what an annotate run came to."""
    engine = open_database()
    with reading(engine) as session:
        chosen = (
            get_run(session, number, RunKind.ANNOTATE)
            if number is not None
            else get_latest_run(session, RunKind.ANNOTATE)
        )
    show_run(engine, chosen)


def show_run(engine: "sa.Engine", run: "Run") -> None:
    """Counts a category and a source, how the rules settled the units, and the agreement."""
    with reading(engine) as session:
        items = count_items(session, run.id, "consensus")
        known = set(annotations.list_sources(session, run.id))
        rules = annotations.count_rules(session, run.id)
        counts = {each: annotations.count_categories(session, run.id, each) for each in SOURCES}
        order = annotations.list_macro_strategies(session, run.parameters["version_id"])
    states = ", ".join(f"{count:,} {status.value}" for status, count in sorted(items.items()))
    say(f"annotate run {run.id}, by {run.model}, with {run.parameters['taxonomy']}: "
        f"{run.status.value}; traces: {states or 'none'}")  # fmt: skip
    if run.tokens:
        say(f"{run.tokens:,} tokens, {run.cost_usd:.4f} USD")
    if run.status != RunStatus.SUCCEEDED:
        say(f"`mralign annotate run --resume {run.id}` goes on with what is left.")
    show_table(
        ("category", *SOURCES),
        [(key, *(counts[each].get(key, 0) for each in SOURCES)) for key in order],
        title="steps that have each category",
    )
    units = sum(rules.values())
    ways = [rule for rule in RULES if rule in rules] if rules.keys() - set(PANEL) else PANEL
    shares = ", ".join(f"{r} {rules.get(r, 0):,} ({rules.get(r, 0) / max(units, 1):.1%})"
                       for r in ways)  # fmt: skip
    say(f"{units:,} units: {shares}")
    if {"annotator_a", "annotator_b"} <= known:
        show_agreement(engine, run, "annotator_a", "annotator_b")
