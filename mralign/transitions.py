"""`mralign transitions`: how the reasoning moves between categories, and what a move weighs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table

if TYPE_CHECKING:
    from alignment.fits import Fits

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
) -> None:
    """Show P, P⁺, P⁻ and the weights of single-label moves.

    The matrices are fitted on the polar traces of the training split, as an export fits them.
    """
    from alignment.fits import FitSettings
    from alignment.pool import ExportSettings
    from alignment.run import fit_transitions
    from store.engine import reading

    names = which or ([Which.P] if all_ else list(Which))
    if all_ and names != [Which.P]:
        raise typer.BadParameter("--all fits P alone: leave out --which, or --all")
    if svg and len(names) != 1:
        raise typer.BadParameter("--svg takes exactly one --which")
    settings = ExportSettings(annotate_run_id=annotate_run, fitting=FitSettings(preset.value))
    with reading(open_database()) as session:
        fits = fit_transitions(session, settings, all_traces=all_)
    show_fits(fits, names)
    if svg:
        _write_svg(fits, names[0], svg)


def show_fits(fits: "Fits", names: list[Which]) -> None:
    """Print the matrices and how each was fitted."""
    from alignment.report import matrix_text

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


def _write_svg(fits: "Fits", name: Which, path: Path) -> None:
    from alignment.report import heatmap_svg
    from store.errors import InvalidInput

    try:
        path.write_text(heatmap_svg(fits.heatmap(name.value)), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error}") from error
    say(f"heatmap in {path}")
