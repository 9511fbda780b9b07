"""What a version says: its categories and where each label goes; its hash; what changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.descent import Descent, describe_descent, follow, trace_descent


@dataclass(frozen=True)
class MappedLabel:
    """Where a version puts a label.

    `origin` is reviewed, cluster or nearest for a label with a category, else unassigned or noise.
    """

    open_label_id: int
    key: str
    text: str
    category: str | None
    origin: str
    distance: float | None
    instances: int


@dataclass(frozen=True)
class VersionContent:
    """The categories of a version in their order, and its labels by key."""

    name: str
    categories: tuple[CategoryText, ...]
    labels: tuple[MappedLabel, ...]
    parent_hash: str | None


@dataclass(frozen=True)
class MovedLabel:
    """A label that changes its category; None is no category."""

    key: str
    text: str
    before: str | None
    after: str | None
    instances: int


@dataclass(frozen=True)
class CategoryChange:
    """A category that is not what it was, with its instances before and after.

    `kind` is added, retired, merged, split, renamed, edited, or moved where only labels did;
    `partners` are the categories that it came from or went to.
    """

    key: str
    change: str  # the kind in words with its partners, or the names of the texts that differ
    instances_before: int
    instances_after: int
    kind: str = "moved"
    partners: tuple[str, ...] = ()


@dataclass(frozen=True)
class VersionDiff:
    """What changes from one version to another; `moved` by falling count of instances."""

    before: str
    after: str
    categories: tuple[CategoryChange, ...]
    moved: tuple[MovedLabel, ...]
    labels_added: int
    labels_gone: int


def hash_content(content: VersionContent) -> str:
    """The sha256 of the canonical JSON of categories, mapping and the parent's hash.

    Identity: names of versions, instance counts and distances do not enter; nor do counter-examples
    where there are none, so that a hash from before they were kept still holds.
    """
    document = {
        "categories": [describe_category(category) for category in content.categories],
        "mapping": [
            [label.key, label.category, label.origin]
            for label in sorted(content.labels, key=lambda label: label.key)
        ],
        "parent": content.parent_hash,
    }
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def describe_category(category: CategoryText) -> dict[str, Any]:
    """The texts of a category as they are hashed: without counter-examples where there are none."""
    texts = asdict(category)
    if not category.counter_examples:
        del texts["counter_examples"]
    return texts


def compare(before: VersionContent, after: VersionContent) -> VersionDiff:
    """What changes from `before` to `after`."""
    old = {label.key: label for label in before.labels}
    new = {label.key: label for label in after.labels}
    moved = [
        MovedLabel(key, label.text, old[key].category, label.category, label.instances)
        for key, label in new.items()
        if key in old and old[key].category != label.category
    ]
    return VersionDiff(
        before.name,
        after.name,
        tuple(_category_changes(before, after)),
        tuple(sorted(moved, key=lambda label: (-label.instances, label.key))),
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
    )


def _category_changes(before: VersionContent, after: VersionContent) -> list[CategoryChange]:
    old = {category.key: category for category in before.categories}
    new = {category.key: category for category in after.categories}
    was, now = count_instances(before), count_instances(after)
    flows = follow(before.labels, after.labels)
    descents = trace_descent(before.categories, after.categories, flows)
    changes = []
    for key in [*new, *(key for key in old if key not in new)]:
        kind, text = _describe_change(old.get(key), new.get(key), descents.get(key))
        if text or was.get(key, 0) != now.get(key, 0):
            partners = descents[key].partners if key in descents else ()
            counts = was.get(key, 0), now.get(key, 0)
            changes.append(CategoryChange(key, text, *counts, kind, partners))
    return changes


def _describe_change(
    old: CategoryText | None, new: CategoryText | None, descent: Descent | None
) -> tuple[str, str]:
    """The kind of a change, and in words what it is; nothing where only labels moved."""
    if descent is not None and (old is None or new is None):
        return descent.kind, describe_descent(descent, arriving=old is None)
    if old is None or new is None:
        return "moved", ""
    before, after = asdict(old), asdict(new)
    texts = [name.replace("_", " ") for name in before if before[name] != after[name]]
    if descent is not None:
        others = [name for name in texts if name != "name"]
        return "renamed", ", ".join([f"renamed from {old.name}", *others])
    return ("edited" if texts else "moved"), ", ".join(texts)


def count_instances(content: VersionContent) -> Mapping[str | None, int]:
    """Instances by category; None counts what has none."""
    counts: dict[str | None, int] = {}
    for label in content.labels:
        counts[label.category] = counts.get(label.category, 0) + label.instances
    return counts
