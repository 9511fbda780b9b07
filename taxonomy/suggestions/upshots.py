"""What a suggestion would change as things stand, and what became of its subject since.

A suggestion names labels and categories, as decisions do. What it was about may change before it is
answered: then it comes to something else, or to nothing, and says so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from taxonomy.events.decisions import (
    AddCategory,
    EditCategory,
    Gather,
    Merge,
    Rename,
    RetireCategory,
    Structural,
)
from taxonomy.events.payloads import Board, Payload
from taxonomy.events.replay import holder
from taxonomy.events.state import CategoryText

Topic = tuple[object, ...]


@dataclass(frozen=True)
class Part:
    """A group as a suggestion found it: its name, and those of its labels that are meant.

    Without a name it is no group: labels that were in none.
    """

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Suggestion:
    """A change that somebody would make: kind and payload of the event that it would have been.

    `before` are the texts that it would change, as they were.
    """

    act: int
    person_id: int
    kind: str
    payload: Payload
    parts: tuple[Part, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Upshot:
    """What a suggestion comes to as things stand.

    Suggestions of one topic exclude each other; those with one variant too are the same change.
    Without a decision it cannot be made, or is `done`: it is so already. `changes` say what became
    of its subject since; `names` are the names, now, of what it is about.
    """

    topic: Topic
    variant: Topic
    decision: Structural | None
    names: tuple[str, ...]
    changes: tuple[str, ...] = ()
    done: bool = False


def describe_subject(kind: str, payload: Payload, decision: Structural, board: Board) -> Payload:
    """What a change is about as things stand, in a form that JSON keeps."""
    parts: list[Part] = []
    if isinstance(decision, Merge):
        parts = [_whole(board, anchor) for anchor in dict.fromkeys(decision.anchors)]
    elif isinstance(decision, Rename):
        parts = [_whole(board, decision.anchor)]
    elif kind == "split":
        parts = _parts_of(board, payload["labels"])
    return {
        "parts": [[part.name, list(part.keys)] for part in parts],
        "before": _texts(board, payload) if "key" in payload else {},
    }


def read_subject(subject: Mapping[str, Any]) -> tuple[tuple[Part, ...], Mapping[str, Any]]:
    """The parts and the earlier texts as JSON kept them."""
    parts = tuple(Part(name, tuple(keys)) for name, keys in subject["parts"])
    return parts, subject["before"]


def keep_changes(decision: Structural, payload: Payload, board: Board) -> Payload:
    """A payload without the texts that stay as they are: forms send them all."""
    if isinstance(decision, Rename):
        same = payload["definition"] == board.state.groups[decision.anchor].definition
        return payload | ({"definition": None} if same else {})
    if not isinstance(decision, EditCategory):
        return payload
    now = _listed(board.state.categories[payload["key"]])
    return {name: text for name, text in payload.items() if name == "key" or text != now[name]}


def resolve(one: Suggestion, board: Board) -> Upshot:
    """What a suggestion comes to as things stand."""
    return _RULES[one.kind](one, board)


def _whole(board: Board, anchor: str) -> Part:
    return Part(board.state.groups[anchor].name, tuple(board.members[anchor]))


def _parts_of(board: Board, keys: Iterable[str]) -> list[Part]:
    """The groups that labels are in, each with those of the labels that it holds."""
    held: dict[str | None, list[str]] = {}
    for key in keys:
        held.setdefault(board.state.anchors[key], []).append(key)
    return [
        Part(board.state.groups[anchor].name if anchor is not None else "", tuple(some))
        for anchor, some in held.items()
    ]


def _texts(board: Board, payload: Payload) -> Payload:
    """The texts of the category that a payload names; none where it is new."""
    category = board.state.categories.get(payload["key"])
    into = board.state.categories.get(payload.get("into") or "")
    named = {"into": into.name} if into is not None else {}
    return named if category is None else {**_listed(category), **named}


def _listed(category: CategoryText) -> Payload:
    """The texts of a category as payloads hold them."""
    texts: Payload = dict(vars(category))
    return {name: list(text) if isinstance(text, tuple) else text for name, text in texts.items()}


def _merge(one: Suggestion, board: Board) -> Upshot:
    found = [_find(part, board) for part in one.parts]
    anchors = tuple(dict.fromkeys(anchor for anchor in found if anchor is not None))
    names = tuple(_name(part, at, board) for part, at in zip(one.parts, found, strict=True))
    topic: Topic = ("merge", frozenset(anchors))
    name = one.payload["name"]
    if None in found:
        lost = [part.name for part, at in zip(one.parts, found, strict=True) if at is None]
        topic = ("merge", frozenset(part.keys for part in one.parts))
        return Upshot(topic, (names, name), None, names, (f"“{lost[0]}” has no labels any more",))
    if len(anchors) < 2:
        return Upshot(topic, (name,), None, names, ("they are one cluster by now",), done=True)
    drifts = [_drift(part, at, board) for part, at in zip(one.parts, found, strict=True) if at]
    said = tuple(change for drift in drifts for change in drift)
    return Upshot(topic, (anchors, name), Merge(anchors, name), names, said)


def _rename(one: Suggestion, board: Board) -> Upshot:
    (part,) = one.parts
    anchor, name = _find(part, board), one.payload["name"]
    definition = one.payload["definition"]
    variant = (name, definition)
    if anchor is None:
        lost = (f"“{part.name}” has no labels any more",)
        return Upshot(("rename", part.keys), variant, None, (part.name,), lost)
    group, topic = board.state.groups[anchor], ("rename", anchor)
    if group.name == name and definition in (None, group.definition):
        return Upshot(topic, variant, None, (name,), ("it is called that by now",), done=True)
    said = _drift(part, anchor, board)
    return Upshot(topic, variant, Rename(anchor, name, definition), (group.name,), said)


def _split(one: Suggestion, board: Board) -> Upshot:
    known = [key for part in one.parts for key in part.keys if key in board.state.anchors]
    names = tuple(part.name for part in one.parts)
    topic, name = ("split", frozenset(known)), one.payload["name"]
    if not known:
        return Upshot(topic, (name,), None, names, ("none of its labels is there any more",))
    places = {board.state.anchors[key] for key in known}
    if len(places) == 1 and None not in places and set(board.members[places.pop()]) == set(known):
        said = ("these labels are a cluster of their own by now",)
        return Upshot(topic, (name,), None, names, said, done=True)
    changes = tuple(change for part in one.parts for change in _strayed(part, board))
    decision = Gather(tuple(board.ids[key] for key in known), name)
    return Upshot(topic, (name,), decision, names, changes)


def _strayed(part: Part, board: Board) -> list[str]:
    """Where those of a part's labels are by now that are not where they were."""
    missing = sum(key not in board.state.anchors for key in part.keys)
    places = Counter(board.state.anchors[key] for key in part.keys if key in board.state.anchors)
    said = [f"{_labels(missing)} not in this clustering"] if missing else []
    for anchor, count in places.items():
        now = "" if anchor is None else board.state.groups[anchor].name
        if now != part.name:
            where = f"in “{now}”" if anchor is not None else "in no cluster"
            said.append(f"{_labels(count)} {where} by now")
    return said


