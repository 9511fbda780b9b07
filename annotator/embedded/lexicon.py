"""The lexicon: a few hundred names of reasoning moves, with definitions and examples."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

WHERE = ("any", "first", "early", "last")


class LexiconError(ValueError):
    """An entry of a lexicon breaks its form; the message says which and how."""


@dataclass(frozen=True)
class LexiconEntry:
    """A name for what a segment does, with segments that do it."""

    label: str
    definition: str
    family: str
    where: str  # where in a trace it is at home: any, first, early or last
    examples: tuple[str, ...]


@cache
def load_lexicon(name: str = "open_labels") -> tuple[LexiconEntry, ...]:
    """The entries of a lexicon that ships with the room, in their order."""
    text = files("annotator").joinpath("lexicon", f"{name}.jsonl").read_text(encoding="utf-8")
    return read_entries(text)


def read_entries(text: str) -> tuple[LexiconEntry, ...]:
    """The entries of JSON lines.

    Raises:
        LexiconError: a field is missing or empty, `where` is unknown, or a label comes twice.
    """
    entries = tuple(
        entry(json.loads(line), number)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    )
    labels = [each.label for each in entries]
    if len(set(labels)) != len(labels):
        twice = sorted({label for label in labels if labels.count(label) > 1})
        raise LexiconError(f"expected every label once, got {twice} twice; remove one of each")
    return entries


def entry(fields: dict[str, object], number: int) -> LexiconEntry:
    """One entry from its JSON object, checked."""
    texts = {key: str(fields.get(key, "")) for key in ("label", "definition", "family", "where")}
    examples = fields.get("examples")
    if not all(texts.values()) or not isinstance(examples, list) or len(examples) < 2:
        raise LexiconError(
            f"expected label, definition, family, where and two examples in line {number}, "
            f"got {sorted(fields)}; fill them in"
        )
    if texts["where"] not in WHERE:
        raise LexiconError(f"expected one of {WHERE} in line {number}, got {texts['where']!r}")
    return LexiconEntry(**texts, examples=tuple(str(example) for example in examples))
