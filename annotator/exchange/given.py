"""What somebody said of a trace, as a file gives it: our own lines, and what every tool needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotator.labeling.spans import Span
from annotator.labeling.steps import ControlledStep, TraceView
from annotator.traces.records import BadRecord

CATEGORY_KEYS = ("category", "label", "name")
Item = Mapping[str, Any]


@dataclass(frozen=True)
class NamedStep:
    """Segments [first, end) with labels as the file writes them; None is no stated confidence."""

    first: int
    end: int
    labels: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Given:
    """What one source said of one trace: spans of its text, or steps of its segments.

    `person` names a person, or `agent` a model or an earlier source; a file may name neither.
    """

    trace_id: str | None
    text: str | None = None
    person: str | None = None
    agent: str | None = None
    spans: tuple[Span, ...] = ()
    steps: tuple[NamedStep, ...] | None = None


@dataclass(frozen=True)
class Side:
    """The steps of one source, to be handed to a tool."""

    source: str
    steps: Sequence[ControlledStep]


@dataclass(frozen=True)
class Handout:
    """A trace as a tool gets it; `names` says what people see for each category."""

    trace: TraceView
    side: Side | None
    names: Mapping[str, str] = field(default_factory=dict)


def read_own(item: Item) -> Iterator[Given]:
    """A line of ours: trace_id, person (or agent), and steps or spans.

    Raises:
        BadRecord: a field is missing or of another kind.
    """
    steps, spans = item.get("steps"), item.get("spans")
    if not isinstance(steps if steps is not None else spans, list):
        raise BadRecord("expected steps or spans as a list, got neither")
    yield Given(
        named(item.get("trace_id")),
        person=named(item.get("person")),
        agent=named(item.get("agent")),
        text=item.get("text") if isinstance(item.get("text"), str) else None,
        spans=tuple(read_span(each) for each in spans) if steps is None and spans else (),
        steps=None if steps is None else tuple(map(_step, steps)),
    )


def _step(value: Any) -> NamedStep:
    if not isinstance(value, dict):
        raise BadRecord(f"expected a step as an object, got {type(value).__name__}")
    first = whole(value, "first_segment")
    end = whole(value, "end_segment") if "end_segment" in value else first + 1
    labels = value.get("labels", [])
    if not isinstance(labels, list):
        raise BadRecord(f"expected labels as a list, got {type(labels).__name__}")
    return NamedStep(first, end, tuple(map(_label, labels)))


def _label(value: Any) -> tuple[str, float | None]:
    if isinstance(value, dict):
        return label_of(value), confidence_of(value.get("confidence"))
    return label_of({"label": value}), None


def read_span(value: Any) -> Span:
    """A span as an object with start, end and label, or as [start, end, label].

    Raises:
        BadRecord: it is neither.
    """
    if isinstance(value, list | tuple) and len(value) >= 3:
        value = dict(zip(("start", "end", "label"), value, strict=False))
    if not isinstance(value, dict):
        raise BadRecord(f"expected a span as an object, got {type(value).__name__}")
    quote = value.get("text")
    return Span(
        whole(value, "start"),
        whole(value, "end"),
        label_of(value),
        confidence_of(value.get("confidence")),
        quote if isinstance(quote, str) and quote else None,
    )


def label_of(value: Item) -> str:
    """The label of a span or a step."""
    found = next((value[name] for name in CATEGORY_KEYS if value.get(name) is not None), None)
    if not isinstance(found, str) or not found.strip():
        raise BadRecord(f"expected a label as text, got {type(found).__name__}")
    return found


def whole(value: Item, name: str) -> int:
    """A whole number of 0 or more, also where it is written as text."""
    number = value.get(name)
    if isinstance(number, str) and number.isdecimal() and len(number) < 12:
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise BadRecord(f"expected a whole number in {name}, got {str(number)[:40]!r}")
    return number


def confidence_of(value: Any) -> float | None:
    """A number from 0 to 10, or nothing."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10:
        raise BadRecord(f"expected a confidence from 0 to 10, got {str(value)[:40]!r}")
    return float(value)


def named(value: Any) -> str | None:
    """A name as text; a number is taken as its digits, nothing as nothing."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) and value.strip() else None


def write_own(handout: Handout) -> dict[str, Any]:
    """The line that `read_own` reads: its steps are the segments' own."""
    side = handout.side
    steps = [
        {"first_segment": step.first, "end_segment": step.end,
         "labels": [{"category": key, "confidence": sure} for key, sure in step.labels]}
        for step in (side.steps if side else ())
    ]  # fmt: skip
    source = side.source if side else ""
    person = source.removeprefix("person:") if source.startswith("person:") else None
    who = {"person": person} if person else {"agent": source} if source else {}
    return {"trace_id": handout.trace.external_id, **who, "steps": steps}
