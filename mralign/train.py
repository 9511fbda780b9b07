"""`mralign train`: a recipe file becomes a trained policy, checked first."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.terminal import progress, say, show_table
from store.errors import InvalidInput, MralignError

if TYPE_CHECKING:
    from alignment.training.launching import Recipe
    from alignment.training.preflight import Preflight
    from alignment.training.recipe import StepMetrics, TrainingResult

app = typer.Typer(add_completion=False)


class LaunchFailed(MralignError):
    """Training processes ended with an error of their own, which they have printed."""


@app.command()
def train(
    recipe: Annotated[
        Path, typer.Argument(help="TOML or JSON: export, output, policy, and settings by name.")
    ],
    dry_run: Annotated[
        bool, typer.Option(help="Check everything, say what would be done, and stop.")
    ] = False,
    resume: Annotated[
        bool, typer.Option(help="Go on from what save_every kept of an interrupted run.")
    ] = False,
    launched: Annotated[
        bool, typer.Option(hidden=True, help="This is one of the processes that were launched.")
    ] = False,
) -> None:
    """Train a policy on an export, as a recipe file says.

    Settings have the names of `alignment/training/recipe.py`; others are refused. `processes` and
    `launch_config` (a file of accelerate's, for FSDP or DeepSpeed) start more than one process.
    """
    from alignment.training.run import mendable

    with mendable():
        from alignment.training.launching import read_recipe

        found = read_recipe(recipe)
    if launched:
        run_beside(found, resume)
    else:
        run_recipe(found, dry_run, resume)


def run_recipe(recipe: "Recipe", dry_run: bool = False, resume: bool = False) -> None:
    """Check a recipe, say what it does, and do it: here, or in processes of its own."""
    from alignment.training.run import mendable

    try:
        with mendable():
            from alignment.training.launching import launch_arguments, write_recipe
            from alignment.training.preflight import check_training

            checked = check_training(recipe.export, recipe.config, recipe.processes)
            show_preflight(checked, recipe)
            if dry_run:
                return
            path = write_recipe(recipe)
        if recipe.is_launched:
            _launch(launch_arguments(recipe, path, resume))
        else:
            show_training(_trained(recipe, resume))
    except ImportError as error:
        raise InvalidInput(f"training needs mralign[train] installed: {error}") from error


def run_beside(recipe: "Recipe", resume: bool) -> None:
    """Take part in a launched run; the main process alone records and prints."""
    from alignment.training.processes import is_main_process
    from alignment.training.run import train_beside

    if is_main_process(recipe.config.device):
        show_training(_trained(recipe, resume))
    else:
        train_beside(recipe.export, recipe.output, recipe.config, resume)


def show_preflight(checked: "Preflight", recipe: "Recipe") -> None:
    """Print what was checked and what the run does."""
    from alignment.training.preflight import gigabytes

    ready, config, memory = checked.prepared, checked.prepared.config, checked.memory
    counts = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in ready.counts.items()
    )
    weights = ready.weights
    spread = f"{weights['min']:.2f} to {weights['max']:.2f}, mean {weights['mean']:.2f}"
    rows = [
        ("policy", f"{config.policy}, {checked.parameters:,} parameters"),
        ("trained", f"{config.tuning}, {checked.trainable:,} parameters, on {checked.device}"),
        ("loss", f"{config.loss}, β {config.beta:g}, λ_c {config.lambda_c:g}, "
                 f"λ_r {config.lambda_r:g}"),
        ("rows", counts),
        ("token weights", spread),
        ("steps", f"{len(ready.steps)} of {config.batch_size} × {config.accumulation} rows,"
                  f" {recipe.processes} process(es), {ready.tokens:,} tokens"),
        ("memory", f"about {gigabytes(memory.needed)} a process, {gigabytes(memory.there)} free"),
        ("output", str(recipe.output)),
    ]  # fmt: skip
    show_table(("what", "value"), rows)
    for warning in checked.warnings:
        say(warning)


def show_training(result: "TrainingResult") -> None:
    """Print the loss curve's ends and where the checkpoint is."""
    show_table(
        ("step", "loss", "z0 (nats)", "margin (nats)", "validation", "tokens"),
        [_shown(step) for step in (result.steps[0], result.steps[-1])],
        f"{len(result.steps)} steps in {result.wall_s:.1f} s, {result.tokens_per_s:.0f} tokens/s",
    )
    if result.peak_memory_bytes is not None:
        say(f"at most {result.peak_memory_bytes / 1e9:.2f} GB of the GPU's memory held")
    say(f"checkpoint in {result.checkpoint}")


def _shown(step: "StepMetrics") -> tuple[object, ...]:
    return step.step, step.loss, step.z0, step.margin, step.validation_loss, step.tokens


def _trained(recipe: "Recipe", resume: bool) -> "TrainingResult":
    from alignment.training.run import train_and_record

    with progress("reference") as scored, progress("train") as trained:
        return train_and_record(
            open_database(), recipe.export, recipe.output, recipe.config,
            lambda metrics: trained(metrics.step, metrics.steps), scored, resume,
        )  # fmt: skip


def _launch(arguments: list[str]) -> None:
    say("starting " + " ".join(arguments[1:5]) + " …")
    ended = subprocess.run(arguments, check=False)
    if ended.returncode:
        raise LaunchFailed(f"the training processes ended with code {ended.returncode}")
