"""What a record of a file may look like: our own fields, a chat log, or a sample of lm-eval."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from annotator.traces.records import CLOSE, OPEN, BadRecord

TRACES, CHAT, LM_EVAL = "traces", "chat", "lm-eval"
SHAPES = (TRACES, CHAT, LM_EVAL)
TURNS = ("messages", "conversations", "conversation")
_TURNS = frozenset(TURNS)
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
SPEAKERS = {"human": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant"}
QUESTION_FIELDS = ("question", "query", "problem", "prompt", "input", "instruction")
GOLD_FIELDS = ("gold_answers", "answers", "golds", "gold")
_SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d\-.:]+)?\.jsonl(?:\.gz)?")

Record = Mapping[str, Any]


def shape_of(record: Record) -> str:
    """The shape that a record shows."""
    if "doc" in record and ("resps" in record or "filtered_resps" in record):
        return LM_EVAL
    asked = _inside(record, "request")
    turns = () if _TURNS.isdisjoint(asked) else (asked.get(name) for name in TURNS)
    return CHAT if any(isinstance(each, list) for each in turns) else TRACES


def as_traces(record: Record, shape: str, defaults: Record) -> Iterable[Record]:
    """The record in the fields of a trace; a sample of lm-eval may hold several responses.

    `defaults` are taken where the record says nothing.

    Raises:
        BadRecord: it is not of this shape.
    """
    if shape == TRACES:
        return ({**defaults, **record} if defaults else record,)
    if shape == CHAT:
        return (chat_trace(record, defaults),)
    return sample_traces(record, defaults)


def chat_trace(record: Record, defaults: Record) -> dict[str, Any]:
    """The last answer of a chat as a trace; its question is what the user said before it.

    Thinking is the message's reasoning_content, reasoning or thinking, parts of that type in a
    list of contents, or what stands between <think> and </think>. Without an id the trace is named
    by its content, so that importing it again adds nothing.

    Raises:
        BadRecord: no assistant's message after one of a user.
    """
    turns = [_turn(each) for each in _turns(record)]
    last = next((n for n in reversed(range(len(turns))) if turns[n][0] == "assistant"), None)
    asked = [content for role, content, _ in turns[:last] if role == "user"]
    if last is None or not asked:
        raise BadRecord("expected messages of a user and then of the assistant, got "
                        + (", ".join(role for role, _, _ in turns)[:200] or "none"))  # fmt: skip
    _, content, thoughts = turns[last]
    found = {**defaults, **record, "question": asked[-1], "gold_answers": _gold(record)}
    found |= {"thinking": thoughts, "answer": content} if thoughts else {"response": content}
    for name in ("answer", "thinking") if not thoughts else ("response",):
        found.pop(name, None)
    found.setdefault("id", "chat/" + _digest([[r, c, t] for r, c, t in turns]))
    meta = record.get("meta") if isinstance(record.get("meta"), dict) else {}
    return found | {"meta": {**(meta or {}), "turns": len(turns)}}


def _turns(record: Record) -> list[Any]:
    """The messages, with the first choice's of a logged completion behind them."""
    asked, given = (_inside(record, name) for name in ("request", "response"))
    turns: list[Any] = next((asked[n] for n in TURNS if isinstance(asked.get(n), list)), [])
    choices = given.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        turns = [*turns, choices[0].get("message")]
    return list(turns)


def _inside(record: Record, name: str) -> Record:
    """The object under a name, where a log keeps the two sides apart; else the record itself."""
    found = record.get(name)
    return found if isinstance(found, dict) else record


def _turn(message: Any) -> tuple[str, str, str]:
    """Who speaks, what is said, and what was thought before."""
    if not isinstance(message, dict):
        raise BadRecord(f"expected a message as an object, got {type(message).__name__}")
    role = str(message.get("role") or message.get("from") or "")[:40]
    content = message["content"] if "content" in message else message.get("value")
    said, thought = _parts(content)
    thoughts = [_spoken(message.get(name)) for name in THOUGHTS] + [thought]
    return SPEAKERS.get(role, role), said, next((t for t in thoughts if t.strip()), "")


