"""`mralign transitions`: how the reasoning moves between categories, and what a move weighs."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table

if TYPE_CHECKING:
    from alignment.export.pool import Sureness
    from alignment.transitions.differences import Cell, Differences
    from alignment.transitions.fits import Fits

app = typer.Typer(
    help="How the reasoning moves between categories.", no_args_is_help=True, add_completion=False
)


class Preset(StrEnum):
    """How the matrices are fitted: EM to its end, the paper's five steps, or an ablation."""

    CONVERGED = "converged"
    PAPER = "paper"
    FREQUENCY = "frequency"
    SINGLE = "single"


class Which(StrEnum):
    """A matrix by its name."""

    P = "p"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    WEIGHTS_POSITIVE = "weights+"
    WEIGHTS_NEGATIVE = "weights-"


@app.callback()
def transitions() -> None:
    """How the reasoning moves between categories."""


@app.command()
def show(
    annotate_run: Annotated[
        int | None, typer.Option(help="Number of the annotate run; by default the newest.")
    ] = None,
    preset: Annotated[Preset, typer.Option(help="How the matrices are fitted.")] = Preset.CONVERGED,
    all_: Annotated[
        bool, typer.Option("--all", help="P alone, over every annotated trace.")
    ] = False,
    which: Annotated[
        list[Which] | None, typer.Option(help="A matrix to show; repeat it for more.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Write the matrix as a heatmap; takes one --which.")
    ] = None,
    cells: Annotated[
        int, typer.Option(min=0, help="List so many of the busiest cells, with 95 % intervals.")
    ] = 0,
) -> None:
    """Show P, P⁺, P⁻ and the weights of single-label moves.

    The matrices are fitted on the polar traces of the training split, as an export fits them.
    """
    from alignment.export.pool import ExportSettings
    from alignment.export.run import fit_transitions, fit_with_sureness
    from alignment.transitions.fits import FitSettings
    from store.engine import reading

    names = which or ([Which.P] if all_ else list(Which))
    if all_ and names != [Which.P]:
        raise typer.BadParameter("--all fits P alone: leave out --which, or --all")
    if all_ and cells:
        raise typer.BadParameter("--cells tells of both polarities: leave out --all")
    if svg and len(names) != 1:
        raise typer.BadParameter("--svg takes exactly one --which")
    settings = ExportSettings(annotate_run_id=annotate_run, fitting=FitSettings(preset.value))
    with reading(open_database()) as session:
        if cells:
            fits, sureness = fit_with_sureness(session, settings)
        else:
            fits, sureness = fit_transitions(session, settings, all_traces=all_), None
    show_fits(fits, names)
    if sureness is not None:
        show_cells(fits, sureness, cells)
    if svg:
        from alignment.transitions.report import heatmap_svg

        _write(svg, heatmap_svg(fits.heatmap(names[0].value)), "heatmap")


def show_cells(fits: "Fits", sureness: "Sureness", count: int) -> None:
    """Print the cells with the most moves: support, chances and weights with their intervals."""
    import numpy as np

    support, states = fits.overall.support, sureness.differences.states
    order = np.argsort(-support[:-1], axis=None, kind="stable")[:count]
    places = [divmod(int(place), len(states)) for place in order]
    shown = [place for place in places if support[place] > 0.0]
    columns = {which: _ranges(fits, sureness, which, shown) for which in Which}
    rows = [
        (states[place[0]], states[place[1]], f"{support[place]:.1f}",
         *(columns[which][number] for which in Which),
         "yes" if sureness.differences.differs[place] else "")
        for number, place in enumerate(shown)
    ]  # fmt: skip
    names = ("P %", "P⁺ %", "P⁻ %", "weight +", "weight -")
    show_table(("from", "to", "moves", *names, "differs"), rows, "busiest cells, 95 % intervals")


