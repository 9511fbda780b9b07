"""What a step trains on and what comes of it: folds, outcomes, and a step's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from alignment.training.batches import MicroBatch
from alignment.training.recipe import TrainingConfig
from alignment.training.reference import PairedExamples, ReferenceCache


@dataclass(frozen=True)
class Fold:
    """Examples with what the reference says of them: the training split, or the validation's."""

    data: PairedExamples
    reference: ReferenceCache

    def desirable(self, indices: Sequence[int]) -> Tensor:
        """Say which of these are desirable. Shapes: [n]."""
        flags = [self.data.examples[i].desirable for i in indices]
        return torch.tensor(flags, dtype=torch.bool, device=self.data.device)


@dataclass(frozen=True)
class Outcome:
    """What a step's examples came to, each with its share of the loss.

    Shapes: all [examples]; z0 [micro-batches].
    """

    losses: Tensor
    rewards: Tensor
    shares: Tensor
    desirable: Tensor
    z0: Tensor

    @property
    def loss(self) -> float:
        """The shares' sum of the losses."""
        return float((self.losses * self.shares).sum())

    def mean_reward(self, desirable: bool) -> float | None:
        """Mean r of one side; None where the step has none of it."""
        side = self.rewards[self.desirable == desirable]
        return float(side.mean()) if side.numel() else None


def example_shares(fold: Fold, micros: Sequence[MicroBatch], config: TrainingConfig) -> Tensor:
    """How much each example's loss counts in a step: the mean over micro-batches of their means.

    For sft the loss is summed over tokens and counts by the step's tokens. Shapes: → [examples].
    """
    order = [(len(micro.examples), index) for micro in micros for index in micro.examples]
    if config.needs_reference:
        return torch.tensor([1 / (len(micros) * size) for size, _ in order])
    tokens = sum(len(fold.data.examples[index].completion_ids) for _, index in order)
    return torch.full((len(order),), 1 / tokens)


def step_figures(
    fold: Fold, micros: Sequence[MicroBatch], outcome: Outcome, config: TrainingConfig
) -> dict[str, Any]:
    """The figures of a step that its outcome decides, by `StepMetrics`' names."""
    examples = [fold.data.examples[i] for micro in micros for i in micro.examples]
    desirable, undesirable = outcome.mean_reward(True), outcome.mean_reward(False)
    margin = None if desirable is None or undesirable is None else desirable - undesirable
    weighed = sum(float(example.weights.sum()) for example in examples)
    plain = config.uniform_weights or not config.needs_reference
    return {
        "loss": outcome.loss,
        "z0": float(outcome.z0.mean()),
        "reward_desirable": desirable if config.needs_reference else None,
        "reward_undesirable": undesirable if config.needs_reference else None,
        "margin": margin if config.needs_reference else None,
        "tokens": sum(example.length_tokens for example in examples),
        "weight_mean": 1.0 if plain else weighed / sum(len(e.weights) for e in examples),
    }
