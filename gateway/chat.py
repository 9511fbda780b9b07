"""Completions of OpenAI-compatible servers: requests out, replies in, in the server's dialect."""

from typing import Any

from gateway.connection import Connection
from gateway.dialect import Dialect
from gateway.exchange import ChatReply, ChatRequest
from gateway.faults import RequestRejected, TransientFault

NO_MORE_ROOM = ("length", "max_tokens", "max_output_tokens", "max_length")


class OpenAIChat:
    """A client of one OpenAI-compatible endpoint; it never retries and never prints its key.

    The first requests find out what the server takes (a JSON schema, JSON mode, plain text; which
    name for the token limit), and the later ones use that.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.dialect = Dialect()

    def __call__(self, request: ChatRequest) -> ChatReply:
        """Send the request, in simpler dialects until the server takes it."""
        dialect = self.dialect
        while True:
            try:
                reply = read_completion(self._send(dialect.body(request)))
            except RequestRejected as error:
                simpler = dialect.after(error, request.schema is not None)
                if simpler is None:
                    raise
                dialect = simpler
            else:
                self._learn(dialect.proven(request.schema is not None))
                return reply

    def _learn(self, dialect: Dialect) -> None:
        if dialect.settled or not self.dialect.settled:  # a slower thread must not unlearn
            self.dialect = dialect

    def close(self) -> None:
        """Give the connections back."""
        self.connection.close()

    def _send(self, body: dict[str, Any]) -> Any:
        # As plain JSON: checking the request against the client's types, and building them for
        # the reply, costs more than all the rest.
        return self.connection.call(
            lambda client: client.post("/chat/completions", cast_to=object, body=body)
        )


def read_completion(document: Any) -> ChatReply:
    """The first choice of a completion, whatever shape the server gave the rest.

    Raises:
        TransientFault: the document holds no message.
    """
    choice = _first(_field(document, "choices"))
    message = _field(choice, "message")
    if not isinstance(message, dict):
        raise TransientFault(f"expected a completion, got {str(document)[:200]!r}", billed=True)
    text = _text(message.get("content"))
    reasoning = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    finish = _finish(_text(_field(choice, "finish_reason")))
    if finish == "error":  # a router says so of the server behind it, which answers 200 by itself
        raise TransientFault(f"the model broke off: {str(choice)[:200]!r}", billed=True)
    refusal = _text(message.get("refusal")) or None
    if not text.strip() and finish == "stop" and refusal is None:
        text = reasoning  # some servers file the whole reply of a reasoning model there
    usage = _field(document, "usage")
    return ChatReply(
        text=text,
        finish_reason=finish,
        refusal=refusal or ("content filter" if finish == "content_filter" else None),
        reasoning=reasoning,
        prompt_tokens=_count(_field(usage, "prompt_tokens")),
        completion_tokens=_count(_field(usage, "completion_tokens")),
    )


def _finish(reason: str) -> str | None:
    """How the reply ended, where servers have several words for having no more room."""
    return "length" if reason.lower() in NO_MORE_ROOM else reason or None


def _field(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None


def _first(items: Any) -> Any:
    return items[0] if isinstance(items, list) and items else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _text(value: Any) -> str:
    """A string, or the text parts of a list of content parts."""
    if isinstance(value, list):
        return "".join(_text(_field(part, "text")) for part in value)
    return value if isinstance(value, str) else ""
