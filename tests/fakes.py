"""A real OpenAI-compatible server on this machine, which answers by rule and fails on demand."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from gateway.roles import Role, RoleSettings, resolve_role
from tests.batch_desk import BatchDesk

OPEN_LABELS = ("problem framing", "knowledge retrieval", "self checking", "comparison", "summary")
JSON_FORMATS = ("json_schema", "json_object")


@dataclass(frozen=True)
class Fault:
    """One reply that goes wrong. Without a status the completion is sent, changed as told."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=lambda: {"message": "on demand"})
    echo_key: bool = False  # the error quotes the key that came in
    hang_up: bool = False  # close the connection without a word
    cut_body: bool = False  # promise more bytes than are sent
    raw_body: str | None = None
    change: Callable[[str], str] | None = None  # of the content
    finish_reason: str = "stop"
    refusal: str | None = None
    as_reasoning: bool = False  # file the content under reasoning_content
    without_usage: bool = False


CODE_FENCE = Fault(change=lambda text: f"Here is the JSON:\n```json\n{text}\n```\nDone.")
CUT_JSON = Fault(change=lambda text: text[: len(text) // 2])
EMPTY = Fault(change=lambda _text: "")
TOO_LONG = Fault(change=lambda text: text[: len(text) // 2], finish_reason="length")
REFUSAL = Fault(change=lambda _text: "", refusal="I cannot help with that.")
REASONING = Fault(as_reasoning=True)
TOO_MANY = Fault(status=429, headers={"Retry-After": "0"})
BROKEN = Fault(status=500)


class FakeEndpoint:
    """The server; `bodies` are the requests that it got, `faults` are used up one a request."""

    def __init__(
        self,
        answer: Callable[[dict[str, Any]], str] | None = None,
        faults: Sequence[Fault | None] = (),
        takes: Sequence[str] = JSON_FORMATS,
        refused_keyword: str | None = None,
    ) -> None:
        self.answer, self.faults = answer or sensible_answer, list(faults)
        self.takes, self.refused_keyword = takes, refused_keyword
        self.desk = BatchDesk(lambda body: json.loads(completion(body, self, Fault())))
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Bound", (Handler,), {"endpoint": self})
        )
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def base_url(self) -> str:
        """The address for OPENAI_BASE_URL."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def role(self, model: str = "m", **options: Any) -> RoleSettings:
        """The settings of a role that asks this endpoint."""
        given = {"model": model, "base_url": self.base_url, **options}
        return resolve_role(Role.LABELER, options=given)

    def next_fault(self, body: dict[str, Any], key: str) -> Fault | None:
        """Note a request, and take the fault that it is to meet."""
        with self.lock:
            self.bodies.append(body)
            self.keys.append(key)
            fault = self.faults.pop(0) if self.faults else None
        return fault or self._refused_format(body)

    def _refused_format(self, body: dict[str, Any]) -> Fault | None:
        wanted = body.get("response_format")
        if wanted is None:
            return None
        refused = wanted["type"] not in self.takes or (
            self.refused_keyword is not None and self.refused_keyword in json.dumps(wanted)
        )
        error = {"message": f"response_format of {wanted['type']} is not supported"}
        return Fault(status=400, error=error) if refused else None


class Handler(BaseHTTPRequestHandler):
    """One connection to the self.endpoint."""

    endpoint: FakeEndpoint
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.at_the_desk(b"")

    def at_the_desk(self, body: bytes) -> None:
        with self.endpoint.lock:
            reaction = self.endpoint.desk.react(self.command, self.path, body)
        if reaction is None:
            self.close_connection = True
            return
        content = reaction.content
        if content is None:
            content = json.dumps(reaction.document).encode()
        self.send_response(reaction.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("/chat/completions"):
            self.at_the_desk(raw)
            return
        body = json.loads(raw)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        fault = self.endpoint.next_fault(body, key) or Fault()
        if fault.hang_up:
            self.close_connection = True
            return
        if fault.status is not None:
            error = dict(fault.error)
            if fault.echo_key:
                error["message"] = f"bad key {key}"
            self.reply(fault.status, json.dumps({"error": error}), fault)
            return
        self.reply(200, fault.raw_body or completion(body, self.endpoint, fault), fault)

    def reply(self, status: int, text: str, fault: Fault) -> None:
        payload = text.encode()
        self.send_response(status)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload) + 50 * fault.cut_body))
        self.end_headers()
        self.wfile.write(payload)
        self.close_connection = self.close_connection or fault.cut_body

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def completion(body: dict[str, Any], endpoint: FakeEndpoint, fault: Fault) -> str:
    """The document of a completion."""
    content = endpoint.answer(body)
    if fault.change is not None:
        content = fault.change(content)
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": fault.refusal}
    if fault.as_reasoning:
        message |= {"content": None, "reasoning_content": content}
    choice = {"index": 0, "message": message, "finish_reason": fault.finish_reason}
    document = {"id": "fake", "object": "chat.completion", "created": 0, "model": body["model"]}
    document["choices"] = [choice]
    if not fault.without_usage:
        document["usage"] = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps(document)


def sensible_answer(body: dict[str, Any]) -> str:
    """A valid reply to any of the project's prompts, the same for the same model and segments."""
    asked = next(m["content"] for m in body["messages"] if m["role"] == "user")
    segments, categories = data_items(asked, "segments"), data_items(asked, "categories")
    keys = [category.partition(":")[0] for category in categories]

    def chosen(text: str) -> list[dict[str, Any]]:
        return [{"category": _drawn(body["model"] + text, keys), "confidence": 8}]

    def named(text: str) -> list[dict[str, Any]]:
        return [{"name": _drawn(text, OPEN_LABELS), "confidence": 7, "definition": ""}]

    if cases := data_items(asked, "cases"):
        return json.dumps(
            {"cases": [{"case": i, "labels": chosen(t)} for i, t in enumerate(cases)]}
        )
    given = chosen if categories else named
    steps = [{"segments": [i], "labels": given(t)} for i, t in enumerate(segments)]
    return json.dumps({"steps": steps} | ({"confidence": 8} if categories else {}))


def data_items(message: str, name: str) -> list[str]:
    """The items of a fenced list, read as a careful model would: by the fence's token."""
    found = re.search(rf"<data-(\w+) {name}>\n(.*?)\n</data-\1 {name}>", message, re.DOTALL)
    if found is None:
        return []
    token = found[1]
    return re.findall(rf"<item-{token} \d+>\n(.*?)\n</item-{token} \d+>", found[2], re.DOTALL)


def _drawn(text: str, choices: Sequence[str]) -> str:
    return choices[hashlib.sha256(text.encode()).digest()[0] % len(choices)]
