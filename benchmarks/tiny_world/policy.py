"""The tiny policy of a world: made, taught to write the world's traces, and sampled from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from benchmarks.tiny_world.protocol import Protocol
from benchmarks.tiny_world.world import (
    END,
    MAX_NEW_TOKENS,
    PAD,
    PROMPT_TOKENS,
    Fact,
    direct_ids,
    prompt_ids,
    thinking_ids,
    vocabulary_size,
    write_trace,
)

INITIAL_SPREAD = 0.08  # near 1 / √width; transformers' 0.02 is for wide models and learns slower


@dataclass(frozen=True)
class Words:
    """As much of a tokenizer as the trainer asks for."""

    pad_token_id: int = PAD
    eos_token_id: int = END


def make_model(subjects: int, seed: int) -> Any:
    """A Qwen3 of two layers of width 64, about 100,000 parameters, untaught."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=vocabulary_size(subjects),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        initializer_range=INITIAL_SPREAD,
        eos_token_id=END,
        pad_token_id=PAD,
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).eval()


def pretrain(model: Any, facts: Sequence[Fact], protocol: Protocol, rng: Generator) -> float:
    """Teach a model the world's traces, thinking on and off; return the last tenth's mean loss.

    Only completions are learned from. Both ways share every step, at the same weight a token.
    """
    steps, size = protocol.pretrain_steps, protocol.pretrain_batch
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=protocol.pretrain_rate, weight_decay=0.0, fused=True
    )
    losses = []
    for step in range(steps):
        rising, falling = (step + 1) / (0.05 * steps), (steps - step) / (0.5 * steps)
        optimizer.param_groups[0]["lr"] = protocol.pretrain_rate * min(1.0, rising, falling)
        parts = [_summed_loss(model, *_batch(facts, size, on, rng)) for on in (True, False)]
        loss = torch.stack([loss for loss, _ in parts]).sum() / sum(count for _, count in parts)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, steps // 10) :]))


def sample(model: Any, prompts: Sequence[Sequence[int]], uniforms: Tensor) -> list[list[int]]:
    """Sample a completion for each prompt at temperature 1, its end token included.

    Every token is the inverse of the distribution at its own uniform, so two policies that are
    alike draw alike, and their difference is less noisy. Prompts must be of one length.
    Shapes: uniforms [prompts, most new tokens], in [0, 1).
    """
    from transformers import DynamicCache

    drawn: list[list[int]] = [[] for _ in prompts]
    alive = torch.arange(len(prompts))
    ids, cache = torch.tensor([list(prompt) for prompt in prompts]), DynamicCache()
    with torch.inference_mode():
        for place in range(uniforms.shape[1]):
            logits = model(input_ids=ids, past_key_values=cache, logits_to_keep=1).logits[:, -1]
            ids = _inverse(logits, uniforms[alive, place])
            for row, token in zip(alive.tolist(), ids[:, 0].tolist(), strict=True):
                drawn[row].append(token)
            going = torch.nonzero(ids[:, 0] != END)[:, 0]
            if not len(going):
                break
            if len(going) < len(alive):
                alive, ids = alive[going], ids[going]
                cache.batch_select_indices(going)
    return drawn


def draw_uniforms(rows: int, seed: tuple[int, ...]) -> Tensor:
    """The uniforms of a sample. Shapes: [rows, most new tokens]."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.random((rows, MAX_NEW_TOKENS), dtype=np.float32))


def _inverse(logits: Tensor, uniforms: Tensor) -> Tensor:
    reached = torch.softmax(logits.float(), dim=-1).cumsum(dim=-1)
    # Rounding may leave the last sum below 1; the largest uniform must still find a token.
    places = torch.searchsorted(reached, (uniforms * reached[:, -1])[:, None], right=True)
    return places.clamp(max=logits.shape[-1] - 1)


def _batch(
    facts: Sequence[Fact], size: int, thinking_on: bool, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Ids, and which of them are to be learned. Shapes: twice [size, longest]."""
    rows: list[list[int]] = []
    for place in rng.integers(len(facts), size=size).tolist():
        fact = facts[place]
        said = thinking_ids(write_trace(fact, rng), rng) if thinking_on else direct_ids(fact, rng)
        rows.append(prompt_ids(fact, thinking_on) + said)
    longest = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    wanted = ids != PAD
    wanted[:, :PROMPT_TOKENS] = False
    return ids, wanted


def _summed_loss(model: Any, ids: Tensor, wanted: Tensor) -> tuple[Tensor, int]:
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    targets = torch.where(wanted, ids, -100)[:, 1:]
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="sum"
    )
    return loss, int(wanted.sum())
