"""`mralign annotate`: the frozen vocabulary's categories on every segment."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.agreement import show_agreement
from mralign.database import open_database
from mralign.endpoint import (
    BaseUrl,
    Concurrency,
    Limit,
    MaxTokens,
    MaxUsd,
    Offline,
    PriceIn,
    PriceOut,
    Resume,
    endpoint_settings,
    spending_cap,
)
from mralign.terminal import progress, say, show_table
from store import annotations
from store.engine import reading
from store.items import count_items
from store.runs import get_latest_run, get_run
from store.states import RunKind, RunStatus

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.run import Vocabulary
    from gateway.budget import Budget
    from gateway.settings import ModelSettings
    from store.tables import Run

app = typer.Typer(
    help="Put the frozen vocabulary's categories on every segment.",
    no_args_is_help=True,
    add_completion=False,
)

PARTIAL_EXIT = 3
SECOND_DRAW = (0.7, 1)  # temperature and seed of annotator B where A is the same model
RULES = ("agreed", "merged", "adjudicated")
SOURCES = ("consensus", "annotator_a", "annotator_b")


@app.command()
def run(
    taxonomy: Annotated[
        str | None, typer.Option(help="The frozen version; by default the one in force.")
    ] = None,
    offline: Offline = False,
    model_a: Annotated[str | None, typer.Option(help="Annotator A's model.")] = None,
    model_b: Annotated[str | None, typer.Option(help="Annotator B's model.")] = None,
    adjudicator: Annotated[str | None, typer.Option(help="The adjudicator's model.")] = None,
    base_url: BaseUrl = None,
    limit: Limit = None,
    resume: Resume = None,
    concurrency: Concurrency = 8,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    price_in: PriceIn = 0.0,
    price_out: PriceOut = 0.0,
) -> None:
    """Let two annotators and an adjudicator label every trace with thinking.

    Where the annotators agree, their set stands; where not, what they share and what one of them
    is sure of; the adjudicator decides the rest. Offline, A reads what a segment says and B how
    it says it: they differ, but they are not independent. The exit code is 3 where a trace could
    not be annotated.
    """
    from annotator.run import load_vocabulary

    engine = open_database()
    vocabulary = load_vocabulary(engine, taxonomy)
    settings = endpoint_settings(offline, base_url, [model_a, model_b, adjudicator])
    cap = spending_cap(max_usd, price_in, price_out, max_tokens)
    models = (model_a, model_b or model_a, adjudicator or model_a)
    with progress("annotate") as advance:
        job: dict[str, Any] = {"limit": limit, "resume": resume, "on_progress": advance}
        if settings is None:
            finished = _run_offline(engine, vocabulary, job)
        else:
            finished = _run_models(engine, vocabulary, settings, models, cap, concurrency, job)
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
    settings: "ModelSettings",
    models: tuple[str | None, str | None, str | None],
    cap: "Budget",
    at_once: int,
    job: dict[str, Any],
) -> "Run":
    from contextlib import ExitStack

    from annotator.endpoint import endpoint_panel, panel_prompt_hash
    from annotator.run import run_annotation
    from gateway.door import open_door

    with ExitStack() as doors:
        a, b, judge = (
            doors.enter_context(open_door(engine, model=model, budget=cap, settings=settings))
            for model in models
        )
        if a.model == b.model:
            b.temperature, b.seed = SECOND_DRAW  # the same request would be given A's own reply
            say(f"A and B are two draws of one model, {a.model}: they are not independent.")
        panel = endpoint_panel(a.ask, b.ask, judge.ask, vocabulary.categories, at_once)
        return run_annotation(
            engine,
            panel,
            vocabulary,
            model=f"A {a.model}, B {b.model}, adjudicator {judge.model}"[:200],
            prompt_hash=panel_prompt_hash(),
            **job,
        )


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
    shares = ", ".join(f"{rule} {rules.get(rule, 0) / max(units, 1):.1%}" for rule in RULES)
    say(f"{units:,} units: {shares}")
    show_agreement(engine, run, "annotator_a", "annotator_b")
