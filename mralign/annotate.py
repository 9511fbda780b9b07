"""`mralign annotate`: the frozen vocabulary's categories on every segment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign import handover
from mralign.agreement import show_agreement
from mralign.database import open_database
from mralign.distill import HeadChoice, annotate_distilled, distill, rehearse_distilled
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
    chosen_roles,
    in_batch,
    spending_cap,
    watched,
)
from mralign.panel import rehearse_panel, run_panel
from mralign.terminal import say, show_table
from store import annotations
from store.engine import reading
from store.errors import InvalidInput
from store.states import RunKind

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.labeling.run import Vocabulary
    from store.tables import Run

app = typer.Typer(
    help="Put the frozen vocabulary's categories on every segment.",
    no_args_is_help=True,
    add_completion=False,
)

app.command("import")(handover.import_)
app.command("export")(handover.export)
app.command()(distill)

PANEL = ("agreed", "merged", "adjudicated")
RULES = (*PANEL, "distilled", "abstained", "escalated")
CONSENSUS = "consensus"
SOURCES = (CONSENSUS, "annotator_a", "annotator_b")


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
    batch: Batch = False,
    wait: Wait = True,
    poll_s: PollSeconds = 60.0,
) -> None:
    """Let two annotators and an adjudicator label every trace with thinking.

    Where the annotators agree, their set stands; where not, what they share and what one of them
    is sure of; the adjudicator decides the rest. Offline, A reads what a segment says and B how
    it says it: they differ, but they are not independent. A distilled head annotates alone, and
    what it is not sure of is left without labels or sent to a model. With --batch the requests
    go out as files, first those of both annotators, then the adjudicator's. The exit code is 3
    where a trace could not be annotated.
    """
    from annotator.labeling.run import load_vocabulary

    engine = open_database()
    vocabulary = load_vocabulary(engine, taxonomy)
    models = {"annotator_a": model_a, "annotator_b": model_b, "adjudicator": adjudicator}
    own = {role: {"model": model} for role, model in models.items()}
    given = Given(config, base_url, concurrency, price_in, price_out)
    choice = HeadChoice(distilled, abstain_below, escalate)
    choice.check(offline)
    _check_batch(batch, remote=not offline and choice.folder is None)
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
    _check_batch(batch, remote=roles is not None)
    cap = spending_cap(max_usd, max_tokens, roles)
    if dry_run:
        rehearse_panel(engine, vocabulary, in_batch(roles) if batch else roles, cap, limit, resume)
        return
    with watched("annotate", cap if roles else None) as advance:
        job: dict[str, Any] = {"limit": limit, "resume": resume, "on_progress": advance}
        if roles is None:
            finished = _run_offline(engine, vocabulary, job)
        else:
            waiting = Waiting(wait, poll_s) if batch else None
            finished = run_panel(engine, vocabulary, roles, cap, job, waiting)
    _conclude(engine, finished)


def _check_batch(batch: bool, remote: bool) -> None:
    if batch and not remote:
        raise InvalidInput(
            "expected annotators at an endpoint beside --batch: set OPENAI_API_KEY or --base-url, "
            "and leave out --offline and --distilled"
        )


def _conclude(engine: "sa.Engine", finished: "Run") -> None:
    show_run(engine, finished)
    leave(finished)


def _run_offline(engine: "sa.Engine", vocabulary: "Vocabulary", job: dict[str, Any]) -> "Run":
    from annotator.embedded.panel import OfflinePanel
    from annotator.labeling.run import run_annotation
    from gateway.embeddings import cached_encoder

    panel = OfflinePanel(cached_encoder(engine), vocabulary.categories)
    return run_annotation(engine, panel, vocabulary, **job)


@app.command()
def show(
    number: Annotated[
        int | None, typer.Argument(help="The annotate run; by default the newest.")
    ] = None,
) -> None:
    """Show what an annotate run came to."""
    engine = open_database()
    show_run(engine, chosen_run(engine, RunKind.ANNOTATE, number))


def show_run(engine: "sa.Engine", run: "Run") -> None:
    """Counts a category and a source, how the rules settled the units, and the agreement."""
    with reading(engine) as session:
        known = set(annotations.list_sources(session, run.id))
        rules = annotations.count_rules(session, run.id)
        counts = {each: annotations.count_categories(session, run.id, each) for each in SOURCES}
        order = annotations.list_macro_strategies(session, run.parameters["version_id"])
    show_ending(engine, run, CONSENSUS, f", with {run.parameters['taxonomy']}")
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
