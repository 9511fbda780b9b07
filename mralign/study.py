"""`mralign study`: people who label the same traces without seeing each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.agreement import compare, figure_rows
from mralign.database import open_database
from mralign.sources import load_source
from mralign.terminal import say, show_table
from webapp.studies.comparing import OVER

if TYPE_CHECKING:
    import sqlalchemy as sa

    from store.study_tables import Study

app = typer.Typer(add_completion=False, no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The study's name.")]


@app.callback()
def study() -> None:
    """Set up studies in which people label blind, see how far they agree, export the labels."""


@app.command()
def create(
    name: Name,
    person: Annotated[list[str], typer.Option(help="Who labels; repeated.")],
    strata: Annotated[
        str, typer.Option(help="Out of polarity, hit_gap, dataset and model, with commas between.")
    ] = "polarity,hit_gap",
    per_stratum: Annotated[int, typer.Option(min=1, help="Traces to draw from each stratum.")] = 25,
    overlap: Annotated[int, typer.Option(min=1, help="How many people label each trace.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="What the draw depends on.")] = 0,
    proposals: Annotated[
        bool, typer.Option("--proposals", help="Show what the newest annotators would say.")
    ] = False,
    polar: Annotated[
        bool, typer.Option("--polar", help="Take only traces with a polarity.")
    ] = False,
    taxonomy: Annotated[
        str | None, typer.Option(help="The frozen version; by default the one in force.")
    ] = None,
) -> None:
    """Draw traces by strata and share them out, each to as many people.

    People then label on the pages, each without seeing the others.
    """
    from annotator.agreement.plans import Plan, create_study
    from store.engine import transaction

    facets = tuple(each.strip().replace("-", "_") for each in strata.split(",") if each.strip())
    plan = Plan(name, tuple(person), facets, per_stratum, overlap, seed, proposals, polar, taxonomy)
    with transaction(open_database()) as session:
        made, drawn = create_study(session, plan, by=None)
        number = made.id
    counts: dict[str, int] = {}
    for stratum in drawn.strata.values():
        counts[stratum] = counts.get(stratum, 0) + 1
    rows = [(one, n, "all there are" if one in drawn.short else "") for one, n in counts.items()]
    show_table(("stratum", "traces", ""), rows, title=f"study {name}: {len(drawn.strata)} traces")
    say(f"people label at /studies/{number}")


@app.command("list")
def list_() -> None:
    """List the studies."""
    from store import studies
    from store.engine import reading

    with reading(open_database()) as session:
        rows = []
        for one in studies.list_studies(session):
            shares = studies.count_shares(session, one.id)
            finished, traces = sum(s.finished for s in shares), sum(s.traces for s in shares)
            rows.append((one.name, one.run_id, f"{finished} of {traces}"))
    show_table(("study", "run", "finished"), rows, title=f"{len(rows)} studies")


@app.command()
def show(
    name: Name,
    resamples: Annotated[
        int, typer.Option(min=0, help="Draws of traces for the intervals of the distance.")
    ] = 100,
) -> None:
    """Show how far everybody is, and how far each two agree so far."""
    from itertools import combinations

    from annotator.agreement.studies import source_of
    from store import studies
    from store.engine import reading

    engine = open_database()
    with reading(engine) as session:
        found = studies.get_study(session, name)
        shares = studies.count_shares(session, found.id)
        people = [source_of(person) for person in studies.list_labelers(session, found.id)]
        settled = sum(row.settled for row in studies.list_study_traces(session, found.id))
    rows = [(one.name, one.stratum, f"{one.finished} of {one.traces}") for one in shares]
    show_table(("who", "stratum", "finished"), rows, title=f"study {found.name}")
    say(f"settled: {settled} traces")
    for a, b in combinations(people, 2):
        _show_pair(engine, found, a, b, resamples)


def _show_pair(engine: "sa.Engine", found: "Study", a: str, b: str, resamples: int) -> None:
    from store import annotations
    from store.engine import reading

    with reading(engine) as session:
        known = annotations.list_sources(session, found.run_id)
    if a not in known or b not in known:
        return
    first, second = (load_source(engine, f"run:{found.run_id}/{each}") for each in (a, b))
    compared = compare(engine, first, second, resamples).found
    title = f"{a} and {b}: {len(compared.units.traces):,} units of {compared.traces:,} traces"
    rows = figure_rows(compared.figures)
    if compared.distances:
        cells = [f"{compared.distances[over].percent:.2f} %" for over in OVER]
        rows.append(("mean ℓ1 of transitions", *cells))
    show_table(("figure", *OVER), rows, title=title)


@app.command()
def export(name: Name, out: Annotated[Path, typer.Option(help="The new file.")]) -> None:
    """Write the labels of everybody, of the adjudicator, and the consensus, as JSON lines.

    A line a trace and source, with its stratum; `mralign annotate import` takes them over again.
    """
    from annotator.exchange.handing import new_file
    from store import studies
    from store.engine import reading
    from store.errors import InvalidInput
    from webapp.studies.lines import write_lines

    if out.exists():
        raise InvalidInput(f"expected a new file, got {out}, which is there; name another")
    engine = open_database()
    with reading(engine) as session:
        found = studies.get_study(session, name)
    count = 0
    with new_file(out) as file:
        for line in write_lines(engine, found):
            file.write(line)
            count += 1
        if not count:
            raise InvalidInput("expected labels, found none yet; nothing was written")
    say(f"{count:,} lines in {out}")
