"""Log-probabilities of completion tokens, without a whole batch of vocabulary logits in memory."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

HEAD_CHUNK_TOKENS = 256


class Scorer(torch.nn.Module):
    """A model as the training loop calls it: tokens in, log-probabilities of completions out.

    It is a module so that whatever spreads a model over processes can wrap it whole, output
    layer included. `autocast` runs it in a lower precision than its weights have.
    """

    def __init__(self, model: Any, chunked: bool, autocast: torch.dtype | None = None) -> None:
        super().__init__()
        self.model = model
        self.chunked = chunked
        self.autocast = autocast
        # Whatever shards a model by its layers asks the module that it wraps for their names.
        self._no_split_modules = getattr(model, "_no_split_modules", None)

    def forward(
        self, input_ids: Tensor, completion_mask: Tensor | None = None, past: Any = None
    ) -> Any:
        """Score a batch. Shapes: twice [batch, length] → [batch, length], in nats.

        Without a mask, read the ids and return what attention keeps of them: the `past` that
        stands for every sequence's first tokens in later calls without gradient.
        """
        with torch.autocast(
            input_ids.device.type, dtype=self.autocast, enabled=self.autocast is not None
        ):
            if completion_mask is None:
                return _read(self.model, input_ids)
            if not self.chunked:
                return plain_token_logprobs(self.model, input_ids, completion_mask)
            return token_logprobs(self.model, input_ids, completion_mask, past=past)

    def can_reuse(self, input_ids: Tensor, completion_mask: Tensor, shared: int) -> bool:
        """Say whether `past` gives what reading everything does, tried on one sequence.

        Differs: False for models that keep no plain keys and values, and while layers recompute.
        """
        if not self.chunked or shared < 1:
            return False
        try:
            with torch.no_grad():
                past = self(input_ids[:1, :shared])
                if past.get_seq_length() != shared:
                    return False
                again = self(input_ids, completion_mask, past)
                whole = self(input_ids, completion_mask)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            return False
        apart = (again - whole).abs().sum() / completion_mask.sum()
        return bool(apart <= _tolerance_nats(self.model))


def token_logprobs(
    model: Any,
    input_ids: Tensor,
    completion_mask: Tensor,
    chunk_tokens: int = HEAD_CHUNK_TOKENS,
    past: Any = None,
) -> Tensor:
    """Return log π(y_t | y_<t) at each completion token, the output layer applied in chunks.

    `past` holds what attention keeps of the sequences' first tokens, which all of them share and
    which then are not read again; it stays as it is.

    Shapes: twice [batch, length] → [batch, length]; entry t belongs to token t.
    Units: nats, float32 whatever the model's own type.
    Masking: 0 outside `completion_mask`; the output layer never sees those positions. Position 0
    has nothing before it and must be masked. Padding stands on the right, where a causal model
    never looks from a completion, so no attention mask is needed and the fast kernels serve.
    Identity: equals `plain_token_logprobs` to 1e-5, in value and in gradient.
    Source: under a frozen output layer W the gradient by a state is W[y] − softmax·W, found in
    the forward pass while the chunk's logits are there; where W is trained, a chunk's logits are
    computed again in the backward pass. Either way the peak is chunk × vocabulary.
    """
    shared = past.get_seq_length() if past is not None else 0
    input_ids, completion_mask = input_ids[:, shared:], completion_mask[:, shared:]
    hidden = _backbone(model)(input_ids=input_ids, **_continued(past, len(input_ids)))[0]
    wanted = completion_mask[:, 1:]
    states, targets = hidden[:, :-1][wanted], input_ids[:, 1:][wanted]
    head = model.get_output_embeddings()
    if _is_frozen_linear(head):
        picked = _FrozenHead.apply(states, head.weight, targets, chunk_tokens)  # type: ignore[no-untyped-call]
    else:
        picked = _recomputed(head, states, targets, chunk_tokens)
    shifted = torch.zeros(wanted.shape, dtype=torch.float32, device=picked.device)
    return torch.nn.functional.pad(shifted.masked_scatter(wanted, picked), (1 + shared, 0))


def plain_token_logprobs(model: Any, input_ids: Tensor, completion_mask: Tensor) -> Tensor:
    """Return the same as `token_logprobs` from the model's own logits, all at once.

    Shapes: twice [batch, length] → [batch, length].
    Differs: for models whose logits are not the bare output layer (softcapping, scaling).
    """
    logits = model(input_ids=input_ids, use_cache=False).logits[:, :-1].float()
    picked = logits.log_softmax(dim=-1).gather(-1, input_ids[:, 1:, None]).squeeze(-1)
    return torch.nn.functional.pad(torch.where(completion_mask[:, 1:], picked, 0.0), (1, 0))


def output_layer_is_bare(model: Any, input_ids: Tensor) -> bool:
    """Say whether chunked and plain log-probabilities agree on a probe, as most models' do.

    Shapes: input_ids [1, length]; a few tokens are enough.
    Differs: False for models that cap or scale their logits after the output layer.
    """
    mask = torch.ones_like(input_ids, dtype=torch.bool)
    mask[:, 0] = False
    with torch.no_grad():
        chunked = token_logprobs(model, input_ids, mask)
        plain = plain_token_logprobs(model, input_ids, mask)
    return bool((chunked - plain).abs().max() <= _tolerance_nats(model))


def _tolerance_nats(model: Any) -> float:
    """How far two ways to compute one log-probability may lie apart in the model's type."""
    return 1e-3 if next(model.parameters()).dtype == torch.float32 else 5e-2


