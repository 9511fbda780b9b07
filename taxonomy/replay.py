"""The state of a review: what the events in force give on a base clustering, and nothing else."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """A group as the decisions left it; unreviewed labels take the category that it leans to."""

    name: str
    definition: str
    proposed_category: str | None
    lean: str | None


@dataclass(frozen=True)
class Marks:
    """What people remarked on a label without deciding: events by number, 0 for none."""

    flag: int = 0
    skip: int = 0
    comments: tuple[int, ...] = ()


@dataclass
class State:
    """Every label stands in one group or in none; a decided category outweighs its group's."""

    groups: dict[str, GroupState] = field(default_factory=dict)
    anchors: dict[str, str | None] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    instances: dict[str, int] = field(default_factory=dict)
    decided: dict[str, str | None] = field(default_factory=dict)
    categories: dict[str, CategoryText] = field(default_factory=dict)
    retired: dict[str, str | None] = field(default_factory=dict)
    marks: dict[str, Marks] = field(default_factory=dict)

    def copy(self) -> "State":
        """The same state, to be changed by itself; what it holds is never changed in place."""
        return State(
            dict(self.groups),
            dict(self.anchors),
            self.origins,
            self.instances,
            dict(self.decided),
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
        """Where a label's category comes from: reviewed, cluster, nearest or noise."""
        if key in self.decided:
            return "reviewed"
        if self.anchors[key] is None:
            return "noise"
        return self.origins[key] if self.origins[key] != "noise" else "cluster"

    def outcome(self, key: str) -> str:
        """The origin for a label with a category; noise or unassigned for one without."""
        if self.category(key) is not None:
            return self.origin(key)
        return "noise" if self.anchors[key] is None else "unassigned"

    def members(self, anchor: str) -> list[str]:
        """The labels of a group, in the order of the base."""
        return [key for key, place in self.anchors.items() if place == anchor]


def replay(base: Base, events: Sequence[Event]) -> State:
    """The state that the events in force give, in their order, on the base.

    An event about labels that the base lacks acts on the others that it names: so decisions
    outlive a new clustering.

    Identity: `replay(base, events + [undo of e])` is the replay of the events without e.
    """
    state = start(base)
    for event in active_events(events):
        apply(state, event)
    return state


def apply(state: State, event: Event) -> None:
    """Change a state as an event in force says; kinds that decide nothing change nothing."""
    if event.kind in _RULES:
        _RULES[event.kind](state, event)


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
        origins={label.key: label.origin for label in base.labels},
        instances={label.key: label.instances for label in base.labels},
    )


def _known(state: State, event: Event, name: str = "labels") -> list[str]:
    return [key for key in event.payload[name] if key in state.anchors]


def _holder(state: State, keys: Sequence[str]) -> str | None:
    """The group that holds most of the labels; instances, then the anchor break a tie."""
    labels, instances = Counter[str](), Counter[str]()
    for key in keys:
        anchor = state.anchors[key]
        if anchor is not None:
            labels[anchor] += 1
            instances[anchor] += state.instances[key]
    if not labels:
        return None
    return min(labels, key=lambda anchor: (-labels[anchor], -instances[anchor], anchor))


def _set_categories(state: State, event: Event) -> None:
    for entry in event.payload["categories"]:
        category = CategoryText.read(entry)
        state.categories[category.key] = category


def _rename(state: State, event: Event) -> None:
    anchor = _holder(state, _known(state, event))
    if anchor is None:
        return
    changes = {name: event.payload[name] for name in ("name", "definition")}
    given = {name: text for name, text in changes.items() if text is not None}
    state.groups[anchor] = replace(state.groups[anchor], **given)


def _merge(state: State, event: Event) -> None:
    keys = _known(state, event)
    target = _holder(state, _known(state, event, "into")) or _holder(state, keys)
    if target is None:
        return
    if event.payload["name"] is not None:
        state.groups[target] = replace(state.groups[target], name=event.payload["name"])
    for key in keys:
        state.anchors[key] = target


def _split(state: State, event: Event) -> None:
    keys = _known(state, event)
    if not keys:
        return
    source = _holder(state, keys)
    anchor = f"e{event.id}"
    parent = state.groups[source] if source is not None else GroupState("", "", None, None)
    state.groups[anchor] = replace(parent, name=event.payload["name"], definition="")
    for key in keys:
        state.anchors[key] = anchor


def _assign(state: State, event: Event) -> None:
    keys, category = _known(state, event), _in_use(state, event.payload["category"])
    for key in keys:
        state.decided[key] = category
        _settle(state, key)
    named = Counter(state.anchors[key] for key in set(keys))
    sizes = Counter(state.anchors.values())
    for anchor, count in named.items():
        if anchor is not None and 2 * count > sizes[anchor]:
            state.groups[anchor] = replace(state.groups[anchor], lean=category)


def _in_use(state: State, category: str | None) -> str | None:
    """The category itself, or the one that its labels went into when it was retired."""
    seen: set[str] = set()
    while category is not None and category not in state.categories and category not in seen:
        seen.add(category)
        category = state.retired.get(category, category)
    return category


def _mark_noise(state: State, event: Event) -> None:
    for key in _known(state, event):
        state.anchors[key] = None
        state.decided.pop(key, None)
        _settle(state, key)


def _settle(state: State, key: str) -> None:
    """A decision answers a flag and ends a skip; comments stay."""
    if key in state.marks:
        state.marks[key] = replace(state.marks[key], flag=0, skip=0)


def _remark(state: State, event: Event) -> None:
    for key in _known(state, event):
        marks = state.marks.get(key, Marks())
        if event.kind == "comment":
            state.marks[key] = replace(marks, comments=(*marks.comments, event.id))
        elif event.kind == "flag":
            state.marks[key] = replace(marks, flag=event.id)
        else:
            state.marks[key] = replace(marks, skip=event.id)


def _add_category(state: State, event: Event) -> None:
    _set_categories(state, replace(event, payload={"categories": [event.payload]}))
    state.retired.pop(event.payload["key"], None)


def _edit_category(state: State, event: Event) -> None:
    category = state.categories.get(event.payload["key"])
    if category is None:
        return
    given = {name: value for name, value in event.payload.items() if value is not None}
    given |= {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    state.categories[category.key] = replace(category, **given)


def _retire_category(state: State, event: Event) -> None:
    key, into = event.payload["key"], event.payload["into"]
    if state.categories.pop(key, None) is None:
        return
    state.retired[key] = into
    for label, category in state.decided.items():
        if category == key:
            state.decided[label] = into
    for anchor, group in state.groups.items():
        if group.lean == key:
            state.groups[anchor] = replace(group, lean=into)


_RULES: dict[str, Callable[[State, Event], None]] = {
    "start": _set_categories,
    "rename": _rename,
    "merge": _merge,
    "split": _split,
    "assign": _assign,
    "mark_noise": _mark_noise,
    "flag": _remark,
    "skip": _remark,
    "comment": _remark,
    "add_category": _add_category,
    "edit_category": _edit_category,
    "retire_category": _retire_category,
}
