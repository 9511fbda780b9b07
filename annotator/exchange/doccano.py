"""doccano: its exports of sequence labels, documents to import there, and the label types."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from annotator.exchange.given import Given, Handout, Item, named, read_span
from annotator.exchange.label_studio import COLOURS
from annotator.labeling.spans import spans_of
from annotator.labeling.steps import CategoryView
from annotator.traces.records import BadRecord

LABEL_FIELDS = ("label", "labels", "entities")
PERSON_FIELDS = ("username", "user", "annotator", "person")


def is_document(item: Item) -> bool:
    """Whether this is a document of the tool's JSONL export."""
    return isinstance(item.get("text"), str) and any(
        isinstance(item.get(name), list) for name in LABEL_FIELDS
    )


def read_document(item: Item, predictions: bool = False) -> Iterator[Given]:
    """What was said of a document; the tool writes a file a person, so few lines name one.

    Predictions are by whom `write_document` took them from.

    Raises:
        BadRecord: a label is neither [start, end, label] nor an entity.
    """
    name = next(name for name in LABEL_FIELDS if isinstance(item.get(name), list))
    meta = item["meta"] if isinstance(item.get("meta"), dict) else {}
    person = next((who for each in PERSON_FIELDS if (who := named(item.get(each)))), None)
    trace_id = named(item.get("trace_id")) or named(meta.get("trace_id"))
    spans = tuple(map(_span, item[name]))
    side = {"agent": named(item.get("labels_by")) or "doccano"} if predictions else {
        "person": person}  # fmt: skip
    yield Given(trace_id, item["text"], spans=spans, **side)


def _span(value: Any) -> Any:
    if isinstance(value, dict) and "start_offset" in value:
        value = [value["start_offset"], value.get("end_offset"), value.get("label")]
    elif isinstance(value, list) and len(value) != 3:
        raise BadRecord(f"expected [start, end, label], got a list of {len(value)}")
    return read_span(value)


def write_document(handout: Handout) -> dict[str, Any]:
    """A document with the source's labels; the tool keeps the other fields with it."""
    trace, side = handout.trace, handout.side
    spans = spans_of(trace, side.steps) if side else []
    names = handout.names
    return {
        "text": trace.thinking,
        "label": [[span.start, span.end, names.get(span.label, span.label)] for span in spans],
        "trace_id": trace.external_id,
        "question": trace.question,
        **({"labels_by": side.source} if side else {}),
    }


def write_label_types(
    categories: Sequence[CategoryView], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The label types of a project."""
    return [
        {"text": names[one.key], "prefixKey": None, "suffixKey": None,
         "backgroundColor": COLOURS[place % len(COLOURS)], "textColor": "#ffffff"}
        for place, one in enumerate(categories)
    ]  # fmt: skip
