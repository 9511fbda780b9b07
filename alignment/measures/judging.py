"""A judge's structured reply: asked for, read strictly, asked for once more, kept as it came.

A model comes in as a callable and a prompt as an object that renders it. Nothing here raises,
whatever the reply: it was written by a machine that read a stranger's text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

MAX_SHOWN_CHARACTERS = 60_000  # of an answer: what a judge's context holds beside the rest
MAX_QUOTED_CHARACTERS = 20_000
MAX_REPLY_CHARACTERS = 2_000_000
MAX_KEPT_CHARACTERS = 4_000  # of a reply, beside its judgment; the whole one is the gateway's
_DECODER = json.JSONDecoder()

Message = Mapping[str, str]
Schema = Mapping[str, Any]


class Answer(Protocol):
    """A model's answer; `trouble` says why its text cannot be used, if so."""

    @property
    def text(self) -> str: ...
    @property
    def request_hash(self) -> str: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def failed(self) -> bool: ...


class Ask(Protocol):
    """A model that answers messages; `stretch` multiplies the room for its reply."""

    def __call__(
        self, messages: Sequence[Message], schema: Schema | None = None, stretch: int = 1
    ) -> Answer: ...


class Rendering(Protocol):
    """A prompt: plain values and data go in, messages come out, the data behind a fence."""

    def render(
        self, plain: Mapping[str, str | int], data: Mapping[str, str | Sequence[str]]
    ) -> list[dict[str, str]]: ...

    def render_retry(self, said: str, problem: str) -> list[dict[str, str]]: ...


class ReplyError(ValueError):
    """A reply breaks a rule; the message says which, so that the judge can mend it."""


Read = TypeVar("Read")


@dataclass(frozen=True)
class RawReply:
    """What the judge said to one request; the hash finds request and reply in the store."""

    request_hash: str
    text: str


@dataclass(frozen=True)
class Heard(Generic[Read]):
    """What a judge's replies came to: a value, or the trouble that left none."""

    value: Read | None
    trouble: str | None
    replies: tuple[RawReply, ...]


def hear(
    ask: Ask,
    prompt: Rendering,
    messages: Sequence[Message],
    schema: Schema,
    read: Callable[[Any], Read],
) -> Heard[Read]:
    """Ask, read the reply's document, and ask once more where it breaks a rule.

    A reply that was cut off is asked for again with twice the room, since telling does not help.
    """
    answer = ask(messages, schema)
    value, trouble = _understood(answer, read)
    replies = _kept(answer)
    if value is None and not answer.failed:
        again = list(messages)
        if not answer.truncated:
            again += prompt.render_retry(answer.text[:MAX_QUOTED_CHARACTERS], str(trouble))
        answer = ask(again, schema, 2 if answer.truncated else 1)
        value, trouble = _understood(answer, read)
        replies += _kept(answer)
    return Heard(value, trouble, replies)


def _kept(answer: Answer) -> tuple[RawReply, ...]:
    if answer.failed:
        return ()
    return (RawReply(answer.request_hash, answer.text[:MAX_KEPT_CHARACTERS]),)


def _understood(answer: Answer, read: Callable[[Any], Read]) -> tuple[Read | None, str | None]:
    if answer.trouble is not None:
        return None, answer.trouble
    try:
        return read(find_document(answer.text)), None
    except ReplyError as error:
        return None, str(error)


def find_document(text: str) -> dict[str, Any]:
    """The one JSON object in a reply; thinking, a code fence and prose around it are cut away.

    Raises: ReplyError where there is none, or prose holds another.
    """
    if len(text) > MAX_REPLY_CHARACTERS:
        raise ReplyError(f"the reply has {len(text):,} characters: too long to be read")
    _thought, _mark, after = text.rpartition("</think>")
    start = after.find("{")
    try:
        found, end = _DECODER.raw_decode(after, start) if start >= 0 else (None, 0)
    except (ValueError, RecursionError):
        found, end = None, 0
    if not isinstance(found, dict):
        raise ReplyError("expected one JSON object, found none; is it complete?")
    if "{" in after[end:]:
        raise ReplyError("expected one JSON object and nothing else, found more after it")
    return found


def read_flag(document: Mapping[str, Any], name: str) -> bool:
    """A true or false of a document; nothing else is taken for one.

    Raises: ReplyError where it is neither.
    """
    value = document.get(name)
    if not isinstance(value, bool):
        raise ReplyError(f'"{name}" must be true or false, got {_shown(value)}')
    return value


def read_items(document: Mapping[str, Any], name: str) -> list[Any]:
    """A list of a document. Raises: ReplyError where it is none."""
    value = document.get(name)
    if not isinstance(value, list):
        raise ReplyError(f'"{name}" must be a list, got {_shown(value)}')
    return value


def shortened(answer: str) -> str:
    """As much of an answer as a judge is shown, with a word on what is left out."""
    if len(answer) <= MAX_SHOWN_CHARACTERS:
        return answer
    left_out = len(answer) - MAX_SHOWN_CHARACTERS
    return f"{answer[:MAX_SHOWN_CHARACTERS]}\n[{left_out:,} characters more are left out]"


def closed(title: str | None = None, **properties: Schema) -> dict[str, Any]:
    """The schema of an object with these fields, each required, and no other."""
    return ({"title": title} if title else {}) | {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _shown(value: Any) -> str:
    """A value in a message; a container by its kind alone, since it may be deep."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return "nothing" if value is None else ascii(value)[:80]
