"""A recipe file, and the argument list that starts training processes from it: never a shell."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alignment.training.recipe import TrainingConfig, TrainingError, config_from

RECIPE_FILE = "recipe.json"
_PLACES = ("export", "output", "processes", "launch_config")


@dataclass(frozen=True)
class Recipe:
    """A training run as a file tells it: what to train on, where to write, how many processes.

    `launch_config` is a file of accelerate's own, which is where FSDP and DeepSpeed are set up.
    """

    export: Path
    output: Path
    config: TrainingConfig
    processes: int = 1
    launch_config: Path | None = None

    @property
    def is_launched(self) -> bool:
        """Whether it takes processes of its own; one alone trains in the process that asked."""
        return self.processes > 1 or self.launch_config is not None


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from TOML or JSON; its paths are relative to the file.

    Raises: TrainingError naming the key that is unknown, missing, or of the wrong kind.
    """
    settings = _read(path)
    places = {name: settings.pop(name) for name in _PLACES if name in settings}
    for name in ("export", "output"):
        if not isinstance(places.get(name), str):
            raise TrainingError(f"{path} must name the folder {name!r} as text.")
    processes, launch = places.get("processes", 1), places.get("launch_config")
    if type(processes) is not int or processes < 1:
        raise TrainingError(f"processes must be a number from 1; got {processes!r}.")
    if launch is not None and not isinstance(launch, str):
        raise TrainingError(f"launch_config must name a file; got {launch!r}.")
    around = path.resolve().parent
    return Recipe(
        export=around / Path(places["export"]).expanduser(),
        output=around / Path(places["output"]).expanduser(),
        config=config_from(settings),
        processes=processes,
        launch_config=None if launch is None else around / Path(launch).expanduser(),
    )


def write_recipe(recipe: Recipe) -> Path:
    """Write a recipe into its output folder, from where `mralign train` runs it again."""
    recipe.output.mkdir(parents=True, exist_ok=True)
    launch = recipe.launch_config
    document: dict[str, Any] = {
        "export": str(recipe.export.resolve()),
        "output": str(recipe.output.resolve()),
        "processes": recipe.processes,
        **({} if launch is None else {"launch_config": str(launch.resolve())}),
        **asdict(recipe.config),
    }
    path = recipe.output / RECIPE_FILE
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def read_settings(path: Path) -> dict[str, Any]:
    """Read settings of training alone from TOML or JSON, each known by name.

    Raises: TrainingError naming a key that is none.
    """
    settings = _read(path)
    config_from({"policy": "", **settings})
    return settings


def launch_arguments(recipe: Recipe, path: Path, resume: bool) -> list[str]:
    """Return the command that trains a recipe in processes of its own, as a list of arguments.

    accelerate starts them on GPUs or by its own configuration; on a CPU torch does.
    """
    train = ["mralign", "train", str(path), "--launched", *(["--resume"] if resume else [])]
    if recipe.launch_config is not None:
        configured = ["--config_file", str(recipe.launch_config)]
        if recipe.processes > 1:
            configured += ["--num_processes", str(recipe.processes)]
        return [sys.executable, "-m", "accelerate.commands.launch", *configured, "-m", *train]
    if recipe.config.device == "cpu":
        torchrun = ["torch.distributed.run", "--standalone"]
        return [
            sys.executable,
            "-m",
            *torchrun,
            f"--nproc_per_node={recipe.processes}",
            "-m",
            *train,
        ]
    several = ["--num_processes", str(recipe.processes), "--multi_gpu"]
    return [sys.executable, "-m", "accelerate.commands.launch", *several, "-m", *train]


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise TrainingError(f"{path} cannot be read as a recipe: {error}") from error
    if not isinstance(found, Mapping):
        raise TrainingError(f"{path} must hold settings by name, in TOML or as a JSON object.")
    return dict(found)
