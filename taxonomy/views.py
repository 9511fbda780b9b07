"""What a reviewer sees of a version: groups, labels, categories, and what can be undone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taxonomy.replay import CategoryText, State


@dataclass(frozen=True)
class PlacedLabel:
    """What a clustering knows of a label, whatever people decided."""

    open_label_id: int
    key: str
    text: str
    definition: str | None
    instances: int
    distance: float  # cosine distance to the centre of its cluster, or of the nearest one
    x: float
    y: float


@dataclass(frozen=True)
class LabelView:
    """A label, its category, and where that comes from: reviewed, cluster, nearest or noise."""

    open_label_id: int
    key: str
    text: str
    definition: str | None
    instances: int
    category: str | None
    origin: str


@dataclass(frozen=True)
class Group:
    """Labels that mean the same; `anchor` names it in addresses.

    `category` is the one of most instances; `cohesion` is the mean cosine of its clustered labels
    to the centre that the clustering gave them; `reviewed` says that a person decided the category
    of most instances.
    """

    anchor: str
    name: str
    definition: str
    labels: tuple[LabelView, ...]
    category: str | None
    proposed_category: str | None
    cohesion: float
    instances: int
    reviewed: bool
    x: float
    y: float


@dataclass(frozen=True)
class CategoryView:
    """A category with the instances that fall to it."""

    key: str
    name: str
    macro_strategy: str
    definition: str
    scope_note: str
    examples: tuple[str, ...]
    position: int
    instances: int


def view_labels(state: State, placed: Sequence[PlacedLabel]) -> list[LabelView]:
    """Every label with its category and origin."""
    return [
        LabelView(
            label.open_label_id,
            label.key,
            label.text,
            label.definition,
            label.instances,
            state.category(label.key),
            state.origin(label.key),
        )
        for label in placed
    ]


def view_groups(
    state: State, placed: Sequence[PlacedLabel], labels: Sequence[LabelView]
) -> tuple[Group, ...]:
    """The groups that hold labels, by falling count of instances, then by anchor."""
    members: defaultdict[str, list[tuple[PlacedLabel, LabelView]]] = defaultdict(list)
    for pair in zip(placed, labels, strict=True):
        anchor = state.anchors[pair[0].key]
        if anchor is not None:
            members[anchor].append(pair)
    order = list(state.categories)
    groups = [_group(state, anchor, pairs, order) for anchor, pairs in members.items()]
    return tuple(sorted(groups, key=lambda group: (-group.instances, group.anchor)))


def _group(
    state: State, anchor: str, pairs: list[tuple[PlacedLabel, LabelView]], order: list[str]
) -> Group:
    described = state.groups[anchor]
    labels = tuple(label for _, label in pairs)
    instances = sum(label.instances for label in labels)
    decided = sum(label.instances for label in labels if label.origin == "reviewed")
    proposed = described.proposed_category
    return Group(
        anchor=anchor,
        name=described.name,
        definition=described.definition,
        labels=labels,
        category=majority(labels, order),
        proposed_category=proposed if proposed in state.categories else None,
        cohesion=_cohesion(state, [place for place, _ in pairs]),
        instances=instances,
        reviewed=2 * decided > instances,
        x=_weighted(((place.x, place.instances) for place, _ in pairs)),
        y=_weighted(((place.y, place.instances) for place, _ in pairs)),
    )


def majority(labels: Iterable[LabelView], order: Sequence[str]) -> str | None:
    """The category of most instances; the earlier category wins a tie, no category loses it."""
    counts: Counter[str | None] = Counter()
    for label in labels:
        counts[label.category] += label.instances
    ranks = {key: rank for rank, key in enumerate(order)}
    return min(counts, key=lambda key: (-counts[key], ranks.get(key or "", len(order))))


def _cohesion(state: State, places: list[PlacedLabel]) -> float:
    clustered = [place for place in places if state.origins[place.key] == "cluster"] or places
    return 1.0 - sum(place.distance for place in clustered) / len(clustered)


def _weighted(pairs: Iterable[tuple[float, int]]) -> float:
    listed = list(pairs)
    total = sum(weight for _, weight in listed)
    if total == 0:
        return sum(value for value, _ in listed) / len(listed)
    return sum(value * weight for value, weight in listed) / total


def view_categories(
    categories: Iterable[CategoryText], labels: Iterable[LabelView]
) -> tuple[CategoryView, ...]:
    """The categories in their order, with their instances."""
    counts: Counter[str | None] = Counter()
    for label in labels:
        counts[label.category] += label.instances
    return tuple(
        CategoryView(
            text.key,
            text.name,
            text.macro_strategy,
            text.definition,
            text.scope_note,
            text.examples,
            position,
            counts[text.key],
        )
        for position, text in enumerate(categories)
    )
