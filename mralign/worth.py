"""`mralign taxonomy worth`: coverage, purity, entropy, agreement, and what is too rare."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.sources import CONSENSUS, list_steps
from mralign.terminal import say, show_table
from mralign.version_names import name_or_number
from store import annotations
from store.engine import reading
from store.errors import InvalidInput
from store.runs import get_run, list_runs
from store.states import RunKind, RunStatus
from store.taxonomies import get_version
from taxonomy.versions.appraisal import appraise_version
from taxonomy.vocabulary.worth import FEWEST_MOVES, LabelSet, Pair, Worth, count_moves

if TYPE_CHECKING:
    import sqlalchemy as sa

    from store.tables import Run, TaxonomyVersion

MOST_RUNS = 1000


def worth(
    name: Annotated[str, typer.Argument(help="The version's name or number.")],
    annotate_run: Annotated[
        int | None, typer.Option(help="The annotate run; by default the newest of this version.")
    ] = None,
    source_a: Annotated[str, typer.Option(help="One annotator.")] = "annotator_a",
    source_b: Annotated[str, typer.Option(help="The other annotator.")] = "annotator_b",
    fewest_moves: Annotated[
        int, typer.Option(min=1, help="Fewer moves out of a category are too few.")
    ] = FEWEST_MOVES,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a version is worth: what it covers, and how far people agree on it.

    Purity is the share of reviewed instances that the clustering had put there itself. With an
    annotate run, also the agreement a category, the categories that annotators confuse, and those
    with too few moves to estimate transitions from.
    """
    engine = open_database()
    with reading(engine) as session:
        version = get_version(session, name_or_number(name))
        run = _annotate_run(engine, version, annotate_run)
    pairs, moves = _annotations(engine, run, source_a, source_b)
    with reading(engine) as session:
        found = appraise_version(session, version, pairs, moves, fewest_moves)
    if as_json:
        number = run.id if run else None
        document = {"version": version.name, "annotate_run": number, **asdict(found)}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=True))
    else:
        show_worth(version.name, found, run)


def _annotate_run(
    engine: "sa.Engine", version: "TaxonomyVersion", number: int | None
) -> "Run | None":
    with reading(engine) as session:
        if number is not None:
            run = get_run(session, number, RunKind.ANNOTATE)
            if run.parameters.get("version_id") != version.id:
                other = run.parameters.get("taxonomy")
                raise InvalidInput(
                    f"expected an annotate run with {version.name}, got run {number}, with {other}"
                )
            return run
        done = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
        runs = list_runs(session, RunKind.ANNOTATE, MOST_RUNS)
    fit = (run for run in runs if run.parameters.get("version_id") == version.id)
    return next((run for run in fit if run.status in done), None)


def _annotations(
    engine: "sa.Engine", run: "Run | None", source_a: str, source_b: str
) -> tuple[list[Pair], dict[str, float]]:
    """Both annotators' label sets on common units, and the moves out of each category."""
    if run is None:
        return [], {}
    from annotator.labeling.consensus import pair_units

    with reading(engine) as session:
        sides = (list_steps(session, run.id, source) for source in (source_a, source_b))
        units = pair_units(*sides)
        chains: list[list[LabelSet]] = [
            [frozenset(key for key, _ in step.labels) for step in steps]
            for _, steps in annotations.list_label_sets(session, run.id, CONSENSUS)
        ]
    return list(zip(units.a, units.b, strict=True)), count_moves(chains)


def show_worth(name: str, found: Worth, run: "Run | None") -> None:
    """The figures as tables."""
    cover = found.coverage
    say(f"{name}: {_percent(cover.instances)} of {cover.of_instances:,} instances and "
        f"{_percent(cover.labels)} of {cover.of_labels:,} labels have a category")  # fmt: skip
    say(f"purity against reviews: {_percent(found.purity)} of {found.reviewed_instances:,} "
        "reviewed instances")  # fmt: skip
    if found.entropy is not None and found.effective is not None:
        say(f"entropy {found.entropy:.3f} bits: as even as {found.effective:.1f} categories of "
            f"one size; {len(found.categories)} are there")  # fmt: skip
    show_table(
        ("category", "labels", "instances", "share", "purity", "kappa", "agreement", "units",
         "moves", "too rare"),
        [(row.key, row.labels, row.instances, _percent(row.share), _percent(row.purity),
          _figure(row.kappa), _figure(row.positive_agreement), row.units, f"{row.moves:,.1f}",
          "too rare" if run and row.too_rare else "") for row in found.categories],
    )  # fmt: skip
    if run is None:
        say("No annotate run of this version: agreement, confusions and moves are unknown; run "
            "`mralign annotate run`.")  # fmt: skip
        return
    say(f"from annotate run {run.id}: {found.units:,} units that both annotators labelled; too "
        f"rare is below {found.fewest_moves} moves out, where an entry of the transition matrix "
        f"has a standard error of up to {0.5 / found.fewest_moves**0.5:.2f}")  # fmt: skip
    if found.confusions:
        show_table(
            ("confused", "with", "units", "share of their units"),
            [(each.one, each.other, each.units, _percent(each.share)) for each in found.confusions],
        )


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.1%}"


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
