"""What a review starts from and what decisions make of it: the words of a replay."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import eq
from typing import Any


@dataclass(frozen=True)
class BaseGroup:
    """A cluster before any decision."""

    anchor: str
    name: str
    definition: str
    proposed_category: str | None


@dataclass(frozen=True)
class BaseLabel:
    """A label before any decision; no anchor is noise."""

    key: str
    anchor: str | None
    origin: str  # cluster, nearest or noise
    instances: int = 1


@dataclass(frozen=True)
class Base:
    """A clustering before any decision."""

    groups: tuple[BaseGroup, ...] = ()
    labels: tuple[BaseLabel, ...] = ()


@dataclass(frozen=True)
class Event:
    """One event of the log; `undoes` is the id of an earlier one."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    undoes: int | None = None


@dataclass(frozen=True)
class CategoryText:
    """What a category is called and what it means."""

    key: str
    name: str
    macro_strategy: str
    definition: str
    scope_note: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "CategoryText":
        """The texts as JSON keeps them."""
        lists = {name: tuple(entry.get(name) or ()) for name in ("examples", "counter_examples")}
        return cls(**{**entry, **lists})


@dataclass(frozen=True)
class GroupState:
    """A group as the decisions left it, with the category that it leans to.

    It is settled once a person put most of it in a category, or out of every one.
    """

    name: str
    definition: str
    proposed_category: str | None
    lean: str | None
    settled: bool = False


@dataclass(frozen=True)
class Marks:
    """What people remarked on a label without deciding: events by number, 0 for none."""

    flag: int = 0
    skip: int = 0
    comments: tuple[int, ...] = ()


@dataclass
class State:
    """Every label stands in one group or in none; a decided category outweighs its group's.

    `home` is where the clustering had each label; `repeated` counts how often a decision about a
    label was made again after it stood.
    """

    groups: dict[str, GroupState] = field(default_factory=dict)
    anchors: dict[str, str | None] = field(default_factory=dict)
    home: dict[str, str | None] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    instances: dict[str, int] = field(default_factory=dict)
    decided: dict[str, str | None] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    categories: dict[str, CategoryText] = field(default_factory=dict)
    retired: dict[str, str | None] = field(default_factory=dict)
    marks: dict[str, Marks] = field(default_factory=dict)

    def copy(self) -> "State":
        """The same state, to be changed by itself; what it holds is never changed in place."""
        return State(
            dict(self.groups),
            dict(self.anchors),
            self.home,
            self.origins,
            self.instances,
            dict(self.decided),
            dict(self.repeated),
            dict(self.categories),
            dict(self.retired),
            dict(self.marks),
        )

    def category(self, key: str) -> str | None:
        """The category of a label, None where it has none."""
        anchor = self.anchors[key]
        lean = self.groups[anchor].lean if anchor is not None else None
        category = self.decided.get(key, lean)
        return category if category in self.categories else None

    def origin(self, key: str) -> str:
        """Where a label's category comes from, guesses aside: reviewed, cluster, nearest, noise."""
        if key in self.decided:
            return "reviewed"
        if self.anchors[key] is None:
            return "noise"
        return self.origins[key] if self.origins[key] != "noise" else "cluster"

    def joined(self, key: str) -> bool:
        """Whether a person put a label in a group that is settled, and so with its category."""
        anchor = self.anchors[key]
        return anchor is not None and anchor != self.home[key] and self.groups[anchor].settled

    def heir(self, category: str | None) -> str | None:
        """The category itself, or the one that its labels went into when it was retired."""
        seen: set[str] = set()
        while category is not None and category not in self.categories and category not in seen:
            seen.add(category)
            category = self.retired.get(category, category)
        return category

    def decide(self, key: str, category: str | None, anchor: str | None) -> None:
        """Put a label in a category, and count it where that says again what stands."""
        same = key in self.decided and (self.decided[key], self.anchors[key]) == (category, anchor)
        self.repeated[key] = self.repeated.get(key, 0) + 1 if same else 0
        self.decided[key], self.anchors[key] = category, anchor

    def members(self, anchor: str) -> list[str]:
        """The labels of a group, in the order of the base."""
        return list(compress(self.anchors, map(eq, self.anchors.values(), repeat(anchor))))


def start(base: Base) -> State:
    """The state before any event."""
    return State(
        groups={
            group.anchor: GroupState(
                group.name, group.definition, group.proposed_category, group.proposed_category
            )
            for group in base.groups
        },
        anchors={label.key: label.anchor for label in base.labels},
        home={label.key: label.anchor for label in base.labels},
        origins={label.key: label.origin for label in base.labels},
        instances={label.key: label.instances for label in base.labels},
    )


def active_events(events: Iterable[Event]) -> list[Event]:
    """The events that no undo in force takes back; undos themselves included."""
    undone: set[int] = set()
    active = []
    for event in sorted(events, key=lambda event: event.id, reverse=True):
        if event.id in undone:
            continue
        active.append(event)
        if event.undoes is not None:
            undone.add(event.undoes)
    return active[::-1]
