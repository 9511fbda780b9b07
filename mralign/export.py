"""`mralign export`: write the training set, and start training on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.terminal import progress, say, show_table
from mralign.transitions import Preset
from store.errors import InvalidInput

if TYPE_CHECKING:
    from alignment.pool import ExportSettings
    from alignment.recipe import TrainingResult
    from alignment.run import ExportReport

app = typer.Typer(add_completion=False)


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option(help="The new folder; by default exports/NUMBER.")
    ] = None,
    annotate_run: Annotated[
        int | None, typer.Option(help="Number of the annotate run; by default the newest.")
    ] = None,
    preset: Annotated[Preset, typer.Option(help="How the matrices are fitted.")] = Preset.CONVERGED,
    balance: Annotated[
        bool, typer.Option(help="Count the moves of either polarity for half of P.")
    ] = False,
    shrink: Annotated[
        float,
        typer.Option(min=0.0, help="Draw the weight of a cell of so many moves halfway to 1."),
    ] = 0.0,
    replicates: Annotated[
        int,
        typer.Option(min=0, help="Corpora drawn for intervals; 0 leaves them out."),
    ] = 200,
    length_filter: Annotated[
        bool, typer.Option(help="Keep only traces inside the paper's length filter.")
    ] = False,
    validation_share: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of questions kept for validation.")
    ] = 0.1,
    policy: Annotated[
        str | None,
        typer.Option(help="A policy's folder or name; its tokenizer counts the tokens."),
    ] = None,
    train: Annotated[bool, typer.Option(help="Train the policy on the export.")] = False,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop training after.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set.")] = 3,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples a micro-batch.")] = 2,
    accumulation: Annotated[int, typer.Option(min=1, help="Micro-batches a step.")] = 8,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 5e-6,
    lambda_r: Annotated[
        float | None,
        typer.Option(help="Weight of undesirable examples; by default what balances them."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training run.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder for the trained adapter; by default beside OUT.")
    ] = None,
) -> None:
    """Write the training set of an annotate run as a new folder; train on it with --train.

    The vocabulary has to be frozen. Every polar trace is a row; --length-filter keeps those of
    the paper's length, and the counts are shown either way.
    """
    if train and policy is None:
        raise typer.BadParameter("--train needs --policy PATH_OR_NAME")
    fitting = {"preset": preset.value, "balanced": balance, "shrinkage_moves": shrink}
    settings = _settings(
        fitting, policy, annotate_run_id=annotate_run, length_filter=length_filter,
        validation_share=validation_share, replicates=replicates,
    )  # fmt: skip
    report = _exported(out, settings)
    show_export(report)
    if not train:
        return
    given = {"max_steps": max_steps, "epochs": epochs, "batch_size": batch_size, "seed": seed,
             "accumulation": accumulation, "learning_rate": learning_rate}  # fmt: skip
    chosen = lambda_r or report.manifest["lambda"]["suggested_lambda_r"] or 1.0
    show_training(_trained(report, checkpoint, policy=policy, lambda_r=chosen, **given))


def _settings(fitting: dict[str, Any], policy: str | None, **given: Any) -> "ExportSettings":
    from alignment.fits import FitSettings
    from alignment.pool import APPROXIMATE, ExportSettings, open_tokenizer
    from alignment.run import mendable

    with mendable():
        tokenizer = open_tokenizer(policy) if policy else APPROXIMATE
        return ExportSettings(fitting=FitSettings(**fitting), tokenizer=tokenizer, **given)


def _exported(out: Path | None, settings: "ExportSettings") -> "ExportReport":
    from alignment.run import export_training_set

    return export_training_set(open_database(), out or _free_folder(Path("exports")), settings)


def _free_folder(parent: Path) -> Path:
    """The first numbered folder that is not there."""
    number = 1
    while (parent / f"{number:03}").exists():
        number += 1
    return parent / f"{number:03}"


def show_export(report: "ExportReport") -> None:
    """Print the funnel, the counts, and where the folder is."""
    steps = [(step.name, step.traces, step.questions) for step in report.funnel.steps]
    show_table(("step", "traces", "questions"), steps)
    if not report.manifest["filter"]["applied"]:
        say("the length filter is counted only; --length-filter applies it")
    counts = report.manifest["counts"]
    rows = counts["rows"]
    show_table(
        ("split", "desirable", "undesirable"),
        [(split, rows[split]["desirable"], rows[split]["undesirable"]) for split in rows],
    )
    say(
        f"{counts['units']} units, {counts['units_with_a_move']} with a move,"
        f" {counts['weights_clipped']} weights clipped"
    )
    say(f"tokens counted by {report.manifest['tokenizer']}")
    say(f"export {report.export_id} in {report.folder}")


def _trained(report: "ExportReport", checkpoint: Path | None, **given: Any) -> "TrainingResult":
    from alignment.training_run import checked_config, train_and_record

    config = checked_config(**given)
    folder = report.folder.expanduser().resolve()
    output = checkpoint or folder.with_name(f"{folder.name}-policy")
    try:
        with progress("reference") as scored, progress("train") as trained:
            return train_and_record(
                open_database(),
                folder,
                output,
                config,
                lambda metrics: trained(metrics.step, metrics.steps),
                scored,
            )
    except ImportError as error:
        raise InvalidInput(f"training needs mralign[train] installed: {error}") from error


def show_training(result: "TrainingResult") -> None:
    """Print the loss curve's ends, what training warns of, and where the checkpoint is."""
    for warning in result.warnings:
        say(warning)
    show_table(
        ("step", "loss", "z0 (nats)", "margin (nats)", "tokens"),
        [(step.step, step.loss, step.z0, step.margin, step.tokens)
         for step in (result.steps[0], result.steps[-1])],
        f"{len(result.steps)} steps in {result.wall_s:.1f} s",
    )  # fmt: skip
    say(f"checkpoint in {result.checkpoint}")
