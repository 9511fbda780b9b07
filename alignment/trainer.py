"""The training loop: micro-batches in, one optimizer step at a time out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from alignment.batches import MicroBatch, TokenBatch
from alignment.losses import LossStatistics, mean_log_ratio, mr_align_loss
from alignment.policy import Policy
from alignment.recipe import StepMetrics, TrainingConfig, TrainingError
from alignment.reference import PairedExamples, ReferenceCache, Scorer, score_reference
from alignment.tokens import TokenizedExample

OnStep = Callable[[StepMetrics], None]
OnReference = Callable[[int, int], None]


class Trainer:
    """The moving parts of one run: the model, its optimizer, and the moving mean behind z0."""

    def __init__(
        self,
        policy: Policy,
        examples: Sequence[TokenizedExample],
        config: TrainingConfig,
        score: Scorer,
    ) -> None:
        self.model, self.config, self.score = policy.model, config, score
        limit = min(config.max_tokens, policy.context_tokens)
        self.data = PairedExamples(examples, limit, policy.pad_id, policy.device)
        self.reference = ReferenceCache({}, {})
        self.moving_mean = 0.0
        trainable = [p for p in self.model.parameters() if p.requires_grad]
        self.trainable = trainable
        self.optimizer = torch.optim.AdamW(trainable, lr=config.learning_rate, weight_decay=0.0)

    def score_reference(self, steps: Sequence[Sequence[MicroBatch]], report: OnReference) -> None:
        """Score the reference on everything that the steps will meet."""
        micros = [micro for step in steps for micro in step]
        with self.model.disable_adapter():
            self.reference = score_reference(
                micros, self.data, self.score, self.config.batch_size, report
            )

    def train(self, steps: Sequence[Sequence[MicroBatch]], report: OnStep) -> list[StepMetrics]:
        """Take every step, reporting each as it ends."""
        started_s = time.monotonic()
        done: list[StepMetrics] = []
        for number, micros in enumerate(steps, start=1):
            rate = learning_rate(
                number, len(steps), self.config.learning_rate, self.config.warmup_share
            )
            losses, statistics, tokens = self._accumulate(micros)
            grad_norm = self._update(rate)
            desirable, undesirable = _mean_rewards(statistics)
            both = desirable is not None and undesirable is not None
            metrics = StepMetrics(
                step=number,
                steps=len(steps),
                epoch=micros[0].epoch + 1,
                loss=float(np.mean(losses)),
                z0=float(np.mean([float(each.z0) for each in statistics])),
                reward_desirable=desirable,
                reward_undesirable=undesirable,
                margin=(desirable or 0.0) - (undesirable or 0.0) if both else None,
                learning_rate=rate,
                grad_norm=grad_norm,
                tokens=tokens,
                elapsed_s=time.monotonic() - started_s,
            )
            _refuse_divergence(metrics)
            done.append(metrics)
            report(metrics)
        return done

    def _accumulate(
        self, micros: Sequence[MicroBatch]
    ) -> tuple[list[float], list[LossStatistics], int]:
        losses: list[float] = []
        statistics: list[LossStatistics] = []
        tokens = 0
        for micro in micros:
            batch = self.data.batch(micro.examples)
            loss, found = self._loss(micro, batch)
            torch.autograd.backward(loss / len(micros))
            losses.append(float(loss.detach()))
            statistics.append(found)
            tokens += int(batch.attention_mask.sum())
        return losses, statistics, tokens

    def _loss(self, micro: MicroBatch, batch: TokenBatch) -> tuple[Tensor, LossStatistics]:
        config, examples, device = self.config, self.data.examples, self.data.device
        weights = batch.token_weights
        return mr_align_loss(
            self.score(batch),
            self.reference.padded(examples, micro.examples).to(device),
            torch.ones_like(weights) if config.uniform_weights else weights,
            batch.completion_mask,
            torch.tensor([examples[i].desirable for i in micro.examples], device=device),
            self._z0(micro),
            beta=config.beta,
            lambda_c=config.lambda_c,
            lambda_r=config.lambda_r,
        )

    def _z0(self, micro: MicroBatch) -> Tensor:
        """Estimate z0 from the micro-batch's pairs, or from the moving mean of such estimates.

        The moving average runs on the unclamped mean and is clamped where it is used, or noise
        around 0 would push it up.
        """
        device = self.data.device
        with torch.no_grad():
            sums = self.score(self.data.pair_batch(micro.pairs)).sum(dim=-1)
        mean = mean_log_ratio(sums, self.reference.sums(micro.pairs).to(device))
        if self.config.moving_z0:
            decay = self.config.z0_decay
            self.moving_mean = decay * self.moving_mean + (1 - decay) * float(mean)
            mean = torch.tensor(self.moving_mean, device=device)
        return mean.clamp(min=0.0)

    def _update(self, rate: float) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self.trainable, self.config.max_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(norm)


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Return the rate of a step, counted from 1: a linear rise to the peak, then a linear fall.

    Differs: the paper states the warm-up and not the schedule; linear is the trainers' default.
    """
    warmup = math.ceil(warmup_share * steps)
    if step <= warmup:
        return peak * step / warmup
    return peak * (steps - step + 1) / (steps - warmup)


def _mean_rewards(statistics: Sequence[LossStatistics]) -> tuple[float | None, float | None]:
    rewards = torch.cat([each.rewards for each in statistics])
    desirable = torch.cat([each.desirable for each in statistics])
    sides = rewards[desirable], rewards[~desirable]
    found = [float(side.mean()) if side.numel() else None for side in sides]
    return found[0], found[1]


def _refuse_divergence(metrics: StepMetrics) -> None:
    if not math.isfinite(metrics.loss) or not math.isfinite(metrics.grad_norm):
        raise TrainingError(
            f"Step {metrics.step} gave loss {metrics.loss} and gradient norm {metrics.grad_norm}: "
            "lower learning_rate, or train in float32."
        )
