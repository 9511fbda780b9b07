"""What a training run would do, and whether it can, before a weight is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from alignment.export.rows import read_export
from alignment.export.tokens import open_encoder
from alignment.policies.logprobs import HEAD_CHUNK_TOKENS
from alignment.policies.policy import (
    PolicyError,
    check_four_bit,
    find_device,
    find_dtype,
    quiet_transformers,
    refuse_missing_folder,
)
from alignment.training.course import FORWARD_TOKENS
from alignment.training.preparation import Prepared, prepare
from alignment.training.processes import check_trackers
from alignment.training.recipe import TrainingConfig, TrainingError

HEAD_BYTES_A_LOGIT = 8  # a chunk's logits and their exponential, both in float32


@dataclass(frozen=True)
class Memory:
    """What a run needs a process, roughly, and what there is. Units: bytes."""

    weights: int
    training: int
    activations: int
    there: int
    whole: int

    @property
    def needed(self) -> int:
        """All that is needed at once."""
        return self.weights + self.training + self.activations


@dataclass(frozen=True)
class Preflight:
    """What was checked, and what the run would do."""

    prepared: Prepared
    device: str
    parameters: int
    trainable: int
    has_template: bool
    memory: Memory
    warnings: tuple[str, ...]


def check_training(export_folder: Path, config: TrainingConfig, processes: int = 1) -> Preflight:
    """Check policy, memory, trackers and data of a run, each without loading a weight.

    Raises: PolicyError, TokenError, ExportFolderError, BatchError or TrainingError saying what is
    wrong and what to do.
    """
    device = find_device(config.device)
    check_trackers(config.report_to)
    if config.tuning == "qlora":
        check_four_bit()
    export = read_export(export_folder)
    shape, tokenizer = _open_policy(config.policy)
    limit = min(config.max_tokens, _context_tokens(shape.config))
    ready = prepare(export, open_encoder(tokenizer), config, limit, processes)
    parameters = sum(p.numel() for p in shape.parameters())
    trainable = parameters if config.tuning == "full" else _adapter_size(shape, config.lora_r)
    memory = _memory(shape, ready, device, parameters, trainable)
    _refuse_too_large(memory, config)
    has_template = bool(getattr(tokenizer, "chat_template", None))
    return Preflight(
        ready, str(device), parameters, trainable, has_template, memory,
        (*ready.warnings, *_warnings(has_template, memory, ready)),
    )  # fmt: skip


def _open_policy(source: str) -> tuple[Any, Any]:
    """The model without its weights, and the tokenizer."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    refuse_missing_folder(source)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            config = AutoConfig.from_pretrained(source, trust_remote_code=False)
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise PolicyError(
            f"No policy could be opened in {source!r}: give a folder with a transformers causal "
            f"language model and its tokenizer, or a model's name. ({error})"
        ) from error
    return model, tokenizer


def _context_tokens(config: Any) -> int:
    return int(getattr(config, "max_position_embeddings", 0) or 1_000_000_000)


def _adapter_size(shape: Any, r: int) -> int:
    head = shape.get_output_embeddings()
    layers = (m for m in shape.modules() if isinstance(m, torch.nn.Linear) and m is not head)
    return sum(r * (layer.in_features + layer.out_features) for layer in layers)


def _memory(
    shape: Any, ready: Prepared, device: torch.device, parameters: int, trainable: int
) -> Memory:
    """Add up weights, gradients with Adam's two moments, and the activations of one forward.

    A layer keeps about 10 states and 5 inner states a token in bfloat16, 14 and 7 in float32;
    with gradient checkpointing one state, and all of them for one layer at a time. Where every
    weight is trained in bfloat16, autocast holds a copy of each.
    """
    config = ready.config
    full, packed = config.tuning == "full", config.tuning == "qlora"
    size = find_dtype(config.dtype, device).itemsize
    copies = 2 if size == 2 else 0
    weights = parameters * (4 + copies) if full else int(parameters * (0.55 if packed else size))
    layers = int(getattr(shape.config, "num_hidden_layers", 1))
    width = int(getattr(shape.config, "hidden_size", 1))
    inner = int(getattr(shape.config, "intermediate_size", 4 * width) or 4 * width)
    longest = max(example.length_tokens for example in ready.examples)
    tokens = max(longest, config.forward_tokens or FORWARD_TOKENS.get(device.type, 4096))
    states, inner_states = (14, 7) if size == 4 else (10, 5)
    layer = tokens * (states * width + inner_states * inner) * size
    kept = (
        layers * tokens * width * size + layer if config.gradient_checkpointing else layers * layer
    )
    vocabulary = int(getattr(shape.config, "vocab_size", 1))
    head = min(tokens, HEAD_CHUNK_TOKENS) * vocabulary * HEAD_BYTES_A_LOGIT
    there, whole = _memory_there(device)
    return Memory(weights, trainable * (12 if full else 16), kept + head, there, whole)


def _memory_there(device: torch.device) -> tuple[int, int]:
    """What is free and what there is, in bytes."""
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info(device)
        return int(free), int(whole)
    import psutil

    found = psutil.virtual_memory()
    return int(found.available), int(found.total)


def _refuse_too_large(memory: Memory, config: TrainingConfig) -> None:
    if memory.weights + memory.training > memory.whole:
        raise TrainingError(
            f"Weights and optimizer alone need about {gigabytes(memory.weights + memory.training)} "
            f"and there are {gigabytes(memory.whole)}: take a smaller policy, "
            f"{'tuning lora, ' if config.tuning == 'full' else ''}or several GPUs by "
            "`--launch-config` with FSDP or DeepSpeed."
        )


def _warnings(has_template: bool, memory: Memory, ready: Prepared) -> list[str]:
    found = []
    if not has_template:
        found.append("The policy has no chat template: prompts are written as plain turns.")
    if memory.needed > memory.there:
        found.append(
            f"The run needs about {gigabytes(memory.needed)} and {gigabytes(memory.there)} are "
            "free: lower forward_tokens or max_tokens, or switch gradient_checkpointing on."
        )
    if ready.validation and not ready.validation_plan:
        found.append("The validation split holds one question alone; no validation loss is taken.")
    return found


def gigabytes(count: int) -> str:
    """Bytes as people read them."""
    if count < 1e8:
        return f"{count / 1e6:.1f} MB"
    return f"{math.ceil(count / 1e7) / 100:.2f} GB"
