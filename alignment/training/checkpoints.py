"""Checkpoints, whole or not there: what a run trained, and what it needs to go on."""

from __future__ import annotations

import json
import pickle
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from alignment.policies.policy import Policy
from alignment.training.processes import Processes
from alignment.training.recipe import StepMetrics, TrainingError

STATE_FILE = "training.json"
PROGRESS_FILE, MOVING_FILE, SHARDS = "progress.json", "moving.pt", "shards"


@dataclass(frozen=True)
class Moving:
    """What changes from step to step besides the moving mean of z0."""

    model: Any
    optimizer: Any
    processes: Processes


@dataclass(frozen=True)
class Progress:
    """How far a run came, and the moving mean of its z0 estimates."""

    metrics: tuple[StepMetrics, ...]
    moving_mean: float


def write_checkpoint(
    folder: Path,
    policy: Policy,
    state: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write adapter (or model), tokenizer and state beside `folder`, then put them in its place.

    `weights` stand for the model's own where the model holds only a part of them. A run that is
    killed on the way leaves an earlier checkpoint as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    adapted = hasattr(policy.model, "peft_config")
    options: dict[str, Any] = {"save_embedding_layers": False} if adapted else {}
    if weights is not None:
        options["state_dict"] = weights
    try:
        policy.model.save_pretrained(str(fresh), **options)
        policy.tokenizer.save_pretrained(str(fresh))
        text = json.dumps(state, indent=2, ensure_ascii=False, allow_nan=False, default=str)
        (fresh / STATE_FILE).write_text(text + "\n", encoding="utf-8")
        _replace(folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_state(folder: Path) -> dict[str, Any]:
    """Return what `write_checkpoint` was told about the run."""
    return dict(json.loads((folder / STATE_FILE).read_text(encoding="utf-8")))


def write_progress(folder: Path, moving: Moving, progress: Progress, fingerprint: str) -> None:
    """Write trained weights, optimizer, random state and steps; the earlier ones stay till then.

    Every process calls it. Weights that never change are not written; where processes hold
    shards, accelerate writes each process's own.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    if moving.processes.is_main:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    moving.processes.wait()
    if moving.processes.shards_parameters:
        moving.processes.accelerator.save_state(str(partial / SHARDS))
    elif moving.processes.is_main:
        torch.save(_moving_state(moving), partial / MOVING_FILE)
    moving.processes.wait()
    if moving.processes.is_main:
        steps = [asdict(step) for step in progress.metrics]
        document = {"fingerprint": fingerprint, "moving_mean": progress.moving_mean, "steps": steps}
        (partial / PROGRESS_FILE).write_text(json.dumps(document), encoding="utf-8")
        _replace(folder, partial)
    moving.processes.wait()


def read_progress(folder: Path, moving: Moving, fingerprint: str) -> Progress | None:
    """Put weights, optimizer and random state back; None where there is nothing to go on from.

    Raises: TrainingError where other settings, rows, weights or processes wrote it.
    """
    path = folder / PROGRESS_FILE
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        steps = tuple(StepMetrics(**step) for step in document["steps"])
        same, mean = document["fingerprint"] == fingerprint, float(document["moving_mean"])
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path} is broken ({error}); delete {folder} to begin anew."
        ) from error
    if not same:
        raise TrainingError(
            f"{folder} belongs to a run with other settings, rows, weights or processes: "
            "use those again, name another output folder, or delete it."
        )
    _restore(folder, moving)
    return Progress(steps, mean)


def drop_progress(folder: Path) -> None:
    """Remove what a finished run no longer needs."""
    shutil.rmtree(folder, ignore_errors=True)


def _moving_state(moving: Moving) -> dict[str, Any]:
    gpu = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return {
        "weights": {name: p.detach() for name, p in _trained(moving.model)},
        "optimizer": moving.optimizer.state_dict(),
        "random": torch.get_rng_state(),
        "random_gpu": gpu,
    }


def _restore(folder: Path, moving: Moving) -> None:
    if moving.processes.shards_parameters:
        moving.processes.accelerator.load_state(str(folder / SHARDS))
        return
    try:
        state = torch.load(folder / MOVING_FILE, map_location="cpu", weights_only=True)
        with torch.no_grad():
            for name, parameter in _trained(moving.model):
                parameter.copy_(state["weights"][name])
        moving.optimizer.load_state_dict(state["optimizer"])
    except (OSError, KeyError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"{folder} cannot be read ({error}); delete it to begin anew."
        ) from error
    torch.set_rng_state(state["random"])
    if state["random_gpu"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["random_gpu"])


def _trained(model: Any) -> Sequence[tuple[str, torch.Tensor]]:
    return [(name, p) for name, p in model.named_parameters() if p.requires_grad]


def _replace(folder: Path, fresh: Path) -> None:
    fresh.chmod(0o755)
    if not folder.exists():
        fresh.replace(folder)
        return
    old = fresh.with_name(f"{fresh.name}-old")
    folder.replace(old)
    fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
