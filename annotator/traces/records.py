"""One line of an imported file: a trace, or the reason why it is none."""

import json
import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import from_json

FIELDS = ("id", "question", "gold_answers", "thinking", "answer", "response", "model",
          "thinking_mode", "source", "meta")  # fmt: skip
OPEN, CLOSE = "<think>", "</think>"
_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")


class TraceRecord(NamedTuple):
    """A trace as a file gives it, checked."""

    external_id: str
    question: str
    gold_answers: tuple[str, ...]
    thinking: str
    answer: str
    model: str
    thinking_mode: str  # "on" or "off"
    dataset: str | None = None
    details: Mapping[str, Any] = MappingProxyType({})


class BadRecord(ValueError):
    """A record that cannot be a trace; the message says what was expected and what came."""


def as_record(record: Mapping[str, Any], mode: str | None = None) -> TraceRecord:
    """The trace in an object; `mode` fixes the mode.

    Raises:
        BadRecord: it breaks a rule of a trace.
    """
    thinking, answer = _parts(record)
    details = record.get("meta")
    check_storable(details)
    return TraceRecord(
        _name(record, "id", 500),
        _text(record, "question"),
        _gold(record.get("gold_answers")),
        thinking,
        answer,
        _name(record, "model", 200),
        _mode(mode or record.get("thinking_mode"), thinking),
        _name(record, "source", 200) if record.get("source") else None,
        details if isinstance(details, dict) else {},
    )


def read_object(line: bytes) -> dict[str, Any]:
    """The JSON object of a line, whose texts every column can hold.

    Raises:
        BadRecord: the line is not UTF-8 or not a JSON object.
    """
    try:
        record, doubted = from_json(line, allow_inf_nan=False), b"\\u" in line
    except ValueError:
        record, doubted = _read_slowly(line), True
    if not isinstance(record, dict):
        raise BadRecord(f"expected a JSON object, got {type(record).__name__}")
    if doubted:  # without an escape no text can hold what no column does
        check_storable(record)
    return record


def _read_slowly(line: bytes) -> Any:
    """What a line holds, by the reader that says best what is wrong with it."""
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRecord(f"expected UTF-8, got byte 0x{line[error.start]:02x} at "
                        f"byte {error.start + 1} of the line") from error  # fmt: skip
    except json.JSONDecodeError as error:
        raise BadRecord(
            f"expected a JSON object, got {error.msg} at column {error.colno}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise BadRecord("expected a JSON object, got one nested or sized past reason") from error


def check_storable(value: Any) -> None:
    """Refuse what no column can hold: NUL, half a surrogate pair, a number that is none.

    Raises:
        BadRecord: naming what was found.
    """
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadRecord(f"expected a number, got {value}, which JSON does not have")
    elif isinstance(value, dict | list):
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            check_storable(item)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise BadRecord("expected text, got a NUL character (U+0000); remove it")
    if _HALVES.search(text):
        raise BadRecord("expected text, got half of a surrogate pair; mend the escape")


def _parts(record: Mapping[str, Any]) -> tuple[str, str]:
    """The thinking and the answer, from their own fields or out of one response."""
    thinking = record.get("thinking")
    if thinking is None:
        if record.get("response") is not None:
            return split_response(_text(record, "response"))
        thinking = ""
    if not isinstance(thinking, str):
        raise BadRecord(f"expected thinking as text, got {type(thinking).__name__}")
    return thinking, _text(record, "answer", blank=True)


def split_response(response: str) -> tuple[str, str]:
    """Split `<think>thinking</think>answer`; R1's template has no opening tag in the response.

    Raises:
        BadRecord: the thinking is never closed, or there are several thinking parts.
    """
    if response.count(CLOSE) > 1 or response.count(OPEN) > 1:
        raise BadRecord("expected one <think>…</think>, got several; import the parts as fields")
    before, closed, after = response.partition(CLOSE)
    if not closed:
        if OPEN in response:
            raise BadRecord("expected </think>, but <think> is never closed: was it cut off?")
        return "", response.strip()
    lead, opened, thinking = before.partition(OPEN)
    if opened and lead.strip():
        raise BadRecord("expected the response to begin with <think>, got text before it")
    return (thinking if opened else before).strip("\n"), after.strip()


def _text(record: Mapping[str, Any], name: str, blank: bool = False) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        came = "nothing" if value is None else type(value).__name__
        raise BadRecord(f"expected {name} as text, got {came}")
    if not blank and not value.strip():
        raise BadRecord(f"expected {name}, got blank text")
    return value


def _name(record: Mapping[str, Any], name: str, longest: int) -> str:
    """A short text without control characters; a whole number is taken as its digits."""
    value = record.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = _text(record, name)
    if len(text) > longest:
        raise BadRecord(f"expected {name} of at most {longest} characters, got {len(text)}")
    if not text.isprintable() and _CONTROLS.search(text):
        raise BadRecord(f"expected {name} without control characters, got {text[:80]!r}")
    return text


def _gold(value: Any) -> tuple[str, ...]:
    """The gold answers; a trace may have none, and is then labelled but never paired."""
    answers = [value] if isinstance(value, str) else value if value is not None else []
    if not isinstance(answers, list):
        raise BadRecord(f"expected gold_answers as a list of texts, got {type(value).__name__}")
    for answer in answers:
        if not isinstance(answer, str) or not answer.strip():
            raise BadRecord("expected gold_answers as texts, got a blank or another type")
    return tuple(dict.fromkeys(answers))


def _mode(value: Any, thinking: str) -> str:
    """On or off; where nobody says it, thinking that is there means on."""
    thought = bool(thinking.strip())
    mode = value or ("on" if thought else "off")
    if mode not in ("on", "off"):
        raise BadRecord(f"expected thinking_mode on or off, got {str(mode)[:40]!r}")
    if mode == "on" and not thought:
        raise BadRecord("expected thinking with thinking_mode on, got none")
    if mode == "off" and thought:
        raise BadRecord("expected no thinking with thinking_mode off, got some")
    return str(mode)
