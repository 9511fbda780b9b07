"""Label Studio: its exports of labelled spans, tasks to import there, and the labelling config."""

from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from annotator.exchange.given import Given, Handout, Item, named, whole
from annotator.labeling.spans import Span, spans_of
from annotator.labeling.steps import CategoryView
from annotator.traces.records import BadRecord

COLOURS = ("#1f5f8b", "#a63603", "#4d7c0f", "#7e22ce", "#b45309", "#0f766e", "#be185d", "#4338ca")


def is_task(item: Item) -> bool:
    """Whether this is a task of the tool's JSON or JSON_MIN export."""
    full = isinstance(item.get("data"), dict) and ("annotations" in item or "predictions" in item)
    return full or ("annotation_id" in item and "annotator" in item)


def read_task(item: Item, predictions: bool = False) -> Iterator[Given]:
    """What each person said of a task, or each model where predictions are wanted.

    A person's last annotation counts; one that was cancelled does not.

    Raises:
        BadRecord: it is no task, or a region is no span of text.
    """
    if "data" not in item:
        yield from _read_min(item)
        return
    data = item["data"]
    text = data.get("text") if isinstance(data.get("text"), str) else None
    trace_id = named(data.get("trace_id"))
    latest: dict[str | None, tuple[Span, ...]] = {}
    for one in item.get("predictions" if predictions else "annotations") or []:
        if not isinstance(one, dict) or not isinstance(one.get("result", []), list):
            raise BadRecord("expected annotations as objects with a result")
        if not one.get("was_cancelled"):
            who = named(one.get("model_version")) if predictions else _person(one)
            latest[who] = _spans(one.get("result", []))
    for who, spans in latest.items():
        side = {"agent": who or "label-studio"} if predictions else {"person": who}
        yield Given(trace_id, text, spans=spans, **side)


def _person(annotation: Item) -> str | None:
    """Who completed it: the address, the name before the number, or the number."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        return named(who.get("email")) or named(who.get("username")) or named(who.get("id"))
    username = annotation.get("created_username")
    if isinstance(username, str) and username.strip():
        return username.rpartition(",")[0].strip() or username.strip()
    return named(who)


def _spans(result: Sequence[Any]) -> tuple[Span, ...]:
    spans = []
    for region in result:
        if not isinstance(region, dict) or not isinstance(region.get("value"), dict):
            raise BadRecord("expected a region with a value")
        if region.get("type") == "labels":
            spans += _region_spans(region["value"], region.get("score"))
    return tuple(spans)


def _region_spans(value: Item, score: Any = None) -> list[Span]:
    """A span a label of a region; a score from 0 to 1 is a tenth of a confidence."""
    labels = value.get("labels")
    if not isinstance(labels, list) or any(not isinstance(label, str) for label in labels):
        raise BadRecord("expected labels as a list of texts in a region")
    number = isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
    sure = 10 * float(score) if number and score is not None else None
    quote = value.get("text") if isinstance(value.get("text"), str) else None
    start, end = whole(value, "start"), whole(value, "end")
    return [Span(start, end, label, sure, quote or None) for label in labels]


def _read_min(item: Item) -> Iterator[Given]:
    """A task of the JSON_MIN export: one annotation, its regions under the control's name."""
    regions = [
        region
        for value in item.values()
        if isinstance(value, list)
        for region in value
        if isinstance(region, dict) and "start" in region and "labels" in region
    ]
    spans = tuple(span for region in regions for span in _region_spans(region))
    text = item.get("text") if isinstance(item.get("text"), str) else None
    yield Given(named(item.get("trace_id")), text, named(item.get("annotator")), spans=spans)


def write_task(handout: Handout) -> dict[str, Any]:
    """A task with the source's labels as a prediction."""
    trace, side = handout.trace, handout.side
    data = {
        "text": trace.thinking,
        "trace_id": trace.external_id,
        "question": trace.question,
        "gold_answers": ", ".join(trace.gold_answers),
    }
    if side is None:
        return {"data": data}
    spans = spans_of(trace, side.steps)
    result: list[dict[str, Any]] = [
        {"id": f"s{number}", "from_name": "label", "to_name": "text", "type": "labels",
         "score": (span.confidence or 0.0) / 10,
         "value": {"start": span.start, "end": span.end, "text": span.quote,
                   "labels": [handout.names.get(span.label, span.label)]}}
        for number, span in enumerate(spans)
    ]  # fmt: skip
    score = sum(region["score"] for region in result) / max(1, len(result))
    return {"data": data, "predictions": [
        {"model_version": side.source, "score": score, "result": result}
    ]}  # fmt: skip


def write_config(categories: Sequence[CategoryView], names: dict[str, str]) -> str:
    """The labelling config: the categories with their definitions over the thinking."""
    labels = "\n".join(
        f"    <Label value={_quoted(names[one.key])} hint={_quoted(one.definition)}"
        f' background="{COLOURS[place % len(COLOURS)]}"/>'
        for place, one in enumerate(categories)
    )
    return f"""<View>
  <Style>.htx-text{{ white-space: pre-wrap; }}</Style>
  <Header value="$question"/>
  <Header size="5" value="Gold answers: $gold_answers"/>
  <Labels name="label" toName="text">
{labels}
  </Labels>
  <Text name="text" value="$text" granularity="word" saveTextResult="yes"/>
</View>
"""


def _quoted(text: str) -> str:
    """The text as an attribute's value, without the characters that XML cannot hold."""
    return quoteattr("".join(c if c.isprintable() else " " for c in text))
