"""What verdicts come to: labels on which enough reviewers agree, and those on which they differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taxonomy.events.state import State


@dataclass(frozen=True, order=True)
class Choice:
    """Where a label belongs: in a category, in none, or it is noise."""

    category: str = ""
    noise: bool = False


@dataclass(frozen=True)
class Opinion:
    """One person's verdict on one label."""

    person_id: int
    key: str
    choice: Choice


@dataclass(frozen=True)
class Ruling:
    """What opinions come to, by label; labels with too few opinions are in neither."""

    agreed: Mapping[Choice, tuple[str, ...]]
    disputed: Mapping[str, tuple[Opinion, ...]]


def rule(opinions: Iterable[Opinion], overlap: int) -> Ruling:
    """Where at least `overlap` people judged a label: agreed if all say the same, else disputed.

    Identity: the order of the opinions does not matter.
    """
    by_label: defaultdict[str, dict[int, Opinion]] = defaultdict(dict)
    for opinion in opinions:
        by_label[opinion.key][opinion.person_id] = opinion
    agreed: defaultdict[Choice, list[str]] = defaultdict(list)
    disputed = {}
    for key in sorted(by_label):
        said = sorted(by_label[key].values(), key=lambda one: one.person_id)
        choices = {one.choice for one in said}
        if len(said) >= overlap and len(choices) == 1:
            agreed[choices.pop()].append(key)
        elif len(said) >= overlap:
            disputed[key] = tuple(said)
    return Ruling({choice: tuple(keys) for choice, keys in agreed.items()}, disputed)


def is_settled(state: State, key: str) -> bool:
    """Whether a decision in force says where the label belongs; a label that is gone is settled."""
    return key not in state.anchors or key in state.decided or state.joined(key)


def choose(state: State, category: str | None, noise: bool) -> Choice:
    """The choice by the categories of now: what was retired stands for what it went into."""
    seen: set[str] = set()
    while category is not None and category not in state.categories and category not in seen:
        seen.add(category)
        category = state.retired.get(category)
    return Choice("", True) if noise else Choice(category or "")


@dataclass(frozen=True)
class Side:
    """A choice, and who made it."""

    choice: Choice
    people: tuple[int, ...]


@dataclass(frozen=True)
class Dispute:
    """Labels of one group on which the same people differ in the same way; no anchor is noise.

    One side alone is an agreement that somebody took back.
    """

    anchor: str | None
    keys: tuple[str, ...]
    sides: tuple[Side, ...]


def gather_disputes(state: State, opinions: Sequence[Opinion], overlap: int) -> list[Dispute]:
    """The disputes over labels that nothing has settled, those of most instances first."""
    ruling = rule((one for one in opinions if not is_settled(state, one.key)), overlap)
    agreed = {key for keys in ruling.agreed.values() for key in keys}
    said: defaultdict[str, list[Opinion]] = defaultdict(list)
    for one in opinions:
        if one.key in ruling.disputed or one.key in agreed:
            said[one.key].append(one)
    alike: defaultdict[tuple[str | None, tuple[Side, ...]], list[str]] = defaultdict(list)
    for key, ones in said.items():
        alike[state.anchors[key], _sides(ones)].append(key)
    disputes = [Dispute(anchor, tuple(keys), sides) for (anchor, sides), keys in alike.items()]
    return sorted(disputes, key=lambda one: (-_weight(state, one), one.anchor or "", one.keys))


def _sides(opinions: Iterable[Opinion]) -> tuple[Side, ...]:
    people: defaultdict[Choice, list[int]] = defaultdict(list)
    for one in opinions:
        people[one.choice].append(one.person_id)
    sides = [Side(choice, tuple(sorted(ids))) for choice, ids in people.items()]
    return tuple(sorted(sides, key=lambda side: (-len(side.people), side.choice)))


def _weight(state: State, dispute: Dispute) -> int:
    return sum(state.instances[key] for key in dispute.keys)
