"""Find the one JSON document in what a model wrote around it."""

import json
import re
from typing import Any

MAX_REPLY_CHARACTERS = 2_000_000
MAX_TRIES = 64  # a hostile reply must not cost a decode for each of its braces
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_DECODER = json.JSONDecoder()


class ReplyError(ValueError):
    """A reply breaks a rule; the message says which, so that the model can mend it."""


def find_document(text: str, key: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The object that has `key`, and what was cut away to get at it.

    A thinking part, code fences and prose around the object are cut away, and a bare list is taken
    for the value of `key`.

    Raises:
        ReplyError: there is no such object, or more than one.
    """
    if len(text) > MAX_REPLY_CHARACTERS:
        raise ReplyError(f"the reply has {len(text):,} characters: too long to be read")
    try:
        return _found(text.strip().removeprefix("\ufeff"), key)
    except RecursionError:
        raise ReplyError("the reply is nested too deeply") from None


def _found(text: str, key: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    _thought, mark, after = text.rpartition("</think>")
    whole = _decoded(text)
    if whole is None and mark:
        whole = _decoded(after)
    if whole is None:
        return _only(_distinct(_candidates(after), key), key), (
            "text around the JSON was cut away",
        )
    if (document := _with_key(whole, key)) is None:
        raise ReplyError(f'expected a JSON object with "{key}", got another document')
    return document, () if whole is document else (f'a bare list was taken for "{key}"',)


def _only(found: list[dict[str, Any]], key: str) -> dict[str, Any]:
    if not found:
        raise ReplyError(f'expected one JSON object with "{key}", found none; is it complete?')
    if len(found) > 1:
        raise ReplyError(f'expected one JSON object with "{key}", found {len(found)}')
    return found[0]


def _candidates(text: str) -> list[Any]:
    fenced = [_decoded(block) for block in _FENCE.findall(text)[:MAX_TRIES]]
    return [block for block in fenced if block is not None] or _embedded(text)


def _embedded(text: str) -> list[Any]:
    found, position = [], text.find("{")
    for _ in range(MAX_TRIES):
        if position < 0:
            break
        try:
            document, position = _DECODER.raw_decode(text, position)
            found.append(document)
        except (ValueError, RecursionError):
            position += 1
        position = text.find("{", position)
    return found


def _distinct(documents: list[Any], key: str) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for document in documents:
        fitting = _with_key(document, key)
        if fitting is not None and fitting not in kept:
            kept.append(fitting)
    return kept


def _with_key(document: Any, key: str) -> dict[str, Any] | None:
    if isinstance(document, dict):
        return document if key in document else None
    if isinstance(document, list) and document and all(isinstance(x, dict) for x in document):
        return {key: document}
    return None


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
