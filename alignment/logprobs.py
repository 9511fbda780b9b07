"""Log-probabilities of completion tokens, without a whole batch of vocabulary logits in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

HEAD_CHUNK_TOKENS = 256


def token_logprobs(
    model: Any,
    input_ids: Tensor,
    completion_mask: Tensor,
    chunk_tokens: int = HEAD_CHUNK_TOKENS,
) -> Tensor:
    """Return log π(y_t | y_<t) at each completion token, the output layer applied in chunks.

    Shapes: twice [batch, length] → [batch, length]; entry t belongs to token t.
    Units: nats, float32 whatever the model's own type.
    Masking: 0 outside `completion_mask`; the output layer never sees those positions. Position 0
    has nothing before it and must be masked. Padding stands on the right, where a causal model
    never looks from a completion, so no attention mask is needed and the fast kernels serve.
    Identity: equals `plain_token_logprobs` to 1e-5, in value and in gradient.
    Source: logits of a chunk are recomputed in the backward pass, so the peak is
    chunk × vocabulary and not batch × length × vocabulary.
    """
    hidden = _backbone(model)(input_ids=input_ids, use_cache=False)[0]
    wanted = completion_mask[:, 1:]
    states, targets = hidden[:, :-1][wanted], input_ids[:, 1:][wanted]
    head = model.get_output_embeddings()
    chunks = [
        checkpoint(_chunk_logprobs, head, part, ids, use_reentrant=False)
        for part, ids in zip(
            torch.split(states, chunk_tokens), torch.split(targets, chunk_tokens), strict=True
        )
    ]
    picked = torch.cat(chunks) if chunks else states.new_zeros(0, dtype=torch.float32)
    shifted = torch.zeros(wanted.shape, dtype=torch.float32, device=picked.device)
    return torch.nn.functional.pad(shifted.masked_scatter(wanted, picked), (1, 0))


def plain_token_logprobs(model: Any, input_ids: Tensor, completion_mask: Tensor) -> Tensor:
    """Return the same as `token_logprobs` from the model's own logits, all at once.

    Shapes: twice [batch, length] → [batch, length].
    Differs: for models whose logits are not the bare output layer (softcapping, scaling).
    """
    logits = model(input_ids=input_ids, use_cache=False).logits[:, :-1].float()
    picked = logits.log_softmax(dim=-1).gather(-1, input_ids[:, 1:, None]).squeeze(-1)
    return torch.nn.functional.pad(torch.where(completion_mask[:, 1:], picked, 0.0), (1, 0))


def output_layer_is_bare(model: Any, input_ids: Tensor, tolerance_nats: float = 1e-3) -> bool:
    """Say whether chunked and plain log-probabilities agree on a probe, as most models' do.

    Shapes: input_ids [1, length]; a few tokens are enough.
    Differs: False for models that cap or scale their logits after the output layer.
    """
    mask = torch.ones_like(input_ids, dtype=torch.bool)
    mask[:, 0] = False
    with torch.no_grad():
        chunked = token_logprobs(model, input_ids, mask)
        plain = plain_token_logprobs(model, input_ids, mask)
    scale = 1.0 if next(model.parameters()).dtype == torch.float32 else 50.0
    return bool((chunked - plain).abs().max() <= tolerance_nats * scale)


def _chunk_logprobs(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    logits: Tensor = head(states).float()
    chosen = logits.gather(-1, targets[:, None]).squeeze(-1)
    return chosen - logits.logsumexp(dim=-1)


def _backbone(model: Any) -> Any:
    """Return the transformer below the output layer, adapters included."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return getattr(inner, inner.base_model_prefix)