def _parts(content: Any) -> tuple[str, str]:
    """The text and the thoughts of a content, which may be a list of parts."""
    if not isinstance(content, list):
        return _spoken(content), ""
    said, thought = list[str](), list[str]()
    for part in content:
        kind = str(part.get("type", "")) if isinstance(part, dict) else ""
        (thought if "think" in kind or "reason" in kind else said).append(_spoken(part))
    return "".join(said), "\n\n".join(thought)


def _spoken(value: Any) -> str:
    """The text in a string, in a part, or in a list of parts."""
    if isinstance(value, list):
        return "\n\n".join(filter(None, map(_spoken, value)))
    if isinstance(value, dict):
        names = ("thinking", "reasoning", "text", "summary", "content")
        return next((found for name in names if (found := _spoken(value.get(name)))), "")
    return value if isinstance(value, str) else ""


def _gold(record: Record) -> Any:
    return next((record[name] for name in GOLD_FIELDS if record.get(name) is not None), None)


def sample_traces(record: Record, defaults: Record) -> Iterator[dict[str, Any]]:
    """Every response of a sample of lm-eval's --log_samples as a trace.

    Raises:
        BadRecord: there is no generated text, or no question.
    """
    doc = record.get("doc")
    if not isinstance(doc, dict):
        raise BadRecord(f"expected doc as an object, got {type(doc).__name__}")
    responses = _responses(record)
    task = str(record.get("task_name") or defaults.get("source") or "lm-eval")
    model = record.get("model") or defaults.get("model")
    name = f"{model}/{task}/{record.get('doc_id', _digest(doc))}"
    for number, response in enumerate(responses):
        yield {
            **defaults,
            "id": name if len(responses) == 1 else f"{name}/{number}",
            "question": _question(record, doc),
            "gold_answers": _targets(record, doc),
            "response": response if OPEN in response or CLOSE in response else response.strip(),
            "model": model,
            "source": task,
            "meta": {"doc_id": record.get("doc_id"), "draw": number},
        }


def _responses(record: Record) -> list[str]:
    found = record.get("resps") or record.get("filtered_resps")
    flat = [each for group in _listed(found) for each in _listed(group)]
    if not flat or any(not isinstance(each, str) for each in flat):
        raise BadRecord(
            "expected generated text in resps, got none; samples of multiple choice hold "
            "likelihoods, which are no traces"
        )
    return flat


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value is not None else []


def _question(record: Record, doc: Record) -> str:
    """The question of the document, else the prompt that was sent."""
    for name in QUESTION_FIELDS:
        if isinstance(doc.get(name), str) and doc[name].strip():
            return str(doc[name])
    prompt = _first_text(record.get("arguments"))
    if prompt is None:
        raise BadRecord(f"expected one of {', '.join(QUESTION_FIELDS)} in doc, got none")
    return prompt


def _first_text(value: Any) -> str | None:
    """The first text inside lists and objects."""
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, str) or value is None:
        return value
    if not isinstance(inside, Sequence) and not isinstance(value, dict):
        return None
    return next((text for item in inside if (text := _first_text(item)) is not None), None)


def _targets(record: Record, doc: Record) -> list[str]:
    """The document's aliases, else the target."""
    for value in (_gold(doc), record.get("target")):
        if found := [str(each) for each in _listed(value) if str(each).strip()]:
            return found
    return []


def file_defaults(parts: Sequence[str]) -> dict[str, Any]:
    """What the path of a sample file of lm-eval says: the task, and the model by its folder."""
    match = _SAMPLES.fullmatch(parts[-1]) if parts else None
    if match is None:
        return {}
    folder = parts[-2] if len(parts) > 1 else ""
    model = {"model": folder.replace("__", "/")} if folder not in ("", ".", "..", "/") else {}
    return {"source": match["task"], **model}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
