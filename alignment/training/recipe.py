"""What a training run is told and what it tells: settings, steps, results; no torch here."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

LOSSES = ("kto", "apo_zero", "sft")
TUNINGS = ("lora", "qlora", "full")
DTYPES = ("auto", "float32", "bfloat16")
SFT_LEARNING_RATE, KTO_LEARNING_RATE = 1e-4, 5e-6
# What may differ between a run and the run that goes on with it: none of it changes a loss.
_FREE_TO_CHANGE = ("device", "save_every", "report_to", "reference_cache", "forward_tokens")


class TrainingError(ValueError):
    """A training run cannot start, or cannot go on."""


@dataclass(frozen=True)
class TrainingConfig:
    """Every setting of a training run; the defaults are the paper's where it states one.

    `loss` sft learns from the desirable rows alone. `lambda_r` None takes what balances the two
    polarities; `learning_rate` None is 1e-4 for sft and 5e-6 otherwise. `clip` c clips each
    segment's ratio to [1/c, c] again; None keeps the export's weights. `forward_tokens` None
    lets the device decide how many padded tokens one forward may hold; it changes memory and
    time, never a loss. `reference_cache` names a folder that several runs share. `deterministic`
    gives the same bits every time on a GPU as well, at a part of its speed.

    Units: learning rate a step; max_tokens prompt, completion and end token together;
    warmup_share of all optimizer steps; z0_decay of the moving average, a micro-batch;
    batch_size examples a process; save_every optimizer steps, 0 for never.
    """

    policy: str
    loss: str = "kto"
    beta: float = 0.1
    lambda_c: float = 1.0
    lambda_r: float | None = 1.5
    clip: float | None = None
    uniform_weights: bool = False
    moving_z0: bool = False
    z0_decay: float = 0.9
    learning_rate: float | None = None
    epochs: int = 3
    max_steps: int | None = None
    batch_size: int = 2
    accumulation: int = 8
    warmup_share: float = 0.1
    max_grad_norm: float = 1.0
    tuning: str = "lora"
    lora_r: int = 32
    lora_alpha: int | None = None
    max_tokens: int = 4096
    forward_tokens: int | None = None
    gradient_checkpointing: bool = False
    deterministic: bool = False
    seed: int = 0
    device: str = "auto"
    dtype: str = "auto"
    save_every: int = 0
    reference_cache: str | None = None
    report_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.report_to, list):  # as JSON and TOML have it
            object.__setattr__(self, "report_to", tuple(self.report_to))
        _check_kinds(self)
        _check_ranges(self)

    @property
    def peak_rate(self) -> float:
        """The learning rate at the end of the warm-up."""
        if self.learning_rate is not None:
            return self.learning_rate
        return SFT_LEARNING_RATE if self.loss == "sft" else KTO_LEARNING_RATE

    @property
    def needs_pairs(self) -> bool:
        """Whether the loss takes z0 from mismatched pairs."""
        return self.loss == "kto"

    @property
    def needs_reference(self) -> bool:
        """Whether the loss sets the policy against its reference."""
        return self.loss != "sft"

    def fingerprint(self) -> str:
        """A hash of every setting that a loss depends on."""
        settled = {k: v for k, v in asdict(self).items() if k not in _FREE_TO_CHANGE}
        return hashlib.sha256(json.dumps(settled, sort_keys=True).encode()).hexdigest()


def config_from(settings: Mapping[str, Any]) -> TrainingConfig:
    """Make a config out of settings by name, as a file or a command line has them.

    Raises: TrainingError naming a key that is not a setting, and the nearest one that is.
    """
    known = [field.name for field in fields(TrainingConfig)]
    for name in settings:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}."
            raise TrainingError(f"{name!r} is no setting of training; {hint}")
    if "policy" not in settings:
        raise TrainingError("Training needs a policy: a folder or a model's name.")
    return TrainingConfig(**settings)


@dataclass(frozen=True)
class StepMetrics:
    """One optimizer step: means over its examples, or its micro-batches for loss and z0.

    Units: rewards, margin and z0 in nats; a reward is None where the step had no such example,
    the validation loss where none was measured after the step; weight_mean over completion
    tokens; tokens_per_s of the prompt and completion tokens trained on.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    z0: float
    reward_desirable: float | None
    reward_undesirable: float | None
    margin: float | None
    learning_rate: float
    grad_norm: float
    tokens: int
    elapsed_s: float
    tokens_per_s: float = 0.0
    weight_mean: float = 1.0
    validation_loss: float | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What a training run did, for its row in the store.

    `distributed` is accelerate's word for how processes shared the work. `peak_memory_bytes` is
    what tensors took of the main process's GPU at most; None without one.
    """

    checkpoint: Path
    steps: tuple[StepMetrics, ...]
    counts: dict[str, int]
    weights: dict[str, float]
    warnings: tuple[str, ...]
    taxonomy_hash: str
    policy_hash: str
    lambda_r: float
    trainable_parameters: int
    reference_s: float
    wall_s: float
    tokens: int
    tokens_per_s: float
    processes: int = 1
    distributed: str = "NO"
    peak_memory_bytes: int | None = None


def _check_kinds(config: TrainingConfig) -> None:
    """A value of the wrong kind is refused by name, before it can fail in the middle of a run."""
    kinds: dict[str, tuple[type, ...]] = {
        "str": (str,), "float": (int, float), "int": (int,), "bool": (bool,),
        "tuple[str, ...]": (tuple,), "None": (type(None),),
    }  # fmt: skip
    for field in fields(config):
        value = getattr(config, field.name)
        allowed = tuple(kind for part in str(field.type).split(" | ") for kind in kinds[part])
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise TrainingError(f"{field.name} must be {field.type}; got {value!r}.")


def _check_ranges(config: TrainingConfig) -> None:
    positive = ("beta", "lambda_c", "lambda_r", "learning_rate", "epochs", "batch_size", "clip")
    more = ("accumulation", "max_grad_norm", "lora_r", "lora_alpha", "max_tokens")
    for name in (*positive, *more, "max_steps", "forward_tokens"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise TrainingError(f"{name} must be above 0; got {value!r}.")
    if config.clip is not None and config.clip < 1:
        raise TrainingError(f"clip c keeps ratios in [1/c, c], so c is at least 1; {config.clip}.")
    if config.save_every < 0:
        raise TrainingError(f"save_every must not be below 0; got {config.save_every}.")
    for name in ("warmup_share", "z0_decay"):
        if not 0 <= getattr(config, name) < 1:
            raise TrainingError(f"{name} must be in [0, 1); got {getattr(config, name)!r}.")
    _check_words(config)


def _check_words(config: TrainingConfig) -> None:
    for name, words in (("loss", LOSSES), ("tuning", TUNINGS), ("dtype", DTYPES)):
        if getattr(config, name) not in words:
            raise TrainingError(
                f"{name} must be one of {', '.join(words)}; got {getattr(config, name)!r}."
            )
