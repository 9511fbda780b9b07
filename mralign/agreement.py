"""`mralign agreement`: how far two sources of controlled labels agree."""

from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from store import annotations
from store.engine import reading
from store.errors import InvalidInput
from store.runs import get_latest_run, get_run
from store.states import RunKind

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.agreement import Agreement, Figure
    from annotator.consensus import PairedUnits
    from store.tables import Run

app = typer.Typer(add_completion=False)


@app.command()
def agreement(
    annotate_run: Annotated[
        int | None, typer.Option(help="Number of the annotate run; by default the newest.")
    ] = None,
    source_a: Annotated[str, typer.Option(help="One source.")] = "annotator_a",
    source_b: Annotated[str, typer.Option(help="The other source.")] = "annotator_b",
) -> None:
    """Show how far two sources of a run agree, over categories and over macro-strategies.

    Units are the common refinement of both sources' steps. Intervals are 95 %, from resampling
    traces.
    """
    engine = open_database()
    with reading(engine) as session:
        run = (
            get_run(session, annotate_run, RunKind.ANNOTATE)
            if annotate_run is not None
            else get_latest_run(session, RunKind.ANNOTATE)
        )
        known = annotations.list_sources(session, run.id)
    missing = [source for source in (source_a, source_b) if source not in known]
    if missing:
        raise InvalidInput(
            f"expected sources of annotate run {run.id}, which are {', '.join(known) or 'none'}; "
            f"got {', '.join(missing)[:200]}"
        )
    show_agreement(engine, run, source_a, source_b)


def show_agreement(engine: "sa.Engine", run: "Run", source_a: str, source_b: str) -> None:
    """The figures over categories and over macro-strategies, side by side."""
    from annotator import agreement as figures
    from annotator.panel import NOT_INDEPENDENT

    with reading(engine) as session:
        macro = annotations.list_macro_strategies(session, run.parameters["version_id"])
    units = paired_units(engine, run.id, source_a, source_b)
    over = {
        "categories": figures.agreement(units.a, units.b, units.traces),
        "macro-strategies": figures.agreement(
            figures.project(units.a, macro), figures.project(units.b, macro), units.traces
        ),
    }
    _show(over, f"{source_a} and {source_b}: {len(units.traces):,} units")
    if "offline" in (run.model or ""):
        say(f"Note: {NOT_INDEPENDENT}.")


def paired_units(engine: "sa.Engine", run_id: int, source_a: str, source_b: str) -> "PairedUnits":
    """The label sets of both sources on the units of every trace that both annotated."""
    from annotator.consensus import pair_units
    from annotator.steps import ControlledStep

    def steps(source: str) -> dict[int, list[ControlledStep]]:
        with reading(engine) as session:
            return {
                trace: [ControlledStep(row.first, row.end, row.labels) for row in rows]
                for trace, rows in annotations.list_label_sets(session, run_id, source)
            }

    return pair_units(steps(source_a), steps(source_b))


def _show(over: "dict[str, Agreement]", title: str) -> None:
    columns = list(over)
    names = [name for name, _ in over[columns[0]].items()]
    show_table(
        ("figure", *columns),
        [(name, *(_cell(getattr(over[column], name)) for column in columns)) for name in names],
        title=title,
    )


def _cell(figure: "Figure") -> str:
    if figure.value is None:
        return f"undefined: {figure.undefined}"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"
