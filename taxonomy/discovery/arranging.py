"""A tree of categories by a language model: what it is shown, and what of its reply is believed.

Nothing here raises, whatever the reply: what cannot be used is asked for again, and clusters that
still have no place, or two, go where the offline tree has them. No label is lost.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taxonomy.clusters.clustering import Numbers
from taxonomy.clusters.namer import (
    ATTEMPTS,
    NAME_CHARACTERS,
    SENTENCE_CHARACTERS,
    Ask,
    Prompt,
    find_object,
)
from taxonomy.clusters.naming import ClusterName, distinctive_by_cluster
from taxonomy.discovery.proposing import make_keys
from taxonomy.events.decisions import DecisionError, clean_line
from taxonomy.events.state import CategoryText
from taxonomy.labels.folding import fold_text
from taxonomy.labels.inventory import InventoryLabel

CLUSTERS_SHOWN = 200
CENTRAL_SHOWN = 5
LINE_CHARACTERS = 400
MOST_CATEGORIES = 30
MOST_MACRO_STRATEGIES = 8


class NoTree(ValueError):
    """A reply holds no tree that will do."""


@dataclass(frozen=True)
class Branch:
    """A category that a model proposes, and the numbers of its clusters."""

    name: str
    definition: str
    macro_strategy: str
    clusters: tuple[int, ...]


@dataclass(frozen=True)
class Arrangement:
    """What a model proposes; `problem` says what was wrong with it, if anything was."""

    branches: tuple[Branch, ...] = ()
    problem: str | None = None

    @property
    def placed(self) -> int:
        """How many clusters have a place."""
        return sum(len(branch.clusters) for branch in self.branches)


def describe_all(
    labels: Sequence[InventoryLabel], numbers: Numbers, central: Sequence[Sequence[str]]
) -> list[str]:
    """A line for each of the clusters that a model is shown: size, central labels, phrases."""
    phrases = distinctive_by_cluster(labels, numbers)
    sizes, instances = Counter[int](), Counter[int]()
    for label, number in zip(labels, numbers.tolist(), strict=True):
        sizes[number] += 1
        instances[number] += label.instances
    lines = []
    for number, texts in enumerate(central[:CLUSTERS_SHOWN]):
        told = "; ".join(" ".join(text.split()) for text in texts[:CENTRAL_SHOWN])
        words = f" | phrases: {', '.join(phrases[number])}" if phrases[number] else ""
        line = f"{number} | {sizes[number]} labels, {instances[number]} instances | {told}{words}"
        lines.append(line[:LINE_CHARACTERS])
    return lines


def reply_schema(count: int) -> dict[str, Any]:
    """The JSON schema of a reply about so many clusters."""
    name = {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS}
    number = {"type": "integer", "minimum": 0, "maximum": count - 1}
    properties: dict[str, Any] = {
        "name": name,
        "definition": {"type": "string", "minLength": 1, "maxLength": SENTENCE_CHARACTERS},
        "macro_strategy": name,
        "clusters": {"type": "array", "items": number, "minItems": 1, "maxItems": count},
    }
    branch = {"type": "object", "properties": properties, "required": list(properties),
              "additionalProperties": False}  # fmt: skip
    categories = {"type": "array", "items": branch, "minItems": 1, "maxItems": MOST_CATEGORIES}
    return {"title": "arrangement", "type": "object", "properties": {"categories": categories},
            "required": ["categories"], "additionalProperties": False}  # fmt: skip


def ask_arrangement(ask: Ask, prompt: Prompt, lines: Sequence[str], wanted: int) -> Arrangement:
    """The best of up to three replies: the first without a fault, else that which places most."""
    first = prompt.render({"wanted": wanted, "count": len(lines)}, {"clusters": list(lines)})
    messages, best = first, Arrangement(problem="nothing was asked")
    for _ in range(ATTEMPTS):
        answer = ask(messages, reply_schema(len(lines)))
        if answer.failed:
            return best if best.branches else Arrangement(problem=answer.trouble)
        found = _try_reading(answer.text, answer.trouble, len(lines))
        if found.problem is None:
            return found
        if not best.branches or found.placed > best.placed:
            best = found
        messages = first + prompt.render_retry(answer.text, found.problem)
    return best


def _try_reading(text: str, trouble: str | None, count: int) -> Arrangement:
    try:
        return Arrangement(problem=trouble) if trouble else read_arrangement(text, count)
    except NoTree as error:
        return Arrangement(problem=str(error))


def read_arrangement(text: str, count: int) -> Arrangement:
    """The tree in a reply about `count` clusters, with what is wrong with it.

    Unknown numbers are left out, and clusters with two places have none. Branches of one name are
    one, and what has no cluster left is none.

    Raises: NoTree where there is no tree at all.
    """
    if (document := find_object(text, "categories")) is None:
        raise NoTree("expected a JSON object with categories, found none")
    listed = document["categories"]
    if not isinstance(listed, list) or not listed:
        raise NoTree("expected a list of categories, found none")
    branches = _join([_read_branch(each) for each in listed])
    named = Counter(number for branch in branches for number in branch.clusters)
    good = {number for number, times in named.items() if times == 1 and 0 <= number < count}
    kept = tuple(
        replace(branch, clusters=tuple(n for n in branch.clusters if n in good))
        for branch in branches
    )
    kept = tuple(branch for branch in kept if branch.clusters)
    return Arrangement(kept, _say_problems(kept, named, count))


def _say_problems(kept: Sequence[Branch], named: Mapping[int, int], count: int) -> str | None:
    unknown = sorted(number for number in named if not 0 <= number < count)
    twice = sorted(number for number, times in named.items() if times > 1)
    missing = [number for number in range(count) if number not in named]
    macros = {fold_text(branch.macro_strategy) for branch in kept}
    told = [
        f"{what}: {', '.join(map(str, numbers[:50]))}"
        for what, numbers in (
            ("clusters that do not exist", unknown),
            ("clusters in more than one category", twice),
            ("clusters in no category", missing),
        )
        if numbers
    ]
    if len(kept) > MOST_CATEGORIES or (len(kept) < 2 and count > 2):
        told.append(f"{len(kept)} categories are too many or too few")
    if len(macros) > MOST_MACRO_STRATEGIES:
        told.append(f"{len(macros)} macro-strategies are too many")
    return "; ".join(told) or None


def _read_branch(entry: object) -> Branch:
    if not isinstance(entry, dict):
        raise NoTree(f"expected an object for each category, got {type(entry).__name__}")
    numbers = entry.get("clusters")
    listed = numbers if isinstance(numbers, list) else []
    return Branch(
        _text(entry, "name", NAME_CHARACTERS),
        _text(entry, "definition", SENTENCE_CHARACTERS),
        _text(entry, "macro_strategy", NAME_CHARACTERS),
        tuple(n for n in listed if isinstance(n, int) and not isinstance(n, bool)),
    )


def _text(entry: Mapping[str, Any], field: str, limit: int) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not any(letter.isalpha() for letter in value):
        raise NoTree(f"expected a text with letters as the {field} of each category")
    try:
        return clean_line(value, f"a {field}", limit)
    except DecisionError as error:
        raise NoTree(str(error)) from None


def _join(branches: Sequence[Branch]) -> list[Branch]:
    """Branches whose names fold to one text are one, with the first one's texts."""
    joined: dict[str, Branch] = {}
    for branch in branches:
        name = fold_text(branch.name)
        first = joined.get(name, replace(branch, clusters=()))
        joined[name] = replace(first, clusters=(*first.clusters, *branch.clusters))
    return list(joined.values())


