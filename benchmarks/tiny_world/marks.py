"""What a policy comes to at a mark: Acc, Mis and the hit gap of two splits, and its KL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alignment.export.tokens import TokenizedExample
from alignment.measures.scores import Scores, score
from alignment.training.batches import collate
from benchmarks.tiny_world.harvest import judged
from benchmarks.tiny_world.policy import draw_uniforms, sample
from benchmarks.tiny_world.protocol import Protocol
from benchmarks.tiny_world.world import PAD, Fact, prompt_ids


@dataclass(frozen=True)
class Exam:
    """The questions that a policy is held to; every arm meets the same uniforms."""

    validation: tuple[Fact, ...]
    test: tuple[Fact, ...]
    protocol: Protocol
    seed: int

    def sit(self, model: Any, reference: Any | None) -> dict[str, float]:
        """Sample both splits, score them, and measure KL(policy ‖ reference) on validation."""
        asked = [fact for fact in self.validation for _ in range(self.protocol.validation_draws)]
        asked_count = len(asked)
        asked += [fact for fact in self.test for _ in range(self.protocol.test_draws)]
        prompts = [prompt_ids(fact, True) for fact in asked]
        drawn = sample(model, prompts, draw_uniforms(len(prompts), (self.seed, 9)))
        right = [judged(*one, thinking_on=True) for one in zip(asked, drawn, strict=True)]
        held, tested = score(right[:asked_count], "plain"), score(right[asked_count:], "plain")
        apart = asked_count // self.protocol.kl_traces or 1
        chosen = range(0, asked_count, apart)
        kl = 0.0
        if reference is not None:
            kl = divergence_nats(
                model, reference, [prompts[i] for i in chosen], [drawn[i] for i in chosen]
            )
        return {"kl_nats": kl, **_named("validation", held), **_named("test", tested)}


def divergence_nats(
    model: Any,
    reference: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
) -> float:
    """Mean over the policy's own samples of Σ_t KL(π(·|y_<t) ‖ π_ref(·|y_<t)), nats a trace.

    Identity: an estimate of KL(π ‖ π_ref) of whole completions without bias, at temperature 1.
    """
    batch = collate([_bare(*one) for one in zip(prompts, completions, strict=True)], PAD)
    with torch.inference_mode():
        mine, theirs = (
            each(input_ids=batch.input_ids, use_cache=False).logits[:, :-1].log_softmax(dim=-1)
            for each in (model, reference)
        )
    apart = (mine.exp() * (mine - theirs)).sum(dim=-1)
    return float(torch.where(batch.completion_mask[:, 1:], apart, 0.0).sum(dim=-1).mean())


def _bare(prompt: Sequence[int], completion: Sequence[int]) -> TokenizedExample:
    size = len(completion)
    return TokenizedExample(
        "", "", True, np.array(prompt, np.int64), np.array(completion, np.int64),
        np.ones(size, np.float32), np.zeros(size, np.int64),
    )  # fmt: skip


def _named(split: str, scores: Scores) -> dict[str, float]:
    assert scores.mis is not None and scores.hit_gap is not None  # thinking is on
    return {
        f"{split}_acc": scores.acc.value,
        f"{split}_mis": scores.mis.value,
        f"{split}_hit_gap": scores.hit_gap.value,
    }
