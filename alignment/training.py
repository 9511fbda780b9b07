"""Training: from an export folder to a LoRA adapter, by the segment-weighted KTO loss."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from alignment.batches import MicroBatch, TokenBatch, group_steps, plan_batches
from alignment.checkpoints import write_checkpoint
from alignment.logprobs import output_layer_is_bare, plain_token_logprobs, token_logprobs
from alignment.policy import Policy, add_lora, load_policy
from alignment.recipe import StepMetrics, TrainingConfig, TrainingError, TrainingResult
from alignment.reference import Scorer
from alignment.rows import ExportRow, read_export
from alignment.tokens import TokenizedExample, TokenizedRows, open_encoder, tokenize_rows
from alignment.trainer import OnReference, OnStep, Trainer

__all__ = [
    "StepMetrics",
    "TrainingConfig",
    "TrainingError",
    "TrainingResult",
    "train_from_export",
]


def train_from_export(
    export_folder: Path,
    output_folder: Path,
    config: TrainingConfig,
    on_step: OnStep = lambda metrics: None,
    on_reference: OnReference = lambda done, total: None,
) -> TrainingResult:
    """Train a LoRA adapter on an export and write it to `output_folder`/checkpoint.

    The reference is the same model with its adapter off, scored once before the first step.
    Dropout is off throughout, so that policy and reference stay comparable.

    Raises: ExportFolderError, PolicyError, TokenError, BatchError or TrainingError, each saying
    what to do; nothing is written then.
    """
    started_s = time.monotonic()
    export = read_export(export_folder)
    policy = load_policy(config.policy, device=config.device, dtype=config.dtype)
    rows = _usable_rows(export.rows, policy, config)
    steps = _planned_steps(rows.examples, config)
    torch.manual_seed(config.seed)
    policy = replace(policy, model=add_lora(policy.model, config.lora_r, config.lora_alpha))
    trainer = Trainer(policy, rows.examples, config, _scorer(policy, rows.examples))
    trainer.score_reference(steps, on_reference)
    reference_s = time.monotonic() - started_s
    metrics = trainer.train(steps, on_step)
    wall_s = time.monotonic() - started_s
    tokens = sum(step.tokens for step in metrics)
    result = TrainingResult(
        checkpoint=output_folder / "checkpoint",
        steps=tuple(metrics),
        counts=_counts(export.rows, rows),
        weights=_weight_statistics(export.rows, rows.examples, config),
        warnings=_warnings(rows.examples, config),
        taxonomy_hash=export.taxonomy_hash,
        trainable_parameters=policy.model.num_parameters(only_trainable=True),
        reference_s=reference_s,
        wall_s=wall_s,
        tokens=tokens,
        tokens_per_s=tokens / max(wall_s - reference_s, 1e-9),
    )
    state = {"config": asdict(config), "moving_mean": trainer.moving_mean, **asdict(result)}
    write_checkpoint(result.checkpoint, policy, state)
    return result


def _usable_rows(
    rows: Sequence[ExportRow], policy: Policy, config: TrainingConfig
) -> TokenizedRows:
    limit = min(config.max_tokens, policy.context_tokens)
    usable = tokenize_rows(rows, open_encoder(policy.tokenizer), limit)
    if not usable.examples:
        raise TrainingError(
            f"None of the {len(rows)} rows can be trained on: {len(usable.dropped_long)} are "
            f"longer than {limit} tokens even when thinned, {len(usable.dropped_control)} hold the "
            "template's control tokens. Raise max_tokens, or export other traces."
        )
    return usable


def _planned_steps(
    examples: Sequence[TokenizedExample], config: TrainingConfig
) -> list[tuple[MicroBatch, ...]]:
    keys = [example.question_key for example in examples]
    plan = plan_batches(keys, config.batch_size, config.epochs, config.seed)
    return group_steps(plan, config.accumulation)[: config.max_steps]


def _scorer(policy: Policy, examples: Sequence[TokenizedExample]) -> Scorer:
    """Choose how completions are scored: in chunks wherever that is what the model computes."""
    probe = torch.from_numpy(examples[0].prompt_ids[None, :8]).to(policy.device)
    score = token_logprobs if output_layer_is_bare(policy.model, probe) else plain_token_logprobs

    def scored(batch: TokenBatch) -> torch.Tensor:
        return score(policy.model, batch.input_ids, batch.completion_mask)

    return scored


def _warnings(examples: Sequence[TokenizedExample], config: TrainingConfig) -> tuple[str, ...]:
    desirable = sum(example.desirable for example in examples)
    undesirable = len(examples) - desirable
    if not desirable or not undesirable:
        only = "desirable" if desirable else "undesirable"
        return (
            f"All {len(examples)} examples are {only}: the loss has nothing to set them against.",
        )
    balance = config.lambda_c * desirable / (config.lambda_r * undesirable)
    if 1 <= balance <= 1.5:
        return ()
    low, high = (config.lambda_c * desirable / (undesirable * share) for share in (1.5, 1.0))
    return (
        f"λ_c|D⁺| / (λ_r|D⁻|) is {balance:.2f} with {desirable} desirable and {undesirable} "
        f"undesirable examples, outside [1, 1.5]; λ_r from {low:.2f} to {high:.2f} balances it.",
    )


def _counts(rows: Sequence[ExportRow], usable: TokenizedRows) -> dict[str, int]:
    desirable = sum(example.desirable for example in usable.examples)
    return {
        "rows": len(rows),
        "trained_on": len(usable.examples),
        "desirable": desirable,
        "undesirable": len(usable.examples) - desirable,
        "thinned": len(usable.thinned),
        "dropped_long": len(usable.dropped_long),
        "dropped_control": len(usable.dropped_control),
    }


def _weight_statistics(
    rows: Sequence[ExportRow], examples: Sequence[TokenizedExample], config: TrainingConfig
) -> dict[str, float]:
    """Return the token weights as training used them, and the share of segments clipped."""
    weights = np.concatenate([example.weights for example in examples])
    if config.uniform_weights:
        weights = np.ones_like(weights)
    spans = [span for row in rows for span in row.spans]
    return {
        "mean": float(weights.mean()),
        "min": float(weights.min()),
        "max": float(weights.max()),
        "share_of_tokens_not_1": float((weights != 1).mean()),
        "share_of_segments_clipped": sum(span.clipped for span in spans) / max(len(spans), 1),
    }
