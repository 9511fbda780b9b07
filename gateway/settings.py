"""What the gateway takes from the environment, and what it sets there for the libraries below."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from gateway.roles import (
    Layer,
    Role,
    RoleSettings,
    Settings,
    read_models_file,
    resolve_role,
)
from store.errors import InvalidInput


def forbid_hub() -> None:
    """Keep the model libraries off the network: the weights come from an installed package.

    Call it before transformers or sentence_transformers is imported; they read it then.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def variables() -> Mapping[str, str]:
    """The environment's variables that steer roles; a key is not among them."""
    names = ("OPENAI_BASE_URL",)
    return {k: v for k, v in os.environ.items() if k in names or k.startswith("MRALIGN_")}


def find_config(given: Path | None = None) -> Path | None:
    """The config file: the one that is given, else the one that MRALIGN_CONFIG names."""
    named = os.environ.get("MRALIGN_CONFIG")
    return given or (Path(named).expanduser() if named else None)


def find_embedding_model() -> str | None:
    """The sentence-transformers model that MRALIGN_EMBEDDING_MODEL names, by folder or name."""
    return os.environ.get("MRALIGN_EMBEDDING_MODEL") or None


class Runtime(StrEnum):
    """What runs the embedding model; `auto` is ONNX Runtime where it is and no GPU is."""

    AUTO = "auto"
    ONNX = "onnx"
    TORCH = "torch"


def find_runtime() -> Runtime:
    """What MRALIGN_ENCODER says shall run the embedding model, torch by default.

    Raises:
        InvalidInput: it says something else.
    """
    given = os.environ.get("MRALIGN_ENCODER") or Runtime.TORCH
    if given not in set(Runtime):
        raise InvalidInput(f"expected MRALIGN_ENCODER to be {', '.join(Runtime)}, got {given!r}")
    return Runtime(given)


def find_secret(variable: str) -> SecretStr | None:
    """The key in an environment variable, for the client alone."""
    value = os.environ.get(variable)
    return SecretStr(value) if value else None


def load_role(
    role: Role,
    config: Path | None = None,
    options: Settings | None = None,
    fallback: Layer | None = None,
) -> RoleSettings:
    """A role as it is in force.

    Raises:
        InvalidInput: the config file or a variable makes no sense.
    """
    path = find_config(config)
    file = read_models_file(path) if path else None
    return resolve_role(role, options=options, fallback=fallback, file=file, variables=variables())
