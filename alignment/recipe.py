"""What a training run is told and what it tells: settings, steps, results; no torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class TrainingError(ValueError):
    """A training run cannot start, or cannot go on."""


@dataclass(frozen=True)
class TrainingConfig:
    """Every setting of a training run; the defaults are the paper's where it states one.

    Units: learning rate a step; max_tokens prompt, completion and end token together;
    warmup_share of all optimizer steps; z0_decay of the moving average, a micro-batch.
    """

    policy: str
    beta: float = 0.1
    lambda_c: float = 1.0
    lambda_r: float = 1.5
    learning_rate: float = 5e-6
    epochs: int = 3
    max_steps: int | None = None
    batch_size: int = 2
    accumulation: int = 8
    warmup_share: float = 0.1
    max_grad_norm: float = 1.0
    lora_r: int = 32
    lora_alpha: int | None = None
    max_tokens: int = 4096
    seed: int = 0
    uniform_weights: bool = False
    moving_z0: bool = False
    z0_decay: float = 0.9
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        positive = ("beta", "lambda_c", "lambda_r", "learning_rate", "epochs", "batch_size")
        for name in (*positive, "accumulation", "max_grad_norm", "lora_r", "max_tokens"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} must be above 0; got {getattr(self, name)!r}.")
        if self.max_steps is not None and self.max_steps < 1:
            raise TrainingError(f"max_steps must be at least 1 or None; got {self.max_steps}.")
        for name in ("warmup_share", "z0_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"{name} must be in [0, 1); got {getattr(self, name)!r}.")


@dataclass(frozen=True)
class StepMetrics:
    """One optimizer step: means over its micro-batches.

    Units: rewards, margin and z0 in nats; a reward is None where the step had no such example.
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


@dataclass(frozen=True)
class TrainingResult:
    """What a training run did, for its row in the store."""

    checkpoint: Path
    steps: tuple[StepMetrics, ...]
    counts: dict[str, int]
    weights: dict[str, float]
    warnings: tuple[str, ...]
    taxonomy_hash: str
    trainable_parameters: int
    reference_s: float
    wall_s: float
    tokens: int
    tokens_per_s: float
