"""What a reviewer sees of a version: groups, labels, categories, and what can be undone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, repeat
from operator import ne
from types import MappingProxyType
from typing import Any

from taxonomy.events.state import CategoryText, State
from taxonomy.guidance.beliefs import Belief, conclude

ByKey = Mapping[str, Belief]
NO_BELIEFS: ByKey = MappingProxyType({})
_NOTHING = object()


@dataclass(frozen=True)
class PlacedLabel:
    """What a clustering knows of a label, whatever people decided."""

    open_label_id: int
    key: str
    text: str
    definition: str | None
    instances: int
    distance: float  # cosine distance to the centre of its cluster, or of the nearest one
    probability: float  # the clustering's own strength of membership, 0 for noise
    x: float
    y: float


@dataclass(frozen=True)
class LabelView:
    """A label, its category, where that comes from, and how likely it is wrong.

    `origin` is one of those of `taxonomy.guidance.beliefs.Belief`.
    """

    open_label_id: int
    key: str
    text: str
    definition: str | None
    instances: int
    category: str | None
    origin: str
    doubt: float = 0.0


@dataclass(frozen=True)
class Group:
    """Labels that mean the same; `anchor` names it in addresses.

    `category` is the one of most instances; `cohesion` is the mean cosine of its clustered labels
    to the centre that the clustering gave them; `reviewed` says that a person decided the category
    of most instances; `probability` is the mean strength of membership over its instances;
    `doubt` is the mean doubt of the labels that nobody decided, over their instances. `flag` and
    `skip` are the newest such events, `comments` all of them.
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
    probability: float = 1.0
    flag: int = 0
    skip: int = 0
    comments: tuple[int, ...] = ()
    doubt: float = 0.0


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
    counter_examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How much a person has decided, of how much there is."""

    labels: int
    all_labels: int
    instances: int
    all_instances: int


@dataclass(frozen=True)
class Views:
    """A state as reviewers see it: every label by its key, every group by its anchor."""

    state: State
    beliefs: ByKey
    labels: Mapping[str, LabelView]
    groups: Mapping[str, Group]

    @cached_property
    def by_size(self) -> tuple[Group, ...]:
        """The groups by falling count of instances, then by anchor."""
        groups = self.groups.values()
        return tuple(sorted(groups, key=lambda group: (-group.instances, group.anchor)))

    @cached_property
    def categories(self) -> tuple[CategoryView, ...]:
        """The categories in their order, with their instances."""
        return view_categories(self.state.categories.values(), self.labels.values())

    @cached_property
    def progress(self) -> Progress:
        """How much of the labels and instances a person has decided."""
        return count_progress(self.labels.values())

    @cached_property
    def noise(self) -> tuple[LabelView, ...]:
        """The labels that are in no group."""
        anchors = self.state.anchors.items()
        return tuple(self.labels[key] for key, anchor in anchors if anchor is None)


def view(
    state: State,
    placed: Mapping[str, PlacedLabel],
    before: Views | None = None,
    beliefs: ByKey = NO_BELIEFS,
) -> Views:
    """What a state looks like; what did not change since `before` is taken from there.

    Identity: `view(state, placed, before, beliefs) == view(state, placed, None, beliefs)`.
    """
    if before is None or list(before.state.categories) != list(state.categories):
        before, changed, leaning = Views(state, beliefs, {}, {}), set(placed), set(state.groups)
    else:
        leaning = _differing(before.state.groups, state.groups)
        changed = _changed_labels(before, state, beliefs)
    touched = leaning | {before.state.anchors[key] for key in changed}
    touched |= {state.anchors[key] for key in changed}
    members = _members(state, touched)
    changed.update(*(members.get(anchor, ()) for anchor in leaning))
    order = changed if before.labels else placed  # what is there keeps its place
    labels = {**before.labels, **{key: _label(state, placed[key], beliefs) for key in order}}
    groups = {key: group for key, group in before.groups.items() if key not in touched}
    for anchor, keys in members.items():
        groups[anchor] = _group(state, anchor, [(placed[key], labels[key]) for key in keys])
    return Views(state, beliefs, labels, groups)


def _changed_beliefs(before: ByKey, after: ByKey) -> set[str]:
    if before is after:
        return set()
    return {key for key, belief in after.items() if before.get(key) != belief}


def _members(state: State, touched: set[str | None]) -> dict[str, list[str]]:
    members: defaultdict[str, list[str]] = defaultdict(list)
    inside = map((touched - {None}).__contains__, state.anchors.values())
    for key in compress(state.anchors, inside):
        members[str(state.anchors[key])].append(key)
    return members


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The keys that are new, gone, or that stand for something else."""
    if before == after:  # most of what a decision leaves as it was
        return set()
    olds = map(before.get, after, repeat(_NOTHING))
    return {*compress(after, map(ne, olds, after.values())), *(before.keys() - after.keys())}


