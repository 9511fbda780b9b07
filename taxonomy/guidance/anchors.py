"""What speaks for a category before anybody reviews: its texts and labels that belong to it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.presets import DEFAULT_PRESET

PRESET_LABELS = {DEFAULT_PRESET: "mr_align_15_labels.json"}
BACKGROUND = -1  # the owner of an anchor that speaks for no category

_CLAUSE = re.compile(r"[,:;.]| or ")


@dataclass(frozen=True)
class KnownLabels:
    """Labels whose category is known: by category key; `background` lists labels that have none."""

    by_category: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    background: tuple[str, ...] = ()


@dataclass(frozen=True)
class Anchors:
    """Texts and the category that each speaks for, as its position, or BACKGROUND."""

    texts: tuple[str, ...]
    owners: NDArray[np.int64]


def build_anchors(categories: Sequence[CategoryText], known: KnownLabels) -> Anchors:
    """The name, the clauses of the definition, and the known labels of each category.

    Raises: ValueError where a category has no text at all.
    """
    pairs: list[tuple[str, int]] = []
    for position, category in enumerate(categories):
        texts = [category.name, *split_clauses(category.definition)]
        texts += known.by_category.get(category.key, ())
        distinct = [text for text in dict.fromkeys(texts) if text.strip()]
        if not distinct:
            raise ValueError(f"expected a name or a definition of {category.key!r}, got none")
        pairs += [(text, position) for text in distinct]
    pairs += [(text, BACKGROUND) for text in known.background]
    owners = np.array([owner for _, owner in pairs], dtype=np.int64)
    return Anchors(tuple(text for text, _ in pairs), owners)


def split_clauses(definition: str) -> list[str]:
    """The clauses of a definition, each of which names a thing that belongs to the category."""
    return [text for part in _CLAUSE.split(definition) if len(text := part.strip()) > 3]


def get_preset_labels(name: str = DEFAULT_PRESET, *, paper: bool = True) -> KnownLabels:
    """The labels that ship with a preset; without `paper`, only those that are mralign's own.

    Raises: KeyError where the preset has none.
    """
    path = files("taxonomy").joinpath("presets", PRESET_LABELS[name])
    document = json.loads(path.read_text(encoding="utf-8"))
    by_category = {
        entry["key"]: tuple(entry["examples"]) + (tuple(entry["known_labels"]) if paper else ())
        for entry in document["categories"]
    }
    return KnownLabels(by_category, tuple(document["background"]))
