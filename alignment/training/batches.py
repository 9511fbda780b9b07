"""Batches and mismatched pairs of every epoch, drawn from the seed before training starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignment.export.tokens import TokenizedExample


class BatchError(ValueError):
    """Batches cannot be drawn from these examples."""


@dataclass(frozen=True)
class MicroBatch:
    """The examples of one forward pass, and the mismatched pairs that estimate its z0.

    A pair (i, j) is the prompt of example i with the completion of example j, where j answers
    another question.
    """

    epoch: int
    examples: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TokenBatch:
    """Padded tensors of one forward pass. Shapes: all [batch, length], padded on the right."""

    input_ids: Tensor
    attention_mask: Tensor
    completion_mask: Tensor
    token_weights: Tensor
    token_segments: Tensor

    def to(self, device: torch.device) -> TokenBatch:
        """Return the same batch on another device."""
        return TokenBatch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


def plan_batches(
    question_keys: Sequence[str], batch_size: int, epochs: int, seed: int, paired: bool = True
) -> tuple[MicroBatch, ...]:
    """Draw every epoch's order and mismatched pairs; each epoch takes every example once.

    The draw of an epoch depends on the seed and the epoch's number alone, so both reference
    passes can be computed once and a longer run begins like a shorter one. A loss without z0
    is not `paired`; its order is the same.

    Raises: BatchError where there is nothing to draw from, or only one question to pair.
    """
    if batch_size < 1 or not question_keys:
        raise BatchError(
            f"Expected at least one example and a batch size of at least 1; got "
            f"{len(question_keys)} and {batch_size}."
        )
    if paired and len(set(question_keys)) < 2:
        raise BatchError(
            "z0 is estimated from mismatched pairs, so training needs examples of at least two "
            f"questions; all {len(question_keys)} answer one."
        )
    plan: list[MicroBatch] = []
    for epoch in range(epochs):
        generator = np.random.default_rng((seed, epoch))
        order = generator.permutation(len(question_keys))
        for start in range(0, len(order), batch_size):
            rows = [int(row) for row in order[start : start + batch_size]]
            pairs = mismatched_pairs(rows, question_keys, generator) if paired else ()
            plan.append(MicroBatch(epoch, tuple(rows), pairs))
    return tuple(plan)


def mismatched_pairs(
    rows: Sequence[int], question_keys: Sequence[str], generator: np.random.Generator
) -> tuple[tuple[int, int], ...]:
    """Pair each row's prompt with the completion of a row that answers another question.

    Within the batch it is a derangement by question wherever one exists: sorted by question and
    rotated by the size of the largest group, no row meets its own. Where one question fills more
    than half of the batch (a batch of 1 too), completions are borrowed from all examples.
    """
    keys = [question_keys[row] for row in rows]
    largest = max(keys.count(key) for key in keys)
    if 2 * largest > len(rows):
        return tuple((row, _borrow(row, question_keys, generator)) for row in rows)
    by_question = sorted(range(len(rows)), key=lambda index: keys[index])
    rotated = by_question[largest:] + by_question[:largest]
    partner = dict(zip(by_question, rotated, strict=True))
    return tuple((row, rows[partner[index]]) for index, row in enumerate(rows))


def group_steps(plan: Sequence[MicroBatch], accumulation: int) -> list[tuple[MicroBatch, ...]]:
    """Group micro-batches into optimizer steps; an epoch's last step may be a smaller one."""
    steps: list[tuple[MicroBatch, ...]] = []
    current: list[MicroBatch] = []
    for index, micro in enumerate(plan):
        current.append(micro)
        last_of_epoch = index + 1 == len(plan) or plan[index + 1].epoch != micro.epoch
        if len(current) == accumulation or last_of_epoch:
            steps.append(tuple(current))
            current = []
    return steps


def collate(examples: Sequence[TokenizedExample], pad_id: int) -> TokenBatch:
    """Pad examples on the right; padding is masked and weighs 0.

    Shapes: n examples → [n, longest].
    """
    length = max(example.length_tokens for example in examples)
    return TokenBatch(
        input_ids=_stack([_ids(example) for example in examples], length, pad_id),
        attention_mask=_stack([np.ones_like(_ids(example)) for example in examples], length, 0),
        completion_mask=_stack([_mask(example) for example in examples], length, 0).bool(),
        token_weights=_stack([_behind(e, e.weights, np.float32) for e in examples], length, 0),
        token_segments=_stack([_behind(e, e.segments, np.int64) for e in examples], length, 0),
    )


def mismatched_example(
    prompt_of: TokenizedExample, completion_of: TokenizedExample, max_tokens: int
) -> TokenizedExample:
    """Put one example's prompt before another's completion, every weight 1.

    A pair that comes out over-long loses its end: it only estimates z0 and trains nothing.
    """
    room = max(max_tokens - len(prompt_of.prompt_ids), 1)
    completion = completion_of.completion_ids[:room]
    return TokenizedExample(
        row_id=f"{prompt_of.row_id}|{completion_of.row_id}",
        question_key=prompt_of.question_key,
        desirable=prompt_of.desirable,
        prompt_ids=prompt_of.prompt_ids,
        completion_ids=completion,
        weights=np.ones(len(completion), np.float32),
        segments=np.zeros(len(completion), np.int64),
    )


def _borrow(row: int, question_keys: Sequence[str], generator: np.random.Generator) -> int:
    others = [i for i, key in enumerate(question_keys) if key != question_keys[row]]
    return int(others[int(generator.integers(len(others)))])


def _ids(example: TokenizedExample) -> NDArray[np.int64]:
    return np.concatenate([example.prompt_ids, example.completion_ids])


def _mask(example: TokenizedExample) -> NDArray[np.int64]:
    return _behind(example, np.ones(len(example.completion_ids)), np.int64)


def _behind(example: TokenizedExample, values: NDArray[Any], dtype: type) -> NDArray[Any]:
    padded: NDArray[Any] = np.zeros(example.length_tokens, dtype)
    padded[len(example.prompt_ids) :] = values
    return padded


def _stack(rows: Sequence[NDArray[Any]], length: int, fill: int) -> Tensor:
    stacked = np.full((len(rows), length), fill, dtype=rows[0].dtype)
    for index, row in enumerate(rows):
        stacked[index, : len(row)] = row
    return torch.from_numpy(stacked)