@dataclass(frozen=True)
class Arranged:
    """Categories, and the place of each cluster among them. Shapes: `place_of` (clusters,)."""

    categories: tuple[CategoryText, ...]
    place_of: Numbers
    fallen_back: int


def complete(
    found: Arrangement,
    instances: Sequence[int],
    offline_of: Sequence[int],
    offline: Sequence[CategoryText],
) -> Arranged:
    """Every cluster in a category: those without a place go with their kin of the offline tree.

    That is the category that holds most instances of the offline category that theirs is
    (`offline_of`); where it holds none, that offline category comes in as it is.
    Identity: a complete arrangement stays as it is; an empty one is the offline tree.
    """
    branches, placed = list(found.branches), {}
    for number, branch in enumerate(branches):
        placed.update(dict.fromkeys(branch.clusters, number))
    kin: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for cluster, number in placed.items():
        kin[offline_of[cluster]][number] += instances[cluster]
    rest = [cluster for cluster in range(len(instances)) if cluster not in placed]
    for cluster in rest:
        group = offline_of[cluster]
        if group not in kin:
            kin[group][len(branches)] = 1
            own = offline[group]
            branches.append(Branch(own.name, own.definition, own.macro_strategy, ()))
        placed[cluster] = kin[group].most_common(1)[0][0]
    keys = make_keys([ClusterName(branch.name, "") for branch in branches])
    categories = tuple(
        CategoryText(key, branch.name, branch.macro_strategy, branch.definition)
        for key, branch in zip(keys, branches, strict=True)
    )
    place_of = np.array([placed[cluster] for cluster in range(len(instances))], dtype=np.int64)
    return Arranged(categories, place_of, len(rest))