def _read(model: Any, input_ids: Tensor) -> Any:
    from transformers import DynamicCache

    past = DynamicCache()
    _backbone(model)(input_ids=input_ids, past_key_values=past, use_cache=True)
    return past


def _continued(past: Any, batch: int) -> dict[str, Any]:
    if past is None:
        return {"use_cache": False}
    copied = copy.deepcopy(past)  # the layers will add to it
    copied.batch_repeat_interleave(batch)
    return {"past_key_values": copied, "use_cache": True}


class _FrozenHead(torch.autograd.Function):
    """log softmax(W h)[y] a token, with W[y] − softmax(W h)·W kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, targets: Tensor, chunk: int) -> Tensor:
        picked = states.new_empty(len(states), dtype=torch.float32)
        slopes = torch.empty_like(states) if ctx.needs_input_grad[0] else None
        for start in range(0, len(states), chunk):
            part, ids = states[start : start + chunk], targets[start : start + chunk]
            logs = _log_softmax(part.to(weight.dtype), weight)
            picked[start : start + chunk] = logs.gather(-1, ids[:, None])[:, 0]
            if slopes is not None:
                slopes[start : start + chunk] = weight[ids] - logs.exp_().to(weight.dtype) @ weight
        ctx.save_for_backward(slopes)
        return picked

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * gradient[:, None].to(slopes.dtype), None, None, None


def _log_softmax(states: Tensor, weight: Tensor) -> Tensor:
    """log softmax(W h) in float32; autocast would first copy all scores in that type."""
    with torch.autocast(states.device.type, enabled=False):
        return (states @ weight.T).log_softmax(dim=-1, dtype=torch.float32)


def _is_frozen_linear(head: Any) -> bool:
    return (
        type(head) is torch.nn.Linear
        and head.bias is None
        and type(head.weight) is torch.nn.Parameter
        and head.weight.is_floating_point()
        and not head.weight.requires_grad
    )


def _recomputed(head: Any, states: Tensor, targets: Tensor, chunk_tokens: int) -> Tensor:
    chunks = [
        checkpoint(_chunk_logprobs, head, part, ids, use_reentrant=False)
        for part, ids in zip(
            torch.split(states, chunk_tokens), torch.split(targets, chunk_tokens), strict=True
        )
    ]
    return torch.cat(chunks) if chunks else states.new_zeros(0, dtype=torch.float32)


def _chunk_logprobs(head: Any, states: Tensor, targets: Tensor) -> Tensor:
    logits: Tensor = head(states).float()
    chosen = logits.gather(-1, targets[:, None]).squeeze(-1)
    return chosen - logits.logsumexp(dim=-1)


def _backbone(model: Any) -> Any:
    """Return the transformer below the output layer, adapters included."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return getattr(inner, inner.base_model_prefix)
