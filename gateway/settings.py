"""What the gateway takes from the environment, and what it sets there for the libraries below."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.errors import InvalidInput


def forbid_hub() -> None:
    """Keep the model libraries off the network: the weights come from an installed package.

    Call it before transformers or sentence_transformers is imported; they read it then.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


class ModelSettings(BaseSettings):
    """Where language models are asked, from the environment; the key is never shown."""

    model_config = SettingsConfigDict(
        extra="ignore", populate_by_name=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    base_url: str | None = Field(default=None, validation_alias="OPENAI_BASE_URL")
    model: str | None = Field(default=None, validation_alias="MRALIGN_MODEL")

    @field_validator("base_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("expected an http or https address in OPENAI_BASE_URL")
        return value

    @property
    def has_endpoint(self) -> bool:
        """Whether a key is set, or the address of a server that may want none."""
        return self.api_key is not None or self.base_url is not None

    def secret(self) -> str | None:
        """The key itself, for the client alone."""
        return self.api_key.get_secret_value() if self.api_key else None


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


def find_secret(variable: str) -> SecretStr | None:
    """The key in an environment variable, for the client alone."""
    value = os.environ.get(variable)
    return SecretStr(value) if value else None


def model_settings() -> ModelSettings:
    """The settings in force.

    Raises:
        InvalidInput: one of them makes no sense; the message holds none of their values.
    """
    try:
        return ModelSettings()
    except ValidationError as error:
        raise InvalidInput("; ".join(str(detail["msg"]) for detail in error.errors())) from None
