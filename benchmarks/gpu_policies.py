"""What the GPU benchmark trains: a policy of about a billion parameters, and rows for it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignment.export.tokens import TokenizedExample

SHAPE: dict[str, Any] = {
    "vocab_size": 128_256, "hidden_size": 2048, "intermediate_size": 8192,
    "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip


def random_llama(folder: Path, tokenizer: Path, shape: dict[str, Any] | None = None) -> Path:
    """Write a Llama of random weights in bfloat16, made on the GPU; a folder there is kept.

    1.24 billion parameters, the shape of Llama 3.2 1B. What it says means nothing: time and
    memory do not depend on what weights say.
    """
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    if (folder / "config.json").is_file():
        return folder
    words = AutoTokenizer.from_pretrained(str(tokenizer))
    config = LlamaConfig(
        **(shape or SHAPE), bos_token_id=None, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device()):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(str(folder))
    words.save_pretrained(str(folder))
    return folder


def long_rows(count: int, low: int, high: int, seed: int = 0) -> list[TokenizedExample]:
    """Rows of drawn tokens, their lengths drawn from [low, high]; a tenth of each is prompt."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(count):
        length = int(draw.integers(low, high + 1))
        prompt, completion = length // 10, length - length // 10
        weights = np.exp(draw.uniform(-1, 1, completion)).astype(np.float32)
        made.append(TokenizedExample(
            f"row-{number}", f"question-{number}", bool(draw.integers(2)),
            draw.integers(10, 40_000, prompt), draw.integers(10, 40_000, completion),
            weights, np.zeros(completion, np.int64),
        ))  # fmt: skip
    return made


def level_rows(rows: list[TokenizedExample]) -> list[TokenizedExample]:
    """As many rows and tokens as these, all of one length: what no packing can do better than."""
    mean = round(sum(row.length_tokens for row in rows) / len(rows))
    return long_rows(len(rows), mean, mean)


def device() -> str:
    """A GPU; a processor where there is none, for trying the benchmark out."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def arithmetic(
    shape: dict[str, Any], lengths: list[int], completions: list[int]
) -> dict[str, float]:
    """Operations of a LoRA step: of its examples (forward and backward) and of its pairs.

    A frozen weight costs 2 operations a token forward and 2 backward; causal attention 2·L²·d a
    layer forward and 2.5 times that backward; the output layer sees completions alone, twice
    where its gradient is found with it. Units: floating-point operations.
    """
    width, layers = shape["hidden_size"], shape["num_hidden_layers"]
    keys = width * shape["num_key_value_heads"] // shape["num_attention_heads"]
    body = layers * (2 * width * width + 2 * width * keys + 3 * width * shape["intermediate_size"])
    tokens, squares = sum(lengths), sum(length**2 for length in lengths)
    attention, head = 2.0 * layers * width * squares, 2.0 * width * shape["vocab_size"]
    forward = 2.0 * body * tokens + attention + head * sum(completions)
    backward = 2.0 * body * tokens + 2.5 * attention + head * sum(completions)
    return {"pairs": forward, "examples": forward + backward}
