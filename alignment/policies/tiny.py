"""A tiny Qwen3-architecture policy with its own tokenizer, made on the spot in seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from alignment.policies.policy import quiet_transformers

_VOCABULARY = 512
_PAD, _START, _END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_MARKUP = ["<think>", "</think>", "<answer>", "</answer>"]
_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


class TinyPolicyError(ValueError):
    """There is nothing to train the tiny policy's tokenizer on."""


def build_tiny_policy(
    texts: Sequence[str],
    folder: Path,
    seed: int = 0,
    *,
    pretrain_steps: int = 0,
    context_tokens: int = 4096,
) -> Path:
    """Make and save a policy that `load_policy` reads like any other; return its folder.

    A byte-level BPE tokenizer of 512 tokens learns from `texts`; the model has 2 layers of width
    64. With `pretrain_steps` it learns to continue the texts, which then should be whole
    conversations (see `conversation`). The same arguments give the same files.

    Raises: TinyPolicyError where there is no text.
    """
    if not any(text.strip() for text in texts):
        raise TinyPolicyError("The tiny policy's tokenizer needs at least one text to learn from.")
    tokenizer = _tokenizer(texts, context_tokens)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _model(tokenizer, context_tokens)
        if pretrain_steps:
            _pretrain(model, tokenizer, texts, pretrain_steps)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    return folder


def conversation(prompt: Sequence[tuple[str, str]], completion: str) -> str:
    """Return a whole conversation in the tiny policy's template, a text to pretrain on."""
    turns = "".join(f"{_START}{role}\n{content}{_END}\n" for role, content in prompt)
    return f"{turns}{_START}assistant\n{completion}{_END}"


def _tokenizer(texts: Sequence[str], context_tokens: int) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY - len(_MARKUP),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[_PAD, _START, _END],
        show_progress=False,
    )
    control = re.compile("|".join(map(re.escape, [_PAD, _START, _END, *_MARKUP])))
    backend.train_from_iterator((control.sub("\n", text) for text in texts), trainer)
    backend.add_tokens([AddedToken(token, normalized=False) for token in _MARKUP])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=_END,
        pad_token=_PAD,
        chat_template=_TEMPLATE,
        model_max_length=context_tokens,
        clean_up_tokenization_spaces=False,
    )


def _model(tokenizer: Any, context_tokens: int) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=_VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=context_tokens,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return Qwen3ForCausalLM(config)


def _pretrain(model: Any, tokenizer: Any, texts: Sequence[str], steps: int) -> None:
    stream = torch.tensor(tokenizer(_PAD.join([*texts, ""]))["input_ids"])
    length = min(256, len(stream) - 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(steps):
        starts = torch.randint(len(stream) - length, (8,))
        batch = torch.stack([stream[start : start + length + 1] for start in starts.tolist()])
        logits = model(input_ids=batch[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, (steps - step) / (0.3 * steps))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
