"""The JSON schemas of structured replies: what a model may say, before it says it."""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_LABELS = 2
MAX_CONFIDENCE = 10
MAX_LABEL_CHARACTERS = 80
MAX_DEFINITION_CHARACTERS = 200
NUMBER, WHOLE = "number", "integer"
REFUSED_BY_SOME = frozenset({"uniqueItems", "minLength", "maxLength"})


def open_labels(segments: int) -> dict[str, Any]:
    """Steps that cover `segments` segments, each with one or two free labels."""
    step = _closed({"segments": _segments(segments), "labels": _free_labels()})
    return {"title": "open_labels", **_closed({"steps": _steps(step, segments)})}


def open_labels_by_segment(segments: int) -> dict[str, Any]:
    """The same with every segment a step of its own: none can be left out or stand twice.

    Confidence is whole here: grammars bound whole numbers, and let any other number through.
    """
    whole = {"steps": _by_segment(segments)}
    labels = _named_labels(_free_labels(WHOLE))
    return {"title": "open_labels_by_segment", **_closed(whole), **labels}


def controlled_labels(segments: int, categories: Sequence[str]) -> dict[str, Any]:
    """Steps that cover `segments` segments, each with none to two of the categories."""
    step = _closed({"segments": _segments(segments), "labels": _categories(categories)})
    whole = {"steps": _steps(step, segments), "confidence": _confidence()}
    return {"title": "controlled_labels", **_closed(whole)}


def controlled_labels_by_segment(segments: int, categories: Sequence[str]) -> dict[str, Any]:
    """The same with every segment a step of its own: none can be left out or stand twice."""
    whole = {"steps": _by_segment(segments), "confidence": _confidence(WHOLE)}
    labels = _named_labels(_categories(categories, WHOLE))
    return {"title": "controlled_labels_by_segment", **_closed(whole), **labels}


def adjudication(cases: int, categories: Sequence[str]) -> dict[str, Any]:
    """A decision on each of `cases` cases: none to two of the categories."""
    number = {"type": "integer", "minimum": 0, "maximum": cases - 1}
    case = _closed({"case": number, "labels": _categories(categories)})
    decided = {"type": "array", "items": case, "minItems": cases, "maxItems": cases}
    return {"title": "adjudication", **_closed({"cases": decided})}


def plain_schema(schema: Any) -> Any:
    """The schema without the keywords that some servers refuse."""
    if isinstance(schema, Mapping):
        return {k: plain_schema(v) for k, v in schema.items() if k not in REFUSED_BY_SOME}
    return [plain_schema(item) for item in schema] if isinstance(schema, list) else schema


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _confidence(kind: str = NUMBER) -> dict[str, Any]:
    return {"type": kind, "minimum": 0, "maximum": MAX_CONFIDENCE}


def _free_labels(kind: str = NUMBER) -> dict[str, Any]:
    label = _closed(
        {
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_LABEL_CHARACTERS},
            "confidence": _confidence(kind),
            "definition": {"type": "string", "maxLength": MAX_DEFINITION_CHARACTERS},
        }
    )
    return {"type": "array", "items": label, "minItems": 1, "maxItems": MAX_LABELS}


def _categories(categories: Sequence[str], kind: str = NUMBER) -> dict[str, Any]:
    category = {"type": "string", "enum": list(categories)}
    label = _closed({"category": category, "confidence": _confidence(kind)})
    return {"type": "array", "items": label, "maxItems": MAX_LABELS, "uniqueItems": True}


def _segments(count: int) -> dict[str, Any]:
    index = {"type": "integer", "minimum": 0, "maximum": count - 1}
    return {"type": "array", "items": index, "minItems": 1, "maxItems": count, "uniqueItems": True}


def _by_segment(count: int) -> dict[str, Any]:
    return _closed({str(number): {"$ref": "#/$defs/labels"} for number in range(count)})


def _named_labels(labels: dict[str, Any]) -> dict[str, Any]:
    return {"$defs": {"labels": labels}}


def _steps(step: dict[str, Any], segments: int) -> dict[str, Any]:
    return {"type": "array", "items": step, "minItems": 1, "maxItems": segments}
