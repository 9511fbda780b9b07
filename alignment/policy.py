"""A policy: a causal language model with its tokenizer, and the LoRA adapter it trains."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


class PolicyError(ValueError):
    """A policy or an adapter cannot be loaded."""


@dataclass(frozen=True)
class Policy:
    """A loaded model, its tokenizer, and where it came from."""

    model: Any
    tokenizer: Any
    source: str
    device: torch.device

    @property
    def pad_id(self) -> int:
        """The id that fills up a batch; its positions are masked, so any valid id will do."""
        token_id = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id or 0) if token_id is None else int(token_id)

    @property
    def context_tokens(self) -> int:
        """The most tokens that the model can read at once."""
        return int(getattr(self.model.config, "max_position_embeddings", 0) or 1_000_000_000)


def load_policy(
    source: str | Path, *, device: str = "auto", dtype: str = "auto", adapter: Path | None = None
) -> Policy:
    """Load a causal language model from a folder or by name, with an adapter where one is given.

    `device` auto takes a GPU where there is one; `dtype` auto is bfloat16 on a GPU that has it
    and float32 elsewhere. Code that a model brings along is never run.

    Raises: PolicyError saying what was looked for and what to do.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = _device(device)
    _refuse_missing_folder(source)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(source), trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                str(source), dtype=_dtype(dtype, place), trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise PolicyError(
            f"No policy could be loaded from {str(source)!r}: give a folder with a transformers "
            f"causal language model and its tokenizer, or a model's name. ({error})"
        ) from error
    if adapter is not None:
        model = _with_adapter(model, adapter)
    return Policy(model.to(place).eval(), tokenizer, str(source), place)


def add_lora(model: Any, r: int = 32, alpha: int | None = None) -> Any:
    """Put a LoRA adapter on every linear layer but the output layer; only it can be trained.

    At the start the adapter changes nothing (its B is zero), so policy = reference. α is 2r where
    none is given. There is no dropout: the reference is computed once and must stay comparable.

    Source: MR-ALIGN trains LoRA r = 32 on all linear layers; it does not state α.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=r,
        lora_alpha=2 * r if alpha is None else alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with _quiet_peft():
        return get_peft_model(model, config)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' own progress bars off the screen; the caller shows progress."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def adapter_base(adapter: Path) -> str:
    """Return the policy that an adapter was trained on, as its folder names it.

    Raises: PolicyError where the folder holds no adapter.
    """
    from peft import PeftConfig

    if not (adapter / "adapter_config.json").is_file():
        raise PolicyError(
            f"{adapter} holds no adapter_config.json; give the checkpoint folder that training "
            "wrote."
        )
    return str(PeftConfig.from_pretrained(str(adapter)).base_model_name_or_path)


@contextmanager
def _quiet_peft() -> Iterator[None]:
    """Leave out the warning that peft reads an attribute which transformers renamed."""
    with warnings.catch_warnings():
        renamed = ".*is_gradient_checkpointing"
        warnings.filterwarnings("ignore", message=renamed, category=FutureWarning)
        yield


def _with_adapter(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    adapter_base(adapter)
    try:
        with _quiet_peft():
            return PeftModel.from_pretrained(model, str(adapter))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise PolicyError(f"The adapter in {adapter} does not fit the policy: {error}") from error


def _refuse_missing_folder(source: str | Path) -> None:
    """Refuse what can only be a path and is not there, before any hub is asked for it."""
    text = str(source)
    looks_like_path = isinstance(source, Path) or text.startswith((".", "/", "~")) or "\\" in text
    if looks_like_path and not Path(text).is_dir():
        raise PolicyError(f"The policy folder {text!r} does not exist.")


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise PolicyError(f"{name!r} is no device; use auto, cpu or cuda.") from error


def _dtype(name: str, device: torch.device) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name == "auto":
        good = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if good else torch.float32
    if name not in known:
        raise PolicyError(f"{name!r} is no type to train in; use auto, {' or '.join(known)}.")
    return known[name]