def _add(one: Suggestion, board: Board) -> Upshot:
    payload = one.payload
    topic, variant = ("add", payload["key"]), _frozen(payload)
    names = (payload["name"],)
    now = board.state.categories.get(payload["key"])
    if now is None:
        return Upshot(topic, variant, AddCategory(**_tuples(payload)), names)
    if _listed(now) == payload:
        return Upshot(topic, variant, None, names, ("it is there by now",), done=True)
    said = f"there is a category with the key {payload['key']} by now"
    return Upshot(topic, variant, None, names, (said,))


def _edit(one: Suggestion, board: Board) -> Upshot:
    payload, key = one.payload, one.payload["key"]
    topic, variant = ("edit", key), _frozen(payload)
    category = board.state.categories.get(key)
    if category is None:
        return Upshot(topic, variant, None, (one.before["name"],), ("it is retired by now",))
    now, names = _listed(category), (category.name,)
    open_texts = [name for name in payload if payload[name] != now[name]]
    if not open_texts:
        return Upshot(topic, variant, None, names, ("it reads so by now",), done=True)
    said = tuple(
        f"its {name.replace('_', ' ')} reads otherwise by now"
        for name in open_texts
        if now[name] != one.before[name]
    )
    return Upshot(topic, variant, EditCategory(**_tuples(payload)), names, said)


def _retire(one: Suggestion, board: Board) -> Upshot:
    key, into = one.payload["key"], one.payload["into"]
    topic, variant = ("retire", key), (into,)
    categories = board.state.categories
    names = tuple(
        categories[each].name if each in categories else one.before[then]
        for each, then in ((key, "name"), (into, "into"))
        if each is not None
    )
    if key not in categories:
        return Upshot(topic, variant, None, names, ("it is retired by now",), done=True)
    if into is not None and into not in categories:
        return Upshot(topic, variant, None, names, (f"“{names[1]}” is retired by now",))
    return Upshot(topic, variant, RetireCategory(key, into), names)


def _find(part: Part, board: Board) -> str | None:
    """The group that holds most of a part's labels now."""
    return holder(board.state, [key for key in part.keys if key in board.state.anchors])


def _name(part: Part, anchor: str | None, board: Board) -> str:
    return part.name if anchor is None else board.state.groups[anchor].name


def _drift(part: Part, anchor: str, board: Board) -> tuple[str, ...]:
    """What became of a group since a suggestion was made about the whole of it."""
    now, then, name = set(board.members[anchor]), set(part.keys), board.state.groups[anchor].name
    said = [f"“{part.name}” is “{name}” by now"] if name != part.name else []
    moved = [(len(then - now), "lost"), (len(now - then), "gained")]
    told = [f"{verb} {_labels(count)}" for count, verb in moved if count]
    return tuple([*said, f"“{name}” has {' and '.join(told)} since"] if told else said)


def _labels(count: int) -> str:
    return "1 label" if count == 1 else f"{count} labels"


def _tuples(payload: Payload) -> dict[str, Any]:
    """The texts of a payload as decisions hold them."""
    return {name: tuple(text) if isinstance(text, list) else text for name, text in payload.items()}


def _frozen(payload: Payload) -> Topic:
    return tuple(sorted(_tuples(payload).items()))


_RULES: dict[str, Callable[[Suggestion, Board], Upshot]] = {
    "merge": _merge,
    "rename": _rename,
    "split": _split,
    "add_category": _add,
    "edit_category": _edit,
    "retire_category": _retire,
}
