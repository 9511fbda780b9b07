"""Responses sampled from a policy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from alignment.export.tokens import Encoder, open_encoder
from alignment.policies.decoding import Decoding as Decoding
from alignment.policies.kernels import fitting_kernels
from alignment.policies.policy import Policy

Message = tuple[str, str]


class GenerationError(ValueError):
    """A prompt leaves no room for a response."""


@dataclass(frozen=True)
class Drawn:
    """A response up to its end token; `truncated` where none came within the room."""

    text: str
    truncated: bool


class Kept(Protocol):
    """Where the responses to a batch are kept, by its prompts and the place of the first."""

    def find(self, prompts: Sequence[Sequence[Message]], start: int) -> list[Drawn] | None: ...

    def keep(
        self, prompts: Sequence[Sequence[Message]], start: int, drawn: Sequence[Drawn]
    ) -> list[Drawn]: ...


def generate(
    policy: Policy,
    prompts: Sequence[Sequence[Message]],
    decoding: Decoding,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Sample one response a prompt, up to its end token, tags kept as text.

    Raises: GenerationError where a prompt fills the policy's context.
    """
    return [one.text for one in draw(policy, prompts, decoding, on_progress)]


def draw(
    policy: Policy,
    prompts: Sequence[Sequence[Message]],
    decoding: Decoding,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    kept: Kept | None = None,
) -> list[Drawn]:
    """The same, with a word on which responses ran out of room; what is kept is not drawn again.

    Where the template's generation prompt already opens <think>, the response begins with it.
    The same seed, prompts and batch size give the same responses, and each batch by itself does.

    Raises: GenerationError where a prompt fills the policy's context.
    """
    encoder = open_encoder(policy.tokenizer)
    responses: list[Drawn] = []
    with torch.random.fork_rng(devices=_devices(policy)), fitting_kernels():
        for start in range(0, len(prompts), decoding.batch_size):
            part = prompts[start : start + decoding.batch_size]
            found = kept.find(part, start) if kept else None
            if found is None:
                torch.manual_seed(_seed_of(decoding.seed, start))
                found = _batch(policy, encoder, part, decoding)
                found = kept.keep(part, start, found) if kept else found
            responses.extend(found)
            on_progress(len(responses), len(prompts))
    return responses


def _seed_of(seed: int, start: int) -> int:
    """A seed for each batch, so that neighbouring seeds share no batch."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{start}".encode()).digest()[:7])


def _batch(
    policy: Policy, encoder: Encoder, prompts: Sequence[Sequence[Message]], decoding: Decoding
) -> list[Drawn]:
    texts = [encoder.render_prompt(prompt) for prompt in prompts]
    encoded = [encoder.encode(text)[0] for text in texts]
    longest = max(len(ids) for ids in encoded)
    room = min(decoding.max_new_tokens, policy.context_tokens - longest)
    if room < 1 or not all(len(ids) for ids in encoded):
        raise GenerationError(
            f"A prompt of {longest} tokens leaves no room in the policy's context of "
            f"{policy.context_tokens}."
        )
    ids = torch.full((len(encoded), longest), policy.pad_id)
    mask = torch.zeros_like(ids)
    for row, prompt_ids in enumerate(encoded):  # padded on the left: what is new begins level
        ids[row, longest - len(prompt_ids) :] = torch.from_numpy(prompt_ids)
        mask[row, longest - len(prompt_ids) :] = 1
    stops = encoder.stop_token_ids()
    with torch.no_grad():
        drawn = policy.model.generate(
            input_ids=ids.to(policy.device),
            attention_mask=mask.to(policy.device),
            generation_config=_generation_config(decoding, room, stops, policy.pad_id),
        )
    new = drawn[:, longest:].tolist()
    return [
        Drawn(_opened(text) + _text(encoder, row, stops), not set(row) & set(stops))
        for text, row in zip(texts, new, strict=True)
    ]


def _generation_config(decoding: Decoding, room: int, stops: list[int], pad_id: int) -> object:
    from transformers import GenerationConfig

    sampling = {
        "do_sample": True,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": decoding.top_k,
    }
    return GenerationConfig(
        max_new_tokens=room,
        eos_token_id=stops,
        pad_token_id=pad_id,
        **(sampling if decoding.temperature > 0 else {"do_sample": False}),
    )


def _text(encoder: Encoder, ids: list[int], stops: Sequence[int]) -> str:
    end = next((place for place, token in enumerate(ids) if token in stops), len(ids))
    return str(encoder.backend.decode(ids[:end], skip_special_tokens=False))


def _opened(prompt: str) -> str:
    return next((tag for tag in ("<think>\n", "<think>") if prompt.endswith(tag)), "")


def _devices(policy: Policy) -> list[torch.device]:
    return [policy.device] if policy.device.type == "cuda" else []
