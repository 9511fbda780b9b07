"""The processes that train together: one alone, or as many as `accelerate launch` started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alignment.training.recipe import TrainingError

PROJECT = "mralign"


@dataclass(frozen=True)
class Processes:
    """A thin hold on accelerate, which knows DDP, FSDP and DeepSpeed by its own configuration."""

    accelerator: Any

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return int(self.accelerator.process_index)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.accelerator.num_processes)

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes."""
        return bool(self.accelerator.is_main_process)

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device(self.accelerator.device)

    @property
    def kind(self) -> str:
        """Accelerate's word for how they share the work: NO, MULTI_GPU, FSDP, DEEPSPEED."""
        return str(self.accelerator.distributed_type).rpartition(".")[2]

    @property
    def shards_parameters(self) -> bool:
        """Whether a process may hold a part of the weights only, as under FSDP and DeepSpeed."""
        return self.kind in ("FSDP", "DEEPSPEED")

    def peak_memory_bytes(self) -> int | None:
        """The most that tensors held of the GPU since these were opened; None without one."""
        if self.device.type != "cuda":
            return None
        return int(torch.cuda.max_memory_allocated(self.device))

    def prepare(self, *parts: Any) -> Any:
        """Wrap modules and optimizers for these processes."""
        return self.accelerator.prepare(*parts)

    def add_up(self, values: Tensor) -> Tensor:
        """Add a tensor up over the processes; every process gets the sum."""
        return values if self.count == 1 else self.accelerator.reduce(values, reduction="sum")

    def gather_objects(self, value: Any) -> list[Any]:
        """Return every process's value, in the order of their ranks."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        return list(gather_object([value]))

    def backward(self, loss: Tensor, last: bool) -> None:
        """Add gradients up; only the last backward of a step sends them to the others."""
        self.accelerator.gradient_state._set_sync_gradients(last)
        self.accelerator.backward(loss)

    def clip(self, parameters: Sequence[Tensor], highest_norm: float) -> float:
        """Scale gradients down to a norm and return what it was; DeepSpeed does that itself."""
        norm = self.accelerator.clip_grad_norm_(parameters, highest_norm)
        return 0.0 if norm is None else float(norm)

    def wait(self) -> None:
        """Wait until every process is here."""
        self.accelerator.wait_for_everyone()

    def track(self, figures: Mapping[str, Any], step: int) -> None:
        """Send figures to the trackers, where there are any."""
        if self.accelerator.trackers:
            self.accelerator.log(dict(figures), step=step)

    def end_tracking(self) -> None:
        """Let the trackers write out what they hold."""
        if self.accelerator.trackers:
            self.accelerator.end_training()


def open_processes(
    device: str, report_to: Sequence[str], folder: Path, settings: Mapping[str, Any]
) -> Processes:
    """Join the processes that were launched, and open the trackers.

    Raises: TrainingError where a tracker is unknown or not installed.
    """
    from accelerate import Accelerator

    check_trackers(report_to)
    accelerator = Accelerator(
        cpu=device == "cpu", log_with=list(report_to) or None, project_dir=str(folder)
    )
    _settle_deepspeed(accelerator, settings)
    if accelerator.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(accelerator.device)
    if report_to:
        plain = {
            name: value if isinstance(value, int | float | str | bool) else str(value)
            for name, value in settings.items()
        }
        accelerator.init_trackers(PROJECT, config=plain)
    return Processes(accelerator)


def _settle_deepspeed(accelerator: Any, settings: Mapping[str, Any]) -> None:
    """Fill in what DeepSpeed takes from a data loader elsewhere, where its file leaves it open."""
    plugin = accelerator.state.deepspeed_plugin
    if plugin is None:
        return
    for name, setting in (
        ("train_micro_batch_size_per_gpu", "batch_size"),
        ("gradient_clipping", "max_grad_norm"),
    ):
        if plugin.deepspeed_config.get(name, "auto") in ("auto", None):
            plugin.deepspeed_config[name] = settings[setting]


def check_trackers(names: Sequence[str]) -> None:
    """Refuse a tracker that accelerate does not know or cannot import.

    Raises: TrainingError naming it and what there is.
    """
    if not names:
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
    from accelerate.utils import LoggerType

    known = sorted(map(str, LOGGER_TYPE_TO_CLASS))
    missing = {str(each) for each in LoggerType} - {str(each) for each in get_available_trackers()}
    for name in names:
        if name not in known:
            raise TrainingError(f"{name!r} is no tracker; known are {', '.join(known)}.")
        if name in missing:
            raise TrainingError(f"The tracker {name!r} is not installed: pip install {name}.")


def is_main_process(device: str) -> bool:
    """Say whether this is the process that speaks to the store, before training begins."""
    from accelerate import PartialState

    return bool(PartialState(cpu=device == "cpu").is_main_process)
