"""The fields of a reply: each is read, repaired with a note, or refused with a reason."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from annotator.labeling.steps import CategoryView, GivenLabel
from annotator.language_models.extraction import ReplyError

MAX_LABELS = 2
MAX_CONFIDENCE = 10.0
MAX_LABEL_CHARACTERS = 80
MAX_DEFINITION_CHARACTERS = 300


@dataclass
class Notes:
    """What was repaired, each kind once."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """Note a repair."""
        if line not in self.lines:
            self.lines.append(line)


def read_list(value: Any, name: str) -> list[Any]:
    """A list that is not empty."""
    if not isinstance(value, list) or not value:
        raise ReplyError(f'"{name}" must be a list that is not empty, got {_shown(value)}')
    return value


def read_object(value: Any, name: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise ReplyError(f"{name} must be an object, got {_shown(value)}")
    return value


def read_index(value: Any, count: int, noun: str) -> int:
    """A whole number in [0, count), also where it is written as 3.0 or "3"."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise ReplyError(f"there is no {noun} {_shown(value)}; they go from 0 to {count - 1}")
    return value


def read_indices(value: Any, count: int, notes: Notes) -> tuple[int, ...]:
    """The segments of a step, sorted, each once."""
    listed = [read_index(item, count, "segment") for item in read_list(value, "segments")]
    if len(set(listed)) < len(listed):
        notes.add("a step listed a segment twice")
    return tuple(sorted(set(listed)))


def read_confidence(value: Any, notes: Notes) -> float:
    """A number from 0 to 10."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,2}(\.[0-9]{1,9})?\s*", value):
        notes.add("a confidence was written as text")
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _in_range(value):
        raise ReplyError(f'"confidence" must be a number from 0 to 10, got {_shown(value)}')
    return float(value)


def _in_range(value: float) -> bool:
    return not (isinstance(value, float) and math.isnan(value)) and 0 <= value <= MAX_CONFIDENCE


def read_open_labels(value: Any, notes: Notes) -> tuple[GivenLabel, ...]:
    """One or two open labels, the strongest first as they came; doubles folded into one."""
    kept: dict[str, GivenLabel] = {}
    for item in read_list(value, "labels"):
        label = _open_label(read_object(item, "a label"), notes)
        before = kept.get(folded(label.text))
        if before is not None:
            notes.add("a label stood twice in a step")
        if before is None or label.confidence > before.confidence:
            kept[folded(label.text)] = label
    return _at_most_two(list(kept.values()), [label.confidence for label in kept.values()], notes)


def _open_label(raw: dict[str, Any], notes: Notes) -> GivenLabel:
    text = one_line(raw.get("name"))
    if not folded(text):
        raise ReplyError(f'"name" must be a label, got {_shown(raw.get("name"))}')
    if max(len(text), len(text.casefold())) > MAX_LABEL_CHARACTERS:
        raise ReplyError(f"a label has more than {MAX_LABEL_CHARACTERS} characters: shorten it")
    definition = one_line(raw.get("definition"))
    if len(definition) > MAX_DEFINITION_CHARACTERS:
        notes.add("a definition was cut")
    confidence = read_confidence(raw.get("confidence"), notes)
    return GivenLabel(text, confidence, definition[:MAX_DEFINITION_CHARACTERS] or None)


def read_categories(
    value: Any, categories: Sequence[CategoryView], notes: Notes
) -> tuple[tuple[str, float], ...]:
    """None to two categories with their confidence; doubles keep the higher one."""
    if not isinstance(value, list):
        raise ReplyError(f'"labels" must be a list, got {_shown(value)}')
    kept: dict[str, float] = {}
    for item in value:
        raw = read_object(item, "a label")
        key = _category(raw.get("category"), categories, notes)
        confidence = read_confidence(raw.get("confidence"), notes)
        if key in kept:
            notes.add("a category stood twice in a step")
        kept[key] = max(confidence, kept.get(key, confidence))
    return _at_most_two(list(kept.items()), list(kept.values()), notes)


def _category(value: Any, categories: Sequence[CategoryView], notes: Notes) -> str:
    """The key of a category: as it is written, or the only one that differs in case and dashes."""
    if isinstance(value, str):
        if any(value == category.key for category in categories):
            return value
        wanted = folded(value)
        near = {c.key for c in categories if wanted in (folded(c.key), folded(c.name))}
        if len(near) == 1:
            notes.add("a category was written in another way")
            return near.pop()
    known = ", ".join(category.key for category in categories[:40])
    raise ReplyError(f"{_shown(value)} is not in the vocabulary: {known}")


def _at_most_two(labels: list[Any], confidences: list[float], notes: Notes) -> tuple[Any, ...]:
    """The two strongest labels, where it is certain which these are."""
    if len(labels) <= MAX_LABELS:
        return tuple(labels)
    falling = sorted(confidences, reverse=True)
    if falling[MAX_LABELS - 1] == falling[MAX_LABELS]:
        raise ReplyError(f"{len(labels)} labels on a step; give at most {MAX_LABELS}")
    notes.add("the two strongest of more labels were kept")
    pairs = zip(labels, confidences, strict=True)
    return tuple(label for label, confidence in pairs if confidence > falling[MAX_LABELS])


def one_line(value: Any) -> str:
    """Text on one line, composed, without control characters; empty for what is not text."""
    if not isinstance(value, str):
        return ""
    composed = unicodedata.normalize("NFKC", value)
    shown = (" " if c.isspace() or unicodedata.category(c)[0] == "C" else c for c in composed)
    return " ".join("".join(shown).split())


def folded(text: str) -> str:
    """Text for comparison: case and separators do not count."""
    return " ".join(re.split(r"[\W_]+", unicodedata.normalize("NFKC", text).casefold())).strip()


def _shown(value: Any) -> str:
    """A value in a message; a container by its kind alone, since it may be deep."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return "nothing" if value is None else one_line(ascii(value)[:80])
