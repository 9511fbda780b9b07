"""The state of a review: what the events in force give on a base clustering, and nothing else."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from taxonomy.events.state import (
    Base,
    CategoryText,
    Event,
    GroupState,
    Marks,
    State,
    active_events,
    start,
)


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


def _known(state: State, event: Event, name: str = "labels") -> list[str]:
    return [key for key in event.payload[name] if key in state.anchors]


def holder(state: State, keys: Sequence[str]) -> str | None:
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
    anchor = holder(state, _known(state, event))
    if anchor is None:
        return
    changes = {name: event.payload[name] for name in ("name", "definition")}
    given = {name: text for name, text in changes.items() if text is not None}
    state.groups[anchor] = replace(state.groups[anchor], **given)


def _merge(state: State, event: Event) -> None:
    keys = _known(state, event)
    target = holder(state, _known(state, event, "into")) or holder(state, keys)
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
    source = holder(state, keys)
    anchor = f"e{event.id}"
    parent = state.groups[source] if source is not None else GroupState("", "", None, None)
    state.groups[anchor] = replace(parent, name=event.payload["name"], definition="")
    for key in keys:
        state.anchors[key] = anchor


def _assign(state: State, event: Event) -> None:
    keys, category = _known(state, event), state.heir(event.payload["category"])
    for key in keys:
        state.decide(key, category, state.anchors[key])
        _settle(state, key)
    named = Counter(state.anchors[key] for key in set(keys))
    sizes = Counter(filter(named.__contains__, state.anchors.values()))
    for anchor, count in named.items():
        if anchor is not None and 2 * count > sizes[anchor]:
            state.groups[anchor] = replace(state.groups[anchor], lean=category, settled=True)


def _mark_noise(state: State, event: Event) -> None:
    for key in _known(state, event):
        state.decide(key, None, None)
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
