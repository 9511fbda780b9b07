"""The reference policy's log-probabilities, computed once before training and kept on disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignment.export.tokens import TokenizedExample
from alignment.training.batches import MicroBatch, TokenBatch, collate, mismatched_example
from alignment.training.portions import cut_portions
from alignment.training.processes import Processes

Pair = tuple[int, int]
Score = Callable[[TokenBatch], Tensor]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class ReferenceCache:
    """What the frozen reference says: per completion token for examples, summed for pairs."""

    tokens: dict[int, NDArray[np.float32]]
    pair_sums: dict[Pair, float]

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

    def sums(self, pairs: Sequence[Pair]) -> Tensor:
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

    def pair_batch(self, pairs: Sequence[Pair]) -> TokenBatch:
        """Return the padded batch of these mismatched pairs."""
        return collate([self.pair(pair) for pair in pairs], self.pad_id).to(self.device)

    def pair(self, pair: Pair) -> TokenizedExample:
        """Return one mismatched pair as an example."""
        prompt_of, completion_of = pair
        return mismatched_example(
            self.examples[prompt_of], self.examples[completion_of], self.max_tokens
        )

    def length(self, index: int) -> int:
        """How many tokens an example has."""
        return self.examples[index].length_tokens

    def pair_length(self, pair: Pair) -> int:
        """How many tokens a mismatched pair has; what `pair` would make, without making it."""
        prompt, completion = self.examples[pair[0]], self.examples[pair[1]]
        room = max(self.max_tokens - len(prompt.prompt_ids), 1)
        return len(prompt.prompt_ids) + min(len(completion.completion_ids), room)

    def shared_prompt(self) -> Tensor:
        """Return the tokens that every prompt begins with, short of any prompt's last.

        Shapes: [1, shared].
        """
        least = min(len(example.prompt_ids) for example in self.examples) - 1
        heads = np.stack([example.prompt_ids[:least] for example in self.examples])
        differs = (heads != heads[0]).any(axis=0)
        shared = int(differs.argmax()) if differs.any() else least
        return torch.from_numpy(heads[:1, :shared].astype(np.int64)).to(self.device)

    def content_hash(self) -> str:
        """The sha256 of the tokens; weights and labels do not reach the reference."""
        digest = hashlib.sha256(str(self.max_tokens).encode())
        for example in self.examples:
            for ids in (example.prompt_ids, example.completion_ids):
                digest.update(len(ids).to_bytes(8, "little"))
                digest.update(ids.astype(np.int64).tobytes())
        return digest.hexdigest()


def score_reference(
    plan: Iterable[MicroBatch],
    data: PairedExamples,
    score: Score,
    budget_tokens: int,
    processes: Processes,
    known: ReferenceCache | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> ReferenceCache:
    """Score what the plan will meet and `known` lacks, each example and each pair once.

    `score` is the reference: the policy with its adapter off, or before its first step. Sequences
    of like length share a forward, which changes nothing but the time; processes share the work.

    Masking: only completion tokens are kept.
    """
    micros = tuple(plan)
    cache = ReferenceCache(dict(known.tokens), dict(known.pair_sums)) if known else _empty()
    indices = {index for micro in micros for index in micro.examples} - cache.tokens.keys()
    pairs = {pair for micro in micros for pair in micro.pairs} - cache.pair_sums.keys()
    rank, count, total, done = processes.rank, processes.count, len(indices) + len(pairs), 0
    with torch.no_grad():
        for part in cut_portions(indices, data.length, budget_tokens, rank, count):
            scored = score(data.batch(part.items)).float().cpu().numpy()
            for row, index in zip(scored, part.items, strict=True):
                start = len(data.examples[index].prompt_ids)
                cache.tokens[index] = row[start : data.length(index)].copy()
            done += 0 if part.idle else len(part.items)
            on_progress(min(done * count, total), total)
        for group in cut_portions(pairs, data.pair_length, budget_tokens, rank, count):
            sums = score(data.pair_batch(group.items)).float().sum(dim=-1).cpu()
            cache.pair_sums.update(zip(group.items, sums.tolist(), strict=True))
            done += 0 if group.idle else len(group.items)
            on_progress(min(done * count, total), total)
    for theirs in processes.gather_objects(cache):
        cache.tokens.update(theirs.tokens)
        cache.pair_sums.update(theirs.pair_sums)
    return cache


def read_cache(folder: Path, key: str) -> ReferenceCache:
    """Return what is kept under a key; nothing is kept where the file is missing or broken."""
    try:
        # numpy leaves the file open where it is no archive
        with (
            (folder / f"{key}.npz").open("rb") as file,
            np.load(file, allow_pickle=False) as stored,
        ):
            ends = np.cumsum(stored["lengths"])[:-1]
            values = np.split(stored["values"], ends)
            indices, pairs = stored["indices"].tolist(), stored["pairs"].tolist()
            tokens = dict(zip(indices, values, strict=True))
            sums = zip(map(tuple, pairs), stored["sums"].tolist(), strict=True)
            return ReferenceCache(tokens, dict(sums))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return _empty()


def write_cache(folder: Path, key: str, cache: ReferenceCache) -> None:
    """Keep a cache under a key, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    indices, pairs = sorted(cache.tokens), sorted(cache.pair_sums)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(
                file,
                indices=np.array(indices, np.int64),
                lengths=np.array([len(cache.tokens[i]) for i in indices], np.int64),
                values=np.concatenate(
                    [np.zeros(0, np.float32), *(cache.tokens[i] for i in indices)]
                ),
                pairs=np.array(pairs, np.int64).reshape(-1, 2),
                sums=np.array([cache.pair_sums[pair] for pair in pairs], np.float64),
            )
        Path(name).replace(folder / f"{key}.npz")
    finally:
        Path(name).unlink(missing_ok=True)


def _empty() -> ReferenceCache:
    return ReferenceCache({}, {})
