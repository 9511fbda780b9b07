"""What goes to a language model and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

Messages = Sequence[Mapping[str, str]]  # each with "role" and "content"


@dataclass(frozen=True)
class ChatRequest:
    """What is asked of which model; two equal requests are paid for once.

    `extra` goes into the body as it is. `deployment` is sent to nobody: it tells apart models that
    have one name at two addresses.
    """

    model: str
    messages: Messages
    schema: Mapping[str, Any] | None = None
    temperature: float | None = 0.0
    max_tokens: int = 4096
    seed: int | None = None
    extra: Mapping[str, Any] | None = None
    deployment: str | None = None

    def canonical(self) -> dict[str, Any]:
        """The request as plain JSON, the same for equal requests."""
        parameters: dict[str, Any] = {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }
        parameters |= {"extra": dict(self.extra)} if self.extra else {}
        parameters |= {"deployment": self.deployment} if self.deployment else {}
        return {
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "schema": self.schema,
            "parameters": parameters,
        }

    @classmethod
    def of_canonical(cls, document: Mapping[str, Any]) -> Self:
        """The request that `canonical` wrote down.

        Identity: `of_canonical(r.canonical()).canonical() == r.canonical()`.
        """
        named = {name: document[name] for name in ("model", "messages", "schema")}
        return cls(**named, **document["parameters"])


@dataclass(frozen=True)
class ChatReply:
    """What came back. `text` is empty where the model refused or said nothing."""

    text: str
    finish_reason: str | None = None
    refusal: str | None = None
    reasoning: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chat(Protocol):
    """Anything that answers a request: a client, a cache in front of it, or a test's function."""

    def __call__(self, request: ChatRequest) -> ChatReply:
        """Answer, or raise a fault."""
