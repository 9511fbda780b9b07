"""Argilla: its exports of span questions, records to log there, and the dataset's settings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from annotator.exchange.given import Given, Handout, Item, named, read_span
from annotator.labeling.spans import spans_of
from annotator.labeling.steps import CategoryView
from annotator.traces.records import BadRecord

QUESTION = "label"
UNFINISHED = ("draft", "discarded", "pending")


def is_record(item: Item) -> bool:
    """Whether this is a record of the tool's JSON export, or a row of its datasets export."""
    nested = isinstance(item.get("fields"), dict) and ("responses" in item or "suggestions" in item)
    return nested or any(name.endswith(".responses") for name in item)


def read_record(item: Item, predictions: bool = False) -> Iterator[Given]:
    """What each person answered, or each agent suggested where predictions are wanted.

    Raises:
        BadRecord: an answer is no list of spans.
    """
    fields = item["fields"] if isinstance(item.get("fields"), dict) else item
    metadata = item["metadata"] if isinstance(item.get("metadata"), dict) else item
    trace_id = named(metadata.get("trace_id")) or named(item.get("id"))
    text = fields.get("text") if isinstance(fields.get("text"), str) else None
    found = _suggestions(item) if predictions else _responses(item)
    for who, value in found:
        if not isinstance(value, list):
            raise BadRecord(f"expected spans as a list, got {type(value).__name__}")
        spans = tuple(read_span(each) for each in value)
        side = {"agent": who or "argilla"} if predictions else {"person": who}
        yield Given(trace_id, text, spans=spans, **side)


def _suggestions(item: Item) -> Iterator[tuple[str | None, Any]]:
    suggestions = item.get("suggestions")
    if isinstance(suggestions, dict):
        answers = [one for one in suggestions.values() if isinstance(one, dict)]
    else:
        answers = [one for one in suggestions or [] if isinstance(one, dict)]
    for one in answers:
        if isinstance(one.get("value"), list):
            yield named(one.get("agent")), one["value"]


def _responses(item: Item) -> Iterator[tuple[str | None, Any]]:
    """Each person's answer: by question, by person, or in flat columns."""
    responses = item.get("responses")
    if isinstance(responses, dict):
        for answers in responses.values():
            for one in answers if isinstance(answers, list) else []:
                yield from _finished(one, one.get("value") if isinstance(one, dict) else None)
    elif isinstance(responses, list):
        for one in responses:
            values = one.get("values") if isinstance(one, dict) else None
            for answer in values.values() if isinstance(values, dict) else []:
                yield from _finished(one, answer.get("value") if isinstance(answer, dict) else None)
    else:
        yield from _columns(item)


def _finished(one: Any, value: Any) -> Iterator[tuple[str | None, Any]]:
    if isinstance(one, dict) and value is not None and one.get("status") not in UNFINISHED:
        yield named(one.get("user_id")), value


def _columns(item: Item) -> Iterator[tuple[str | None, Any]]:
    """The columns QUESTION.responses, QUESTION.responses.users and .status of a table."""
    for name, answers in item.items():
        if not name.endswith(".responses") or not isinstance(answers, list):
            continue
        users, states = item.get(f"{name}.users") or [], item.get(f"{name}.status") or []
        for place, value in enumerate(answers):
            state = states[place] if place < len(states) else None
            user = users[place] if place < len(users) else None
            yield from _finished({"user_id": user, "status": state}, value)


def write_record(handout: Handout) -> dict[str, Any]:
    """A record with the source's labels as a suggestion."""
    trace, side = handout.trace, handout.side
    record: dict[str, Any] = {
        "id": trace.external_id,
        "fields": {"question": trace.question, "text": trace.thinking},
        "metadata": {"trace_id": trace.external_id},
        "suggestions": {},
        "responses": {},
        "vectors": {},
    }
    if side is not None:
        spans = spans_of(trace, side.steps)
        record["suggestions"] = {QUESTION: {
            "value": [{"start": span.start, "end": span.end, "label": span.label}
                      for span in spans],
            "score": [(span.confidence or 0.0) / 10 for span in spans],
            "agent": side.source,
        }}  # fmt: skip
    return record


def write_settings(
    categories: Sequence[CategoryView], names: Mapping[str, str], guidelines: str
) -> dict[str, Any]:
    """The settings of a dataset with one question of spans over the thinking."""
    options = [
        {"value": one.key, "text": names[one.key], "description": one.definition or None}
        for one in categories
    ]
    question = {
        "name": QUESTION, "title": "Reasoning strategy", "required": True,
        "description": "Mark each step with its one or two strategies.",
        "settings": {"type": "span", "field": "text", "allow_overlapping": True,
                     "visible_options": max(3, len(options)), "options": options},
    }  # fmt: skip
    fields = [
        {"name": name, "title": title, "required": True,
         "settings": {"type": "text", "use_markdown": False}}
        for name, title in (("question", "Question"), ("text", "Thinking"))
    ]  # fmt: skip
    metadata = [{"name": "trace_id", "title": "Trace", "settings": {"type": "terms"},
                 "visible_for_annotators": True}]  # fmt: skip
    return {"guidelines": guidelines, "allow_extra_metadata": True, "fields": fields,
            "questions": [question], "metadata": metadata, "vectors": [],
            "distribution": {"strategy": "overlap", "min_submitted": 2}}  # fmt: skip
