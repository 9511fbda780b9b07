"""What a server takes: how to ask it for JSON, which name it has for the token limit."""

from dataclasses import dataclass, replace
from typing import Any

from gateway.exchange import ChatRequest
from gateway.schemas import plain_schema

# From the strictest to the one that every server takes. The second leaves out the keywords that
# some servers refuse; the reader of the replies checks them in any case.
FORMATS = ("schema", "plain_schema", "json_object", "text")


@dataclass(frozen=True)
class Dialect:
    """The form of requests that one server takes; `settled` once a request with a schema passed."""

    format: str = FORMATS[0]
    limit_name: str = "max_tokens"
    sends_temperature: bool = True
    settled: bool = False

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """The arguments of the request in this dialect."""
        body: dict[str, Any] = {
            **(request.extra or {}),
            "model": request.model,
            "messages": [dict(message) for message in request.messages],
            self.limit_name: request.max_tokens,
        }
        if request.temperature is not None and self.sends_temperature:
            body["temperature"] = request.temperature
        if request.seed is not None:
            body["seed"] = request.seed
        if request.schema is not None and self.format != "text":
            body["response_format"] = self._response_format(dict(request.schema))
        return body

    def _response_format(self, schema: dict[str, Any]) -> dict[str, Any]:
        if self.format == "json_object":
            return {"type": "json_object"}
        if self.format == "plain_schema":
            schema = plain_schema(schema)
        described = {"name": schema["title"], "strict": True, "schema": schema}
        return {"type": "json_schema", "json_schema": described}

    def described(self) -> str:
        """What the server takes, in words."""
        said = [self.format.replace("_", " "), self.limit_name]
        said += [] if self.sends_temperature else ["no temperature"]
        return ", ".join(said)

    def after(self, error: Exception, with_schema: bool) -> "Dialect | None":
        """The next dialect to try after a refusal; None if the refusal has another cause.

        A request without a schema says nothing of the formats that a server takes.
        """
        said = str(error)
        if "'max_completion_tokens'" in said and self.limit_name == "max_tokens":
            return replace(self, limit_name="max_completion_tokens")
        if "'temperature'" in said and self.sends_temperature:
            return replace(self, sends_temperature=False)
        if not with_schema or self.settled or self.format == FORMATS[-1]:
            return None
        return replace(self, format=FORMATS[FORMATS.index(self.format) + 1])

    def proven(self, with_schema: bool) -> "Dialect":
        """The same, settled if the request that passed asked for JSON."""
        return replace(self, settled=self.settled or with_schema)
