"""An export made ready to train on: rows that fit, batches drawn, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment.export.folder import suggested_lambda_r
from alignment.export.rows import Export, ExportRow
from alignment.export.tokens import Encoder, TokenizedExample, TokenizedRows, tokenize_rows
from alignment.training.batches import MicroBatch, group_steps, plan_batches
from alignment.training.recipe import TrainingConfig, TrainingError

Step = tuple[MicroBatch, ...]


@dataclass(frozen=True)
class Prepared:
    """Everything about a run that is settled before a weight is loaded.

    `config` has the λ_r that the counts gave where none was set.
    """

    config: TrainingConfig
    examples: tuple[TokenizedExample, ...]
    validation: tuple[TokenizedExample, ...]
    steps: tuple[Step, ...]
    validation_plan: tuple[MicroBatch, ...]
    counts: dict[str, int]
    weights: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """How many tokens all steps train on."""
        taken = (i for step in self.steps for micro in step for i in micro.examples)
        return sum(self.examples[i].length_tokens for i in taken)


def prepare(
    export: Export, encoder: Encoder, config: TrainingConfig, limit_tokens: int, processes: int = 1
) -> Prepared:
    """Tokenize an export's rows, draw all epochs' batches, and count what was left out.

    `processes` share a micro-batch, so it holds that many times the batch size.

    Raises: TrainingError where no row is left; BatchError where no mismatched pair can be made.
    """
    rows = _rows(export.rows, config)
    usable = tokenize_rows(rows, encoder, limit_tokens)
    _refuse_nothing(rows, usable, limit_tokens)
    desirable = sum(example.desirable for example in usable.examples)
    undesirable = len(usable.examples) - desirable
    if config.lambda_r is None:
        suggested = suggested_lambda_r(desirable, undesirable)
        config = replace(config, lambda_r=1.0 if suggested is None else suggested)
    keys = [example.question_key for example in usable.examples]
    size = config.batch_size * processes
    plan = plan_batches(keys, size, config.epochs, config.seed, config.needs_pairs)
    validation = tokenize_rows(_rows(export.validation, config), encoder, limit_tokens).examples
    return Prepared(
        config=config,
        examples=usable.examples,
        validation=validation,
        steps=tuple(group_steps(plan, config.accumulation)[: config.max_steps]),
        validation_plan=_validation_plan(validation, size, config),
        counts=_counts(export.rows, usable, validation),
        weights=_weight_statistics(rows, usable.examples, config),
        warnings=_warnings(desirable, undesirable, config),
    )


def _rows(rows: Sequence[ExportRow], config: TrainingConfig) -> list[ExportRow]:
    """The rows that the loss learns from, their weights clipped as the config wants them."""
    kept = [row for row in rows if row.desirable or config.loss != "sft"]
    clip = config.clip
    if clip is None:
        return kept
    return [replace(row, spans=tuple(s.reclipped(clip) for s in row.spans)) for row in kept]


def _refuse_nothing(rows: Sequence[ExportRow], usable: TokenizedRows, limit: int) -> None:
    if not usable.examples:
        raise TrainingError(
            f"None of the {len(rows)} rows can be trained on: {len(usable.dropped_long)} are "
            f"longer than {limit} tokens even when thinned, {len(usable.dropped_control)} hold the "
            "template's control tokens. Raise max_tokens, or export other traces."
        )


def _validation_plan(
    examples: Sequence[TokenizedExample], size: int, config: TrainingConfig
) -> tuple[MicroBatch, ...]:
    """One epoch of fixed batches; empty where too few questions are held back to make pairs."""
    keys = [example.question_key for example in examples]
    if len(set(keys)) < (2 if config.needs_pairs else 1):
        return ()
    return plan_batches(keys, size, 1, config.seed, config.needs_pairs)


def _warnings(desirable: int, undesirable: int, config: TrainingConfig) -> tuple[str, ...]:
    if config.loss == "sft":
        return ()
    if not desirable or not undesirable:
        only = "desirable" if desirable else "undesirable"
        count = desirable + undesirable
        return (f"All {count} examples are {only}: the loss has nothing to set them against.",)
    lambda_r = config.lambda_r or 1.0
    balance = config.lambda_c * desirable / (lambda_r * undesirable)
    if 1 - 1e-9 <= balance <= 1.5 + 1e-9:
        return ()
    low, high = (config.lambda_c * desirable / (undesirable * share) for share in (1.5, 1.0))
    return (
        f"λ_c|D⁺| / (λ_r|D⁻|) is {balance:.2f} with {desirable} desirable and {undesirable} "
        f"undesirable examples, outside [1, 1.5]; λ_r from {low:.2f} to {high:.2f} balances it.",
    )


def _counts(
    rows: Sequence[ExportRow], usable: TokenizedRows, validation: Sequence[TokenizedExample]
) -> dict[str, int]:
    desirable = sum(example.desirable for example in usable.examples)
    return {
        "rows": len(rows),
        "trained_on": len(usable.examples),
        "desirable": desirable,
        "undesirable": len(usable.examples) - desirable,
        "thinned": len(usable.thinned),
        "dropped_long": len(usable.dropped_long),
        "dropped_control": len(usable.dropped_control),
        "validation": len(validation),
    }


def _weight_statistics(
    rows: Sequence[ExportRow], examples: Sequence[TokenizedExample], config: TrainingConfig
) -> dict[str, float]:
    """Return the token weights as training used them, and the share of segments clipped."""
    weights = np.concatenate([example.weights for example in examples])
    if config.uniform_weights or not config.needs_reference:
        weights = np.ones_like(weights)
    spans = [span for row in rows for span in row.spans]
    low, middle, high = np.quantile(weights, (0.1, 0.5, 0.9))
    return {
        "mean": float(weights.mean()),
        "min": float(weights.min()),
        "tenth": float(low),
        "median": float(middle),
        "nine_tenths": float(high),
        "max": float(weights.max()),
        "share_of_tokens_not_1": float((weights != 1).mean()),
        "share_of_segments_clipped": sum(span.clipped for span in spans) / max(len(spans), 1),
    }
