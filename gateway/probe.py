"""One small request to a role: whether it answers, how long it takes, and what the server takes."""

import json
import time
from dataclasses import dataclass

import sqlalchemy as sa

from gateway.chat import OpenAIChat
from gateway.door import open_role
from gateway.exchange import ChatReply, ChatRequest
from gateway.faults import ChatFault, EndpointUnusable
from gateway.roles import RoleSettings
from store.errors import InvalidInput

ROOM_TOKENS = 256  # a reasoning model thinks before it says yes
SCHEMA = {
    "title": "probe",
    "type": "object",
    "properties": {"ready": {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True}},
    "required": ["ready"],
    "additionalProperties": False,
}
QUESTION = 'Reply with this JSON object and nothing else: {"ready": [true]}'


@dataclass(frozen=True)
class Probe:
    """What one request to a role showed; `trouble` says why it is of no use, if so."""

    dialect: str = ""
    reply: ChatReply | None = None
    seconds: float = 0.0
    trouble: str | None = None


def probe(engine: sa.Engine, role: RoleSettings) -> Probe:
    """Ask a role for a tiny JSON object. The reply is not kept, so that the next one is asked."""
    try:
        with open_role(engine, role) as door:
            assert isinstance(door.chat, OpenAIChat)
            asked = door.request([{"role": "user", "content": QUESTION}], SCHEMA)
            began = time.monotonic()
            reply = door.chat(_small(asked))
            return Probe(door.chat.dialect.described(), reply, time.monotonic() - began,
                         _trouble(reply))  # fmt: skip
    except (InvalidInput, ChatFault, EndpointUnusable) as error:
        return Probe(trouble=str(error))


def _small(request: ChatRequest) -> ChatRequest:
    return ChatRequest(
        request.model, request.messages, request.schema, request.temperature,
        min(request.max_tokens, ROOM_TOKENS), request.seed, request.extra,
    )  # fmt: skip


def _trouble(reply: ChatReply) -> str | None:
    if reply.refusal is not None:
        return f"it refused: {reply.refusal[:200]}"
    if reply.finish_reason == "length":
        return f"it did not come to an end within {ROOM_TOKENS} tokens: does it think first?"
    try:
        json.loads(reply.text)
    except (ValueError, RecursionError):
        return "the reply is no plain JSON; what stands around it is cut away in a run"
    return None
