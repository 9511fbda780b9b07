"""The training loop: micro-batches in, one optimizer step at a time out.

A micro-batch is what estimates one z0, over all processes. Given its z0 no example's loss depends
on another's, so how a step is cut into forwards is a matter of memory and padding alone: all
pairs of a step are scored first, then its examples, those of like length together.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from alignment.export.tokens import TokenizedExample
from alignment.policies.policy import Policy
from alignment.training.batches import MicroBatch, TokenBatch
from alignment.training.checkpoints import Moving, Progress, read_progress, write_progress
from alignment.training.losses import example_losses, likelihood_losses, mean_log_ratio
from alignment.training.outcomes import Fold, Outcome, example_shares, step_figures
from alignment.training.portions import cut_portions
from alignment.training.processes import Processes
from alignment.training.recipe import StepMetrics, TrainingConfig, TrainingError
from alignment.training.reference import (
    OnProgress,
    Pair,
    PairedExamples,
    ReferenceCache,
    Score,
    score_reference,
)

LEAST_SHARED_TOKENS = 8  # below that, keeping them costs what it saves
OnStep = Callable[[StepMetrics], None]
Validate = Callable[[], float | None]
Step = Sequence[MicroBatch]


class Trainer:
    """The moving parts of one run: the model, its optimizer, and the moving mean behind z0."""

    def __init__(
        self,
        policy: Policy,
        scorer: torch.nn.Module,
        config: TrainingConfig,
        processes: Processes,
        budget_tokens: int,
        reuses_past: bool = False,
    ) -> None:
        self.reuses_past = reuses_past
        self.policy, self.config, self.processes = policy, config, processes
        self.budget_tokens = budget_tokens
        self.moving_mean = 0.0
        trainable = [p for p in policy.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trainable, lr=config.peak_rate, weight_decay=0.0)
        self.scorer, self.optimizer = processes.prepare(scorer, optimizer)

    def data(self, examples: Sequence[TokenizedExample]) -> PairedExamples:
        """Put examples where this process computes."""
        limit = min(self.config.max_tokens, self.policy.context_tokens)
        return PairedExamples(examples, limit, self.policy.pad_id, self.processes.device)

    def fold(
        self,
        data: PairedExamples,
        steps: Sequence[Step],
        known: ReferenceCache,
        report: OnProgress = lambda done, total: None,
    ) -> Fold:
        """Put examples together with what the reference says of all that the steps will meet.

        Before its first step a policy is its own reference; an adapter is switched off for it.
        """
        if not self.config.needs_reference:
            return Fold(data, known)
        micros = [micro for step in steps for micro in step]
        adapted = hasattr(self.policy.model, "disable_adapter")
        with self.policy.model.disable_adapter() if adapted else nullcontext():
            score = self.still_score(data)
            found = score_reference(
                micros, data, score, self.budget_tokens, self.processes, known, report
            )
        return Fold(data, found)

    def score(self, batch: TokenBatch) -> Tensor:
        """Score a batch with the policy as it stands. Shapes: → [batch, length]."""
        found: Tensor = self.scorer(batch.input_ids, batch.completion_mask)
        return found

    def still_score(self, data: PairedExamples) -> Score:
        """Return a way to score without gradient that reads what all prompts share once.

        It holds until the next step moves the policy.
        """
        shared = data.shared_prompt()
        if not self.reuses_past or shared.shape[1] < LEAST_SHARED_TOKENS:
            return self.score
        with torch.no_grad():
            past = self.scorer(shared)

        def score(batch: TokenBatch) -> Tensor:
            found: Tensor = self.scorer(batch.input_ids, batch.completion_mask, past)
            return found

        return score

    def steps(
        self, fold: Fold, steps: Sequence[Step], done: Sequence[StepMetrics], validate: Validate
    ) -> Iterator[StepMetrics]:
        """Take every step that is not done, and yield its figures as it ends."""
        past_s = done[-1].elapsed_s if done else 0.0
        for number, micros in enumerate(steps[len(done) :], start=len(done) + 1):
            began_s = time.monotonic()
            rate = learning_rate(
                number, len(steps), self.config.peak_rate, self.config.warmup_share
            )
            self._set_rate(rate)  # before the gradients: DeepSpeed updates with the last of them
            outcome = self.run(fold, micros, learn=True)
            grad_norm = self._update()
            took_s = time.monotonic() - began_s
            past_s += took_s
            figures = step_figures(fold, micros, outcome, self.config)
            metrics = StepMetrics(
                step=number, steps=len(steps), epoch=micros[0].epoch + 1, learning_rate=rate,
                grad_norm=grad_norm, elapsed_s=past_s,
                tokens_per_s=figures["tokens"] / max(took_s, 1e-9), **figures,
            )  # fmt: skip
            _refuse_divergence(metrics)
            epoch_ends = number == len(steps) or steps[number][0].epoch != micros[0].epoch
            yield replace(metrics, validation_loss=validate()) if epoch_ends else metrics

    def evaluate(self, fold: Fold, plan: Step) -> float:
        """Return the loss over a plan's micro-batches; nothing is learned, no average moves."""
        moving = self.moving_mean
        with torch.no_grad():
            outcome = self.run(fold, plan, learn=False)
        self.moving_mean = moving
        return outcome.loss

    def run(self, fold: Fold, micros: Step, learn: bool) -> Outcome:
        """Score the pairs, then the examples; with `learn` add the gradients up."""
        z0 = self._z0(fold, micros)
        order = [index for micro in micros for index in micro.examples]
        places = {index: place for place, index in enumerate(order)}
        owner = torch.tensor([n for n, micro in enumerate(micros) for _ in micro.examples])
        shares = example_shares(fold, micros, self.config)
        found = torch.zeros(2, len(order))
        rank, count = self.processes.rank, self.processes.count
        portions = cut_portions(order, fold.data.length, self.budget_tokens, rank, count)
        for number, portion in enumerate(portions, start=1):
            where = [places[index] for index in portion.items]
            losses, rewards = self._losses(fold, portion.items, z0[owner[where]])
            if learn:
                # Gradients are averaged over processes, and an idle portion adds nothing to them.
                scale = shares[where] * (0 if portion.idle else count)
                weighed = (losses * scale.to(losses.device)).sum()
                self.processes.backward(weighed, last=number == len(portions))
            if not portion.idle:
                found[:, where] = torch.stack([losses.detach(), rewards]).float().cpu()
        total = self.processes.add_up(found.to(self.processes.device)).cpu()
        return Outcome(total[0], total[1], shares, fold.desirable(order).cpu(), z0)

    def save(self, folder: Path, metrics: Sequence[StepMetrics], fingerprint: str) -> None:
        """Write all that a run needs to go on from here."""
        write_progress(
            folder, self._moving(), Progress(tuple(metrics), self.moving_mean), fingerprint
        )

    def resume(self, folder: Path, fingerprint: str) -> list[StepMetrics]:
        """Go on from what `save` wrote; return the steps that are done, none where none are."""
        found = read_progress(folder, self._moving(), fingerprint)
        if found is None:
            return []
        self.moving_mean = found.moving_mean
        return list(found.metrics)

    def _moving(self) -> Moving:
        return Moving(self.policy.model, self.optimizer, self.processes)

    def _losses(self, fold: Fold, items: Sequence[int], z0: Tensor) -> tuple[Tensor, Tensor]:
        config, batch = self.config, fold.data.batch(items)
        scored = self.score(batch)
        if not config.needs_reference:
            losses = likelihood_losses(scored, batch.completion_mask)
            return losses, torch.zeros_like(losses).detach()
        weights = batch.token_weights
        losses, statistics = example_losses(
            scored,
            fold.reference.padded(fold.data.examples, items).to(scored.device),
            torch.ones_like(weights) if config.uniform_weights else weights,
            batch.completion_mask,
            fold.desirable(items),
            z0.to(scored.device),
            beta=config.beta,
            lambda_c=config.lambda_c,
            lambda_r=config.lambda_r or 1.0,
        )
        return losses, statistics.rewards

    def _z0(self, fold: Fold, micros: Step) -> Tensor:
        """Estimate each micro-batch's z0 from its pairs, or from the moving mean of estimates.

        The moving average runs on the unclamped mean and is clamped where it is used, or noise
        around 0 would push it up. Shapes: → [micro-batches].
        """
        if not self.config.needs_pairs:
            return torch.zeros(len(micros))
        pairs = sorted({pair for micro in micros for pair in micro.pairs})
        places = {pair: place for place, pair in enumerate(pairs)}
        policy, reference = self._pair_sums(fold, pairs), fold.reference.sums(pairs)
        means = []
        for micro in micros:
            where = [places[pair] for pair in micro.pairs]
            mean = float(mean_log_ratio(policy[where], reference[where]))
            if self.config.moving_z0:
                decay = self.config.z0_decay
                mean = self.moving_mean = decay * self.moving_mean + (1 - decay) * mean
            means.append(mean)
        return torch.tensor(means).clamp(min=0.0)

    def _pair_sums(self, fold: Fold, pairs: Sequence[Pair]) -> Tensor:
        """log π_θ of each mismatched pair, scored on one process each. Shapes: → [pairs]."""
        places = {pair: place for place, pair in enumerate(pairs)}
        sums = torch.zeros(len(pairs))
        rank, count = self.processes.rank, self.processes.count
        score = self.still_score(fold.data)
        with torch.no_grad():
            for part in cut_portions(pairs, fold.data.pair_length, self.budget_tokens, rank, count):
                scored = score(fold.data.pair_batch(part.items)).sum(dim=-1)
                if not part.idle:
                    sums[[places[pair] for pair in part.items]] = scored.float().cpu()
        return self.processes.add_up(sums.to(self.processes.device)).cpu()

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _update(self) -> float:
        norm = self.processes.clip(list(self.scorer.parameters()), self.config.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm


def learning_rate(step: int, steps: int, peak: float, warmup_share: float) -> float:
    """Return the rate of a step, counted from 1: a linear rise to the peak, then a linear fall.

    Differs: the paper states the warm-up and not the schedule; linear is the trainers' default.
    """
    warmup = math.ceil(warmup_share * steps)
    if step <= warmup:
        return peak * step / warmup
    return peak * (steps - step + 1) / (steps - warmup)


def _refuse_divergence(metrics: StepMetrics) -> None:
    if not math.isfinite(metrics.loss) or not math.isfinite(metrics.grad_norm):
        raise TrainingError(
            f"Step {metrics.step} gave loss {metrics.loss} and gradient norm {metrics.grad_norm}: "
            "lower learning_rate, or train in float32."
        )
