"""Chunked log-probabilities against the plain computation."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alignment.policies.logprobs import (
    Scorer,
    output_layer_is_bare,
    plain_token_logprobs,
    token_logprobs,
)
from alignment.policies.policy import add_lora, load_policy, prepare_tuning

pytestmark = pytest.mark.models


@pytest.fixture
def model(tiny_policy_folder: Path) -> Any:
    return load_policy(tiny_policy_folder, device="cpu").model


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(512, (3, 29), generator=generator)
    places = torch.arange(29)
    return ids, (places >= 4) & (places < torch.tensor([29, 20, 11])[:, None])


@pytest.mark.parametrize("chunk_tokens", [1, 7, 10_000])
def test_chunks_equal_the_plain_computation_in_value_and_gradient(
    model: Any, chunk_tokens: int
) -> None:
    adapted = add_lora(model, r=4)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    trainable = [p for p in adapted.parameters() if p.requires_grad]
    plain = plain_token_logprobs(adapted, *batch())
    plain_gradients = torch.autograd.grad(plain.sum(), trainable)
    chunked = token_logprobs(adapted, *batch(), chunk_tokens=chunk_tokens)
    chunked_gradients = torch.autograd.grad(chunked.sum(), trainable)
    assert (chunked - plain).abs().max() <= 1e-5
    for ours, theirs in zip(chunked_gradients, plain_gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-5)


def test_nothing_stands_outside_the_completion(model: Any) -> None:
    ids, mask = batch()
    logprobs = token_logprobs(model, ids, mask)
    assert torch.equal(logprobs != 0, mask)


def test_padding_changes_no_completion_token(model: Any) -> None:
    ids, mask = batch()
    together = token_logprobs(model, ids, mask)
    alone = token_logprobs(model, ids[2:, :11], mask[2:, :11])
    assert (together[2, :11] - alone[0]).abs().max() <= 1e-5


def test_a_token_is_scored_by_what_stands_before_it(model: Any) -> None:
    ids, mask = batch()
    changed = ids.clone()
    changed[0, 20] = (changed[0, 20] + 1) % 512
    difference = (token_logprobs(model, ids, mask) - token_logprobs(model, changed, mask))[0]
    assert torch.equal(difference[:20], torch.zeros(20))
    assert (difference[20:] != 0).all()


def test_chunks_never_see_more_than_their_share_of_logits(model: Any) -> None:
    seen: list[int] = []
    head = model.get_output_embeddings()
    hook = head.register_forward_hook(lambda module, args, output: seen.append(output.shape[0]))
    token_logprobs(model, *batch(), chunk_tokens=8)
    hook.remove()
    mask = batch()[1]
    assert max(seen) <= 8 and sum(seen) == int(mask[:, 1:].sum())


def test_a_model_that_rescales_its_logits_is_noticed(model: Any) -> None:
    ids = batch()[0][:1, :8]
    assert output_layer_is_bare(model, ids)
    forward = model.forward

    def scaled(*args: Any, **options: Any) -> Any:
        output = forward(*args, **options)
        output.logits = output.logits * 3
        return output

    model.forward = scaled
    assert not output_layer_is_bare(model, ids)


def test_what_all_sequences_share_is_read_once_and_changes_nothing(model: Any) -> None:
    ids, mask = batch()
    ids[:, :4] = ids[0, :4]
    scorer = Scorer(add_lora(model, r=4), chunked=True)
    assert scorer.can_reuse(ids, mask, 3)
    with torch.no_grad():
        past = scorer(ids[:1, :3])
        first, again = scorer(ids, mask, past), scorer(ids, mask, past)
        whole = scorer(ids, mask)
    assert torch.equal(first, again), "what is kept does not grow"
    assert (first - whole).abs().max() <= 1e-5
    seen: list[int] = []
    embedding = scorer.model.get_input_embeddings()
    hook = embedding.register_forward_hook(lambda module, args, out: seen.append(out.shape[1]))
    with torch.no_grad():
        scorer(ids, mask, past)
    hook.remove()
    assert seen == [26]


def test_a_model_whose_past_cannot_be_reused_is_noticed(model: Any) -> None:
    ids, mask = batch()
    assert not Scorer(model, chunked=False).can_reuse(ids, mask, 3)
    recomputing = prepare_tuning(model, "lora", 4, checkpointing=True)
    assert not Scorer(recomputing, chunked=True).can_reuse(ids, mask, 3)
