"""`mralign agreement`: how far two sources of controlled labels agree."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.sources import Source, load_source, paired, shared_order
from mralign.terminal import say, show_table
from webapp.studies.comparing import OVER

if TYPE_CHECKING:
    import sqlalchemy as sa

    from alignment.transitions.induced import Distance
    from annotator.agreement.coefficients import Agreement, Figure
    from store.tables import Run
    from webapp.studies.comparing import Compared

app = typer.Typer(add_completion=False)


@app.command()
def agreement(
    between: Annotated[
        str,
        typer.Option(help="run:3/annotator_a, run:3 (its consensus), person:anna, or annotator_a."),
    ] = "annotator_a",
    and_: Annotated[str, typer.Option("--and", help="The other source.")] = "annotator_b",
    resamples: Annotated[
        int, typer.Option(min=0, help="Draws of traces for the intervals of the distance.")
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    svg: Annotated[
        Path | None, typer.Option(help="Write the confusion of categories as a heatmap.")
    ] = None,
) -> None:
    """Show how far two sources agree, over categories and over macro-strategies.

    Any two: annotators and consensus of one run or of two, and people. A source without a run is
    that of the newest one. Units are the common refinement of both sources' steps. Intervals are
    95 %, from resampling traces. The distance is that of the transition matrices that the two
    induce.
    """
    engine = open_database()
    a, b = load_source(engine, between), load_source(engine, and_)
    compared = compare(engine, a, b, resamples)
    if svg is not None:
        _write_svg(svg, compared)
    if as_json:
        typer.echo(json.dumps(compared.document(), ensure_ascii=True, indent=2))
        return
    _show(compared)


@dataclass(frozen=True)
class Comparison:
    """Two sources by name, and what their common units say."""

    a: Source
    b: Source
    found: "Compared"

    def document(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {"between": self.a.name, "and": self.b.name, **self.found.document()}


def compare(engine: "sa.Engine", a: Source, b: Source, resamples: int) -> Comparison:
    """Everything that two sources' common units say.

    Raises:
        InvalidInput: they labelled with different categories, or see different segments.
    """
    from webapp.studies.comparing import compare_units

    macro = shared_order(engine, a, b)
    return Comparison(a, b, compare_units(paired(a, b), macro, resamples))


def _show(comparison: Comparison) -> None:
    from webapp.studies.confusion_view import confusion_text

    a, b, compared = comparison.a, comparison.b, comparison.found
    units = compared.units
    traces = len(set(units.traces))
    title = f"{a.name} and {b.name}: {len(units.traces):,} units of {traces:,} traces"
    rows = figure_rows(compared.figures)
    if compared.distances:
        cells = [_distance_cell(compared.distances[over]) for over in OVER]
        rows.append(("mean ℓ1 of transitions", *cells))
    show_table(("figure", *OVER), rows, title=title)
    if units.traces:
        head = f"what {b.name} called the units of {a.name}, percent of the row"
        for over in reversed(OVER):
            say("\n" + confusion_text(compared.confusions[over], f"{over}: {head}"))
    note_dependence(a.model, b.model)


def _distance_cell(distance: "Distance") -> str:
    if distance.low is None or distance.high is None:
        return f"{distance.percent:.2f} %"
    return f"{distance.percent:.2f} % [{distance.low:.2f}, {distance.high:.2f}]"


def show_agreement(engine: "sa.Engine", run: "Run", source_a: str, source_b: str) -> None:
    """The figures of two sources of a run; nothing where one of them labelled nothing."""
    from store import annotations
    from store.engine import reading

    with reading(engine) as session:
        known = annotations.list_sources(session, run.id)
    if source_a in known and source_b in known:
        a, b = (load_source(engine, f"run:{run.id}/{each}") for each in (source_a, source_b))
        compared = compare(engine, a, b, resamples=0)
        title = f"{source_a} and {source_b}: {len(compared.found.units.traces):,} units"
        show_table(("figure", *OVER), figure_rows(compared.found.figures), title=title)
        note_dependence(a.model, b.model)


def figure_rows(figures: "dict[str, Agreement]") -> list[tuple[str, ...]]:
    """A row a figure, a column each kind of label."""
    names = [name for name, _ in figures[OVER[0]].items()]
    return [(name, *(_cell(getattr(figures[over], name)) for over in OVER)) for name in names]


def note_dependence(*models: str) -> None:
    """Say where the two sources read the same evidence."""
    from annotator.embedded.panel import NOT_INDEPENDENT

    if all("offline" in model for model in models):
        say(f"Note: {NOT_INDEPENDENT}.")


def _cell(figure: "Figure") -> str:
    if figure.value is None:
        return f"undefined: {figure.undefined}"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def _write_svg(path: Path, compared: Comparison) -> None:
    from annotator.exchange.handing import new_file
    from webapp.studies.confusion_view import confusion_svg

    with new_file(path) as file:
        names = compared.a.name, compared.b.name
        file.write(confusion_svg(compared.found.confusions[OVER[0]], *names))
