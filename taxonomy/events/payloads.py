"""Decisions as they are written down: checked against the state, labels by their keys."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from taxonomy.events import decisions as told
from taxonomy.events.decisions import (
    REMARKS,
    TEXT_LIMIT,
    Decision,
    DecisionError,
    UnknownNameError,
    clean_key,
    clean_line,
    clean_optional,
)
from taxonomy.events.state import State

Payload = dict[str, Any]


@dataclass(frozen=True)
class Board:
    """The state that a decision is about, and the key of each label by its number."""

    state: State
    keys: Mapping[int, str]

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The number of each label by its key."""
        return {key: number for number, key in self.keys.items()}

    @cached_property
    def members(self) -> Mapping[str | None, Sequence[str]]:
        """The labels of each group that has any, and under None those in no group."""
        found: defaultdict[str | None, list[str]] = defaultdict(list)
        for key, anchor in self.state.anchors.items():
            found[anchor].append(key)
        return dict(found)

    def group(self, anchor: str) -> list[str]:
        """The labels of a group.

        Raises:
            UnknownNameError: there is no such group, or it is empty by now.
        """
        members = self.state.members(anchor)
        if not members:
            raise UnknownNameError(f"expected a group named {anchor[:50]!r}, found none; reload")
        return members

    def labels(self, label_ids: Sequence[int]) -> list[str]:
        """The keys of labels, each once.

        Raises:
            UnknownNameError: a number is no label of this version.
            DecisionError: none is given.
        """
        if not label_ids:
            raise DecisionError("expected at least one label, got none; choose some")
        unknown = [label_id for label_id in label_ids if label_id not in self.keys]
        if unknown:
            raise UnknownNameError(
                f"expected labels of this version, but it lacks number {unknown[0]}"
            )
        return [self.keys[label_id] for label_id in dict.fromkeys(label_ids)]

    def category(self, key: str) -> str:
        """The key of a category in use.

        Raises:
            UnknownNameError: there is none.
        """
        if key not in self.state.categories:
            raise UnknownNameError(f"expected a category of this version, found no {key[:100]!r}")
        return key


def describe(decision: Decision, board: Board) -> tuple[str, Payload]:
    """The kind and the payload of the event that a decision becomes.

    Raises:
        DecisionError: it breaks a rule.
        UnknownNameError: it names a group, a label or a category that is not there.
    """
    match decision:
        case told.Rename():
            return "rename", _rename(decision, board)
        case told.Merge():
            return "merge", _merge(decision, board)
        case told.Split():
            return "split", _split(decision, board)
        case told.Gather():
            return "split", _gather(decision, board)
        case told.Assign():
            return "assign", _assign(decision, board)
        case told.MarkNoise():
            return "mark_noise", {"labels": board.labels(decision.label_ids)}
        case told.Remark():
            return decision.kind, _remark(decision, board)
        case _:
            return _describe_category(decision, board)


def _describe_category(
    decision: told.AddCategory | told.EditCategory | told.RetireCategory, board: Board
) -> tuple[str, Payload]:
    match decision:
        case told.AddCategory():
            return "add_category", _add_category(decision, board)
        case told.EditCategory():
            return "edit_category", _edit_category(decision, board)
        case told.RetireCategory():
            return "retire_category", _retire_category(decision, board)


def _rename(decision: told.Rename, board: Board) -> Payload:
    definition = decision.definition
    return {
        "labels": board.group(decision.anchor),
        "name": clean_line(decision.name, "a name"),
        "definition": None if definition is None else clean_optional(definition, "a definition"),
    }


def _merge(decision: told.Merge, board: Board) -> Payload:
    anchors = list(dict.fromkeys(decision.anchors))
    if len(anchors) < 2:
        raise DecisionError(f"expected two groups or more to merge, got {len(anchors)}")
    groups = [board.group(anchor) for anchor in anchors]
    return {
        "labels": [key for group in groups for key in group],
        "into": groups[0],
        "name": None if decision.name is None else clean_line(decision.name, "a name"),
    }


def _split(decision: told.Split, board: Board) -> Payload:
    members = set(board.group(decision.anchor))
    keys = board.labels(decision.label_ids)
    strangers = [key for key in keys if key not in members]
    if strangers:
        raise DecisionError(f"expected labels of the group, but {strangers[0]!r} is not in it")
    if len(keys) == len(members):
        raise DecisionError("expected some labels to stay in the group, but all were chosen")
    return {"labels": keys, "name": clean_line(decision.name, "a name")}


def _gather(decision: told.Gather, board: Board) -> Payload:
    return {"labels": board.labels(decision.label_ids), "name": clean_line(decision.name, "a name")}


def _assign(decision: told.Assign, board: Board) -> Payload:
    if (decision.anchor is None) == (not decision.label_ids):
        raise DecisionError("expected either a group or labels to assign")
    if decision.anchor is not None:
        keys = board.group(decision.anchor)
    else:
        keys = board.labels(decision.label_ids)
    category = decision.category
    return {"labels": keys, "category": None if category is None else board.category(category)}


def _remark(decision: told.Remark, board: Board) -> Payload:
    if decision.kind not in REMARKS:
        raise DecisionError(f"expected flag, skip or comment, got {decision.kind[:20]!r}")
    text = clean_optional(decision.text, f"a {decision.kind}")
    if decision.kind == "comment" and not text:
        raise DecisionError("expected a comment, got nothing")
    return {"labels": _remarked(decision, board), "text": text}


def _remarked(decision: told.Remark, board: Board) -> list[str]:
    if (decision.anchor is None) == (not decision.label_ids):
        raise DecisionError("expected either a group or labels to remark on")
    if decision.anchor is not None:
        return board.group(decision.anchor)
    keys = [key for key in board.labels(decision.label_ids) if board.state.anchors[key] is not None]
    if not keys:
        raise DecisionError(
            f"expected labels of a cluster to {decision.kind}, but these are in none; put them in "
            "one, or in a category"
        )
    return keys


def _add_category(decision: told.AddCategory, board: Board) -> Payload:
    if decision.key in board.state.categories:
        raise DecisionError(f"expected a new key, but there is a category {decision.key!r}")
    return {"key": clean_key(decision.key), **_texts(asdict(decision))}


def _edit_category(decision: told.EditCategory, board: Board) -> Payload:
    texts = {name: text for name, text in asdict(decision).items() if text is not None}
    if len(texts) == 1:
        raise DecisionError("expected a text to change, got none")
    return {"key": board.category(decision.key), **_texts(texts)}


def _texts(texts: Mapping[str, Any]) -> Payload:
    checked: Payload = {}
    for name in ("name", "macro_strategy"):
        if name in texts:
            checked[name] = clean_line(texts[name], f"a {name.replace('_', ' ')}")
    if "definition" in texts:
        checked["definition"] = clean_line(texts["definition"], "a definition", TEXT_LIMIT)
    if "scope_note" in texts:
        checked["scope_note"] = clean_optional(texts["scope_note"], "a scope note")
    for name in ("examples", "counter_examples"):
        if name in texts:
            checked[name] = [clean_line(text, "an example") for text in texts[name]]
    return checked


def _retire_category(decision: told.RetireCategory, board: Board) -> Payload:
    key, into = board.category(decision.key), decision.into
    if into == key:
        raise DecisionError("expected another category to take the labels, got the retired one")
    return {"key": key, "into": None if into is None else board.category(into)}
