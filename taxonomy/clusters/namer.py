"""A cluster's name by a language model: what it is shown, and what of its reply is believed.

Nothing here raises, whatever the reply: a name that will not do is asked for again, and then the
offline one stays.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from taxonomy.clusters.assignment import cluster_centres
from taxonomy.clusters.clustering import Numbers
from taxonomy.clusters.naming import Description
from taxonomy.events.decisions import DecisionError, clean_line, clean_optional
from taxonomy.labels.embedding import Vectors
from taxonomy.labels.folding import fold_text
from taxonomy.labels.inventory import InventoryLabel

LABELS_SHOWN = 30
NEIGHBOURS_SHOWN = 3
NEIGHBOUR_LABELS = 8
NAME_CHARACTERS = 60
SENTENCE_CHARACTERS = 400
EXAMPLES = 5
ATTEMPTS = 3

Messages = list[dict[str, str]]


class Prompt(Protocol):
    """A prompt that fences data, and says what was wrong."""

    def render(self, plain: Mapping[str, str | int], data: Mapping[str, Any]) -> Messages: ...

    def render_retry(self, said: str, problem: str) -> Messages: ...


class Answer(Protocol):
    """A reply; `trouble` says why it cannot be used."""

    @property
    def text(self) -> str: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def failed(self) -> bool: ...


Ask = Callable[[Messages, Mapping[str, Any]], Answer]


class NoName(ValueError):
    """A reply holds no name that will do."""


@dataclass(frozen=True)
class Material:
    """What a model sees of one cluster: its labels, and its nearest clusters in words."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    neighbours: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """A description, by the model or as it was, with why it stayed, if it did."""

    description: Description
    by_model: bool
    problem: str | None = None


def gather(
    labels: Sequence[InventoryLabel],
    vectors: Vectors,
    numbers: Numbers,
    described: Sequence[Description],
) -> list[Material]:
    """What a model is shown of each cluster: the most central labels, and the nearest clusters."""
    centres = cluster_centres(vectors, numbers)
    cosines = centres @ centres.T
    np.fill_diagonal(cosines, -np.inf)
    central = []
    for number, centre in enumerate(centres):
        rows = np.flatnonzero(numbers == number)
        order = np.argsort(-(vectors[rows] @ centre), kind="stable")
        central.append([labels[row] for row in rows[order]])
    found = []
    for number, members in enumerate(central):
        near = np.argsort(-cosines[number], kind="stable")[
            : min(NEIGHBOURS_SHOWN, len(centres) - 1)
        ]
        found.append(Material(
            tuple(_line(label) for label in members[:LABELS_SHOWN]),
            tuple(label.text for label in members),
            tuple(_neighbour(described[other].name, central[other]) for other in near),
        ))  # fmt: skip
    return found


def _line(label: InventoryLabel) -> str:
    gloss = f": {label.definition}" if label.definition else ""
    return f"{label.text} ({label.instances}){gloss}"[:SENTENCE_CHARACTERS]


def _neighbour(name: str, members: Sequence[InventoryLabel]) -> str:
    return f"{name}: " + ", ".join(label.text for label in members[:NEIGHBOUR_LABELS])


def reply_schema() -> dict[str, Any]:
    """The JSON schema of a reply."""
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "name": {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS},
        "definition": {"type": "string", "minLength": 1, "maxLength": SENTENCE_CHARACTERS},
        "scope_note": {**text, "maxLength": SENTENCE_CHARACTERS},
        "examples": {"type": "array", "items": text, "minItems": 1, "maxItems": EXAMPLES},
        "difference": {**text, "maxLength": SENTENCE_CHARACTERS},
    }
    return {"title": "cluster_name", "type": "object", "properties": properties,
            "required": list(properties), "additionalProperties": False}  # fmt: skip


def ask_name(
    ask: Ask, prompt: Prompt, material: Material, offline: Description, taken: Sequence[str]
) -> Named:
    """The model's description of a cluster, or the offline one where no reply will do.

    `taken` are names that other clusters have. A reply that cannot be used is answered with the
    reason, up to three attempts in all.
    """
    first = prompt.render(
        {"neighbour_count": len(material.neighbours)},
        {"labels": material.labels, "neighbours": material.neighbours, "taken": list(taken)},
    )
    messages, problem = first, ""
    for _ in range(ATTEMPTS):
        answer = ask(messages, reply_schema())
        if answer.failed:
            return Named(offline, False, answer.trouble)
        try:
            if answer.trouble is not None:
                raise NoName(answer.trouble)
            return Named(read_reply(answer.text, material, offline, taken), True)
        except NoName as error:
            problem = str(error)
            messages = first + prompt.render_retry(answer.text, problem)
    return Named(offline, False, problem)


def read_reply(
    text: str, material: Material, offline: Description, taken: Sequence[str]
) -> Description:
    """The description in a reply. The offline name stays among the proposals.

    Raises: NoName where there is no name, it is taken, or it is no name for people to read.
    """
    if (document := find_object(text, "name")) is None:
        raise NoName("expected a JSON object with a name, found none")
    name = _text(document, "name", NAME_CHARACTERS)
    folded = fold_text(name)
    if not any(character.isalpha() for character in folded):
        raise NoName("expected a name with letters in it, got none")
    if folded in {fold_text(other) for other in taken}:
        raise NoName(f"expected a name that no other cluster has, but {name!r} is taken")
    known = {fold_text(label): label for label in material.texts}
    listed = document.get("examples")
    given = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    examples = [known[fold_text(each)] for each in given if fold_text(each) in known]
    others = [each for each in (offline.name, *offline.proposals) if fold_text(each) != folded]
    return replace(
        offline,
        name=name,
        definition=_text(document, "definition", SENTENCE_CHARACTERS),
        scope_note=_optional(document, "scope_note") or offline.scope_note,
        examples=tuple(dict.fromkeys(examples))[:EXAMPLES] or offline.examples,
        proposals=tuple(others)[: len(offline.proposals) + 1],
        difference=_optional(document, "difference") or offline.difference,
    )


def find_object(text: str, field: str) -> dict[str, Any] | None:
    """The first JSON object in a text that has a field."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and field in found:
            return found
        start = text.find("{", start + 1)
    return None


def _text(document: Mapping[str, Any], field: str, limit: int) -> str:
    value = document.get(field)
    if not isinstance(value, str):
        raise NoName(f"expected a text as {field}, got {type(value).__name__}")
    try:
        return clean_line(value, f"a {field}", limit)
    except DecisionError as error:
        raise NoName(str(error)) from None


def _optional(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    try:
        return clean_optional(value[:SENTENCE_CHARACTERS], field) if isinstance(value, str) else ""
    except DecisionError:
        return ""
