"""What goes to a language model and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Messages = Sequence[Mapping[str, str]]  # each with "role" and "content"


@dataclass(frozen=True)
class ChatRequest:
    """What is asked of which model; two equal requests are paid for once."""

    model: str
    messages: Messages
    schema: Mapping[str, Any] | None = None
    temperature: float | None = 0.0
    max_tokens: int = 4096
    seed: int | None = None

    def canonical(self) -> dict[str, Any]:
        """The request as plain JSON, the same for equal requests."""
        return {
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "schema": self.schema,
            "parameters": {
                "temperature": self.temperature,
                "max_tokens": self.max_tokens,
                "seed": self.seed,
            },
        }


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
