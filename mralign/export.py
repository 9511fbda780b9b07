"""`mralign export`: write the training set, and start training on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.funnel import show_funnel
from mralign.terminal import say, show_table
from mralign.transitions import Preset

if TYPE_CHECKING:
    from alignment.export.pool import ExportSettings
    from alignment.export.run import ExportReport
    from alignment.training.recipe import TrainingConfig

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
    formats: Annotated[
        str,
        typer.Option(help="More formats, by commas: trl, llama-factory, parquet, hf."),
    ] = "",
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
    learning_rate: Annotated[
        float | None,
        typer.Option(min=0.0, help="Peak learning rate; by default 5e-6, and 1e-4 for sft."),
    ] = None,
    lambda_r: Annotated[
        float | None,
        typer.Option(help="Weight of undesirable examples; by default what balances them."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the training run.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder for the trained adapter; by default beside OUT.")
    ] = None,
    loss: Annotated[str, typer.Option(help="kto, apo_zero, or sft.")] = "kto",
    uniform_weights: Annotated[
        bool, typer.Option(help="Weigh every token 1, which is plain KTO.")
    ] = False,
    tuning: Annotated[str, typer.Option(help="lora, qlora, or full.")] = "lora",
    report_to: Annotated[
        str, typer.Option(help="Trackers, by commas: tensorboard, wandb, mlflow …")
    ] = "",
    settings: Annotated[
        Path | None, typer.Option(help="TOML or JSON of more settings of training, by name.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Train in so many processes.")] = 1,
    launch_config: Annotated[
        Path | None, typer.Option(help="accelerate's own file, for FSDP or DeepSpeed.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Write the export, check the training, and stop before it.")
    ] = False,
) -> None:
    """Write the training set of an annotate run as a new folder; train on it with --train.

    The vocabulary has to be frozen. Every polar trace is a row; --length-filter keeps those of
    the paper's length, and the counts are shown either way.
    """
    if (train or dry_run) and policy is None:
        raise typer.BadParameter("--train needs --policy PATH_OR_NAME")
    fitting = {"preset": preset.value, "balanced": balance, "shrinkage_moves": shrink}
    exporting = _settings(
        fitting, policy, annotate_run_id=annotate_run, length_filter=length_filter,
        validation_share=validation_share, replicates=replicates, formats=_formats(formats),
    )  # fmt: skip
    given = {"policy": policy, "max_steps": max_steps, "epochs": epochs, "batch_size": batch_size,
             "accumulation": accumulation, "learning_rate": learning_rate, "lambda_r": lambda_r,
             "seed": seed, "loss": loss, "uniform_weights": uniform_weights, "tuning": tuning,
             "report_to": _names(report_to)}  # fmt: skip
    config = _config(given, settings) if train or dry_run else None
    report = _exported(out, exporting)
    show_export(report)
    if config is not None:
        _train(report.folder, checkpoint, config, processes, launch_config, dry_run)


def _config(given: dict[str, Any], settings: Path | None) -> "TrainingConfig":
    """What the options say, and the file, whose word counts where both speak."""
    from alignment.training.launching import read_settings
    from alignment.training.run import checked_config, mendable

    with mendable():
        more = read_settings(settings) if settings else {}
    return checked_config(**{**given, **more})


def _train(
    exported: Path,
    checkpoint: Path | None,
    config: "TrainingConfig",
    processes: int,
    launch_config: Path | None,
    dry_run: bool,
) -> None:
    from alignment.training.launching import Recipe
    from mralign.train import run_recipe

    folder = exported.expanduser().resolve()
    output = (checkpoint or folder.with_name(f"{folder.name}-policy")).expanduser().resolve()
    launch = launch_config.expanduser().resolve() if launch_config else None
    run_recipe(Recipe(folder, output, config, processes, launch), dry_run)


def _settings(fitting: dict[str, Any], policy: str | None, **given: Any) -> "ExportSettings":
    from alignment.export.pool import APPROXIMATE, ExportSettings, open_tokenizer
    from alignment.export.run import mendable
    from alignment.transitions.fits import FitSettings

    with mendable():
        tokenizer = open_tokenizer(policy) if policy else APPROXIMATE
        return ExportSettings(fitting=FitSettings(**fitting), tokenizer=tokenizer, **given)


def _formats(names: str) -> tuple[str, ...]:
    from alignment.export.formats import FORMATS

    found = _names(names)
    unknown = [name for name in found if name not in FORMATS]
    if unknown:
        raise typer.BadParameter(f"expected formats out of {', '.join(FORMATS)}, got {unknown[0]}")
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _exported(out: Path | None, settings: "ExportSettings") -> "ExportReport":
    from alignment.export.run import export_training_set

    return export_training_set(open_database(), out or _free_folder(Path("exports")), settings)


def _free_folder(parent: Path) -> Path:
    """The first numbered folder that is not there."""
    number = 1
    while (parent / f"{number:03}").exists():
        number += 1
    return parent / f"{number:03}"


def show_export(report: "ExportReport") -> None:
    """Print the funnel, the counts, and where the folder is."""
    show_funnel(report.funnel)
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