def _ranges(
    fits: "Fits", sureness: "Sureness", which: Which, places: list[tuple[int, int]]
) -> list[str]:
    """Each cell of a matrix with the ends of its interval."""
    matrix, interval = fits.matrix(which.value), sureness.drawn.interval(which.value)
    times, digits = (1.0, 2) if which.value.startswith("weights") else (100.0, 1)
    return [
        f"{times * matrix[place]:.{digits}f}"
        f" ({times * interval.low[place]:.{digits}f}–{times * interval.high[place]:.{digits}f})"
        for place in places
    ]


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A group, such as polarity=negative.")],
    second: Annotated[str, typer.Argument(help="Another, such as polarity=positive.")],
    preset: Annotated[Preset, typer.Option(help="How the matrices are fitted.")] = Preset.CONVERGED,
    replicates: Annotated[
        int, typer.Option(min=20, help="Corpora drawn for intervals, and shuffles for chance.")
    ] = 400,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    heatmap: Annotated[
        Path | None, typer.Option(help="Write the differences as a heatmap (SVG).")
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Write the largest changes as a graph (SVG).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write all of it as JSON.")] = None,
) -> None:
    """Compare two groups of annotated traces: mean ℓ1, the largest changes, what differs for sure.

    A group is words joined by commas: run=N, version=NAME, source=NAME, polarity=positive or
    negative, model=NAME, dataset=NAME; or all. Without a run it is the newest. Two runs over the
    same traces are before and after: each trace is then compared with itself.
    """
    from alignment.export.run import mendable
    from alignment.inspection.groups import load_group, share_categories
    from alignment.transitions.differences import compare as compare_traces
    from alignment.transitions.fits import FitSettings
    from store.engine import reading

    with reading(open_database()) as session:
        one, other = share_categories(load_group(session, first), load_group(session, second))
    with mendable():
        found = compare_traces(
            one.traces, other.traces, one.categories, FitSettings(preset.value), replicates, seed
        )
    show_differences(found, (first, second))
    _write_differences(found, f"{second} minus {first}", heatmap, graph, out)


def show_differences(found: "Differences", names: tuple[str, str]) -> None:
    """Print both groups, how far apart they are, and the ten largest changes each way."""
    show_table(
        ("group", "traces", "moves", "iterations"),
        [
            (name, traces, fit.move_count, fit.iterations)
            for name, traces, fit in zip(
                names, found.trace_counts, (found.first, found.second), strict=True
            )
        ],
    )
    low, high = found.l1_interval
    say(
        f"mean l1 {100 * found.l1:.2f} % ({100 * low:.2f} to {100 * high:.2f}); groups of these"
        f" sizes differ by {100 * found.l1_by_chance:.2f} % by chance, p {found.l1_p_value:.3f}"
    )
    if found.paired_traces:
        say(f"{found.paired_traces} traces stand in both groups and were compared with themselves")
    columns = ("from", "to", *names, "points", "low", "high", "p", "beyond chance")
    for title, cells in zip(
        ("likelier in the second", "less likely"), found.largest(), strict=True
    ):
        show_table(columns, [_cell_row(cell) for cell in cells], title)
    say(
        f"{int(found.differs.sum())} of {int(found.tested.sum())} cells with 5 moves or more differ"
        " beyond chance (false discoveries held to 5 %)"
    )


def _cell_row(cell: "Cell") -> tuple[object, ...]:
    points = (f"{100 * value:+.1f}" for value in (cell.delta, cell.low, cell.high))
    shares = f"{100 * cell.first:.1f}", f"{100 * cell.second:.1f}"
    return (cell.source, cell.target, *shares, *points, cell.p_value,
            "yes" if cell.differs else "")  # fmt: skip


def _write_differences(
    found: "Differences", title: str, heatmap: Path | None, graph: Path | None, out: Path | None
) -> None:
    from alignment.transitions.delta_graph import delta_graph_svg
    from alignment.transitions.report import Heatmap, heatmap_svg

    if heatmap:
        _write(heatmap, heatmap_svg(Heatmap(found.delta, found.states, title, "delta")), "heatmap")
    if graph:
        rising, falling = found.largest()
        _write(graph, delta_graph_svg((*rising, *falling), title), "graph")
    if out:
        text = json.dumps(found.document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        _write(out, text, "differences")


def show_fits(fits: "Fits", names: list[Which]) -> None:
    """Print the matrices and how each was fitted."""
    from alignment.transitions.report import matrix_text

    for name in names:
        say(matrix_text(fits.heatmap(name.value)) + "\n")
    fitted = {"P": fits.overall, "P⁺": fits.positive, "P⁻": fits.negative}
    counts = list(fits.trace_counts.values())
    show_table(
        ("matrix", "traces", "moves", "iterations", "converged", "log likelihood (nats)"),
        [
            (name, traces, fit.move_count, fit.iterations, "yes" if fit.converged else "no",
             fit.log_likelihood_nats[-1])
            for (name, fit), traces in zip(fitted.items(), counts, strict=False)
            if fit is not None
        ],
        f"fitted with preset {fits.preset}",
    )  # fmt: skip


def _write(path: Path, text: str, what: str) -> None:
    from store.errors import InvalidInput

    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error}") from error
    say(f"{what} in {path}")
