"""The reference policy's log-probabilities, computed once before training starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignment.batches import MicroBatch, TokenBatch, collate, mismatched_example
from alignment.tokens import TokenizedExample

T = TypeVar("T", int, tuple[int, int])
Scorer = Callable[[TokenBatch], Tensor]


@dataclass(frozen=True)
class ReferenceCache:
    """What the frozen reference says: per completion token for examples, summed for pairs."""

    tokens: dict[int, NDArray[np.float32]]
    pair_sums: dict[tuple[int, int], float]

    def padded(self, examples: Sequence[TokenizedExample], indices: Sequence[int]) -> Tensor:
        """Return the reference's log-probabilities laid out like `collate`'s tensors.

        Shapes: n examples → [n, longest]; 0 outside the completions.
        """
        longest = max(examples[index].length_tokens for index in indices)
        laid_out = torch.zeros(len(indices), longest)
        for place, index in enumerate(indices):
            start, end = len(examples[index].prompt_ids), examples[index].length_tokens
            laid_out[place, start:end] = torch.from_numpy(self.tokens[index])
        return laid_out

    def sums(self, pairs: Sequence[tuple[int, int]]) -> Tensor:
        """Return each pair's summed log-probability. Shapes: [pairs]."""
        return torch.tensor([self.pair_sums[pair] for pair in pairs], dtype=torch.float32)


@dataclass(frozen=True)
class PairedExamples:
    """Tokenized examples and the mismatched pairs that are built from them on demand."""

    examples: Sequence[TokenizedExample]
    max_tokens: int
    pad_id: int
    device: torch.device

    def batch(self, indices: Sequence[int]) -> TokenBatch:
        """Return the padded batch of these examples."""
        return collate([self.examples[i] for i in indices], self.pad_id).to(self.device)

    def pair_batch(self, pairs: Sequence[tuple[int, int]]) -> TokenBatch:
        """Return the padded batch of these mismatched pairs."""
        return collate([self.pair(pair) for pair in pairs], self.pad_id).to(self.device)

    def pair(self, pair: tuple[int, int]) -> TokenizedExample:
        """Return one mismatched pair as an example."""
        prompt_of, completion_of = pair
        return mismatched_example(
            self.examples[prompt_of], self.examples[completion_of], self.max_tokens
        )


def score_reference(
    plan: Iterable[MicroBatch],
    data: PairedExamples,
    score: Scorer,
    batch_size: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReferenceCache:
    """Score everything that the plan will meet, each example and each pair once.

    `score` is the reference: the policy with its adapter off. Sequences of like length share a
    batch, which changes nothing but the time.

    Masking: only completion tokens are kept.
    """
    micros = tuple(plan)
    indices = {index for micro in micros for index in micro.examples}
    pairs = {pair for micro in micros for pair in micro.pairs}
    total = len(indices) + len(pairs)
    cache = ReferenceCache({}, {})
    with torch.no_grad():
        for part in _parts(indices, lambda i: data.examples[i].length_tokens, batch_size):
            scored = score(data.batch(part)).float().cpu().numpy()
            for row, index in zip(scored, part, strict=True):
                start, end = (
                    len(data.examples[index].prompt_ids),
                    data.examples[index].length_tokens,
                )
                cache.tokens[index] = row[start:end].copy()
            on_progress(len(cache.tokens), total)
        for group in _parts(pairs, lambda pair: data.pair(pair).length_tokens, batch_size):
            sums = score(data.pair_batch(group)).float().sum(dim=-1).cpu()
            cache.pair_sums.update(zip(group, sums.tolist(), strict=True))
            on_progress(len(cache.tokens) + len(cache.pair_sums), total)
    return cache


def _parts(items: Iterable[T], length: Callable[[T], int], size: int) -> Iterable[list[T]]:
    ordered = sorted(items, key=lambda item: (length(item), item))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