def _changed_labels(before: Views, after: State, beliefs: ByKey) -> set[str]:
    """The labels that somebody decided or moved, and those that are believed to be others."""
    changed = _differing(before.state.anchors, after.anchors)
    changed |= _differing(before.state.decided, after.decided)
    changed |= _differing(before.state.marks, after.marks)
    return changed | _changed_beliefs(before.beliefs, beliefs)


def _label(state: State, label: PlacedLabel, beliefs: ByKey) -> LabelView:
    loose = 1.0 - min(max((1.0 - label.distance) * label.probability, 0.0), 1.0)
    found = conclude(state, label.key, beliefs.get(label.key), round(loose, 2))
    return LabelView(
        label.open_label_id,
        label.key,
        label.text,
        label.definition,
        label.instances,
        found.category,
        found.origin,
        found.doubt,
    )


def _group(state: State, anchor: str, pairs: list[tuple[PlacedLabel, LabelView]]) -> Group:
    described = state.groups[anchor]
    labels = tuple(label for _, label in pairs)
    instances = sum(label.instances for label in labels)
    decided = sum(label.instances for label in labels if label.origin == "reviewed")
    proposed = described.proposed_category
    marks = [state.marks[label.key] for label in labels if label.key in state.marks]
    return Group(
        anchor=anchor,
        name=described.name,
        definition=described.definition,
        labels=labels,
        category=majority(labels, list(state.categories)),
        proposed_category=proposed if proposed in state.categories else None,
        cohesion=_cohesion(state, [place for place, _ in pairs]),
        instances=instances,
        reviewed=2 * decided > instances,
        x=_weighted(((place.x, place.instances) for place, _ in pairs)),
        y=_weighted(((place.y, place.instances) for place, _ in pairs)),
        probability=_weighted(((place.probability, place.instances) for place, _ in pairs)),
        flag=max((mark.flag for mark in marks), default=0),
        skip=max((mark.skip for mark in marks), default=0),
        comments=tuple(sorted({number for mark in marks for number in mark.comments})),
        doubt=_doubt(labels),
    )


def _doubt(labels: Iterable[LabelView]) -> float:
    waiting = [label for label in labels if label.origin != "reviewed"]
    return _weighted((label.doubt, label.instances) for label in waiting) if waiting else 0.0


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


def count_progress(labels: Iterable[LabelView]) -> Progress:
    """The labels, and their instances, whose category a person decided."""
    listed = list(labels)
    decided = [label for label in listed if label.origin == "reviewed"]
    return Progress(
        len(decided),
        len(listed),
        sum(label.instances for label in decided),
        sum(label.instances for label in listed),
    )


def view_categories(
    categories: Iterable[CategoryText], labels: Iterable[LabelView]
) -> tuple[CategoryView, ...]:
    """The categories in their order, with their instances."""
    counts: dict[str | None, int] = {}
    for label in labels:
        counts[label.category] = counts.get(label.category, 0) + label.instances
    return tuple(
        CategoryView(
            text.key,
            text.name,
            text.macro_strategy,
            text.definition,
            text.scope_note,
            text.examples,
            position,
            counts.get(text.key, 0),
            text.counter_examples,
        )
        for position, text in enumerate(categories)
    )
