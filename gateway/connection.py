"""The connection to an OpenAI-compatible server: its client, made on use, and faults sorted."""

import threading
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from gateway.faults import ChatFault, EndpointUnusable, RequestRejected, TransientFault
from store.metadata import utc_now

MESSAGE_CHARACTERS = 400
HOPELESS = (401, 402, 403, 404)  # the key, the account, the rights, the model or the address
WITHOUT_CREDIT = ("insufficient_quota", "billing_hard_limit_reached")
TRANSIENT = (408, 409, 425, 429)
CROWDED = (408, 429, 503, 529)


class Connection:
    """The official client, imported and connected when it is first used; it never retries."""

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

    def call(self, send: Callable[[Any], Any]) -> Any:
        """What `send` gets with the client.

        Raises:
            ChatFault: one request failed. EndpointUnusable: no request will succeed.
        """
        client = self._connect()
        try:
            return send(client)
        except (ValueError, RecursionError):
            raise TransientFault(
                "expected JSON from the endpoint, got something else; is OPENAI_BASE_URL right?",
                billed=True,
            ) from None
        except Exception as error:
            # What breaks while a body is streamed comes from below the client, whose own name for
            # that library changes between its versions.
            if not type(error).__module__.startswith(("openai", "httpx")):
                raise
            raise self._fault(error) from None  # the chain could show what the server echoed

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
    if code in WITHOUT_CREDIT:
        return EndpointUnusable(f"{said}; the account has no credit left")
    if status in TRANSIENT or status >= 500:
        crowded = status in CROWDED
        return TransientFault(said, retry_after_s=retry_after_s(headers), crowded=crowded)
    if status in HOPELESS:
        return EndpointUnusable(f"{said}; check OPENAI_API_KEY, OPENAI_BASE_URL and --model")
    return RequestRejected(said)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that a server asks for, in seconds or as a date; None if it asks for none."""
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
