"""The client of OpenAI-compatible servers: requests out, replies in, faults sorted."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from gateway.dialect import Dialect
from gateway.exchange import ChatReply, ChatRequest
from gateway.faults import ChatFault, EndpointUnusable, RequestRejected, TransientFault

MESSAGE_CHARACTERS = 400
HOPELESS = (401, 403, 404)  # the key, the rights, the model or the address
TRANSIENT = (408, 409, 425, 429)
CROWDED = (408, 429, 503, 529)


class OpenAIChat:
    """A client of one OpenAI-compatible endpoint; it never retries and never prints its key.

    The first requests find out what the server takes (a JSON schema, JSON mode, plain text; which
    name for the token limit), and the later ones use that.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None,
        timeout_s: float = 120.0,
        on_headers: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        self._on_headers = on_headers
        self._api_key = api_key
        self._base_url, self._timeout_s = base_url, timeout_s
        self._client: Any = None
        self._connecting = threading.Lock()
        self.dialect = Dialect()

    def __call__(self, request: ChatRequest) -> ChatReply:
        """Send the request, in simpler dialects until the server takes it."""
        dialect = self.dialect
        while True:
            try:
                reply = read_completion(self._send(dialect.body(request)))
            except RequestRejected as error:
                simpler = dialect.after(error)
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
        if self._client is not None:
            self._client.close()

    def _connect(self) -> Any:
        with self._connecting:
            if self._client is None:
                from openai import DefaultHttpxClient, OpenAI  # heavy, and not in the core

                self._client = OpenAI(
                    api_key=self._api_key or "none",  # servers of one's own often want no key
                    base_url=self._base_url,
                    timeout=self._timeout_s,
                    max_retries=0,
                    http_client=DefaultHttpxClient(
                        timeout=self._timeout_s, event_hooks={"response": [self._show]}
                    ),
                )
            return self._client

    def _send(self, body: dict[str, Any]) -> Any:
        from openai import OpenAIError

        client = self._connect()
        try:
            # As plain JSON: checking the request against the client's types, and building them
            # for the reply, costs more than all the rest.
            return client.post("/chat/completions", cast_to=object, body=body)
        except OpenAIError as error:
            raise self._fault(error) from None  # the chain could show what the server echoed
        except (ValueError, RecursionError):
            raise TransientFault(
                "expected JSON from the endpoint, got something else; is OPENAI_BASE_URL right?",
                billed=True,
            ) from None

    def _fault(self, error: Exception) -> ChatFault | EndpointUnusable:
        from openai import APIStatusError, APITimeoutError

        if isinstance(error, APIStatusError):
            return status_fault(
                error.status_code,
                self._redacted(error.message),
                error.response.headers,
                error.code,
            )
        timed_out = isinstance(error, APITimeoutError)
        reason = "no reply in time" if timed_out else "the connection broke"
        return TransientFault(
            f"{reason}: {self._redacted(str(error))}; is the endpoint up?",
            billed=timed_out,
            crowded=timed_out,
        )

    def _show(self, response: Any) -> None:
        if self._on_headers is not None:
            self._on_headers(response.headers)

    def _redacted(self, text: str) -> str:
        if self._api_key:
            text = text.replace(self._api_key, "[key]")
        return text[:MESSAGE_CHARACTERS]


def status_fault(
    status: int, message: str, headers: Mapping[str, str], code: str | None
) -> ChatFault | EndpointUnusable:
    """Sort an HTTP error by what helps: waiting, another request, or a person."""
    said = f"the endpoint answered {status}: {message}"
    if code == "insufficient_quota":
        return EndpointUnusable(f"{said}; the account has no credit left")
    if status in TRANSIENT or status >= 500:
        crowded = status in CROWDED
        return TransientFault(said, retry_after_s=retry_after_s(headers), crowded=crowded)
    if status in HOPELESS:
        return EndpointUnusable(f"{said}; check OPENAI_API_KEY, OPENAI_BASE_URL and --model")
    return RequestRejected(said)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that a server asks for, in seconds or as a date; None if it asks for none."""
    from email.utils import parsedate_to_datetime

    from store.metadata import utc_now

    if milliseconds := _number(headers.get("retry-after-ms")):
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None or (seconds := _number(value)) is not None:
        return None if value is None else seconds
    try:
        return max(0.0, (parsedate_to_datetime(value) - utc_now()).total_seconds())
    except (TypeError, ValueError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


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
    finish = _text(_field(choice, "finish_reason")) or None
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
