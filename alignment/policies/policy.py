"""A policy: a causal language model with its tokenizer, and the LoRA adapter it trains."""

from __future__ import annotations

import hashlib
import importlib.util
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
    source: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    adapter: Path | None = None,
    four_bit: bool = False,
) -> Policy:
    """Load a causal language model from a folder or by name, with an adapter where one is given.

    `device` auto takes a GPU where there is one; `dtype` auto is bfloat16 on a GPU that has it
    and float32 elsewhere. `four_bit` packs the linear layers' weights into NF4 as they load. Code
    that a model brings along is never run.

    Raises: PolicyError saying what was looked for and what to do.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = find_device(device)
    refuse_missing_folder(source)
    packing = _four_bit_options(place) if four_bit else {}
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(source), trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                str(source), dtype=find_dtype(dtype, place), trust_remote_code=False, **packing
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise PolicyError(
            f"No policy could be loaded from {str(source)!r}: give a folder with a transformers "
            f"causal language model and its tokenizer, or a model's name. ({error})"
        ) from error
    if adapter is not None:
        model = _with_adapter(model, adapter)
    placed = model if four_bit else model.to(place)
    return Policy(placed.eval(), tokenizer, str(source), place)


def check_four_bit() -> None:
    """Refuse 4-bit weights where they cannot be.

    Raises: PolicyError naming what is missing.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise PolicyError(
            "4-bit weights (tuning qlora) need the package bitsandbytes, which is not here; "
            "pip install 'mralign[qlora]', or use tuning lora."
        )


def _four_bit_options(place: torch.device) -> dict[str, Any]:
    check_four_bit()
    from transformers import BitsAndBytesConfig

    packed = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=find_dtype("auto", place),
    )
    return {"quantization_config": packed, "device_map": {"": place}}


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


def prepare_tuning(
    model: Any, tuning: str, r: int = 32, alpha: int | None = None, checkpointing: bool = False
) -> Any:
    """Set up what is trained: an adapter (lora, qlora) or every weight (full).

    Dropout goes to 0 everywhere: the reference is computed once and must stay comparable. With
    `checkpointing` the layers' activations are computed again in the backward pass, which costs
    a forward and saves most of the memory.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout", "attn_dropout", "hidden_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    if tuning == "full":
        model.requires_grad_(True)
    else:
        model = add_lora(model, r, alpha)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()  # transformers recomputes layers of a model in training only
    return model


def policy_hash(policy: Policy) -> str:
    """Return a sha256 that changes with any weight: of the files, else of the tensors."""
    digest = hashlib.sha256()
    folder = Path(policy.source)
    files = sorted(p for s in ("*.safetensors", "*.bin", "config.json") for p in folder.glob(s))
    if folder.is_dir() and len(files) > 1:
        for path in files:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()
    for name, tensor in sorted(policy.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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


def refuse_missing_folder(source: str | Path) -> None:
    """Refuse what can only be a path and is not there, before any hub is asked for it."""
    text = str(source)
    looks_like_path = isinstance(source, Path) or text.startswith((".", "/", "~")) or "\\" in text
    if looks_like_path and not Path(text).is_dir():
        raise PolicyError(f"The policy folder {text!r} does not exist.")


def find_device(name: str) -> torch.device:
    """Return the device of this name; auto is a GPU where there is one.

    Raises: PolicyError where there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise PolicyError(f"{name!r} is no device; use auto, cpu or cuda.") from error


def find_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the type of this name; auto is bfloat16 on a GPU that has it, else float32.

    Raises: PolicyError where it is no type to train in.
    """
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if name == "auto":
        good = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if good else torch.float32
    if name not in known:
        raise PolicyError(f"{name!r} is no type to train in; use auto, {' or '.join(known)}.")
    return known[name]
