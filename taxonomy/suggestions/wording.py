"""Suggested changes in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from taxonomy.suggestions.upshots import Suggestion

Payload = Mapping[str, Any]
Names = Sequence[str]


def names_then(one: Suggestion) -> list[str]:
    """What the subject of a suggestion was called when it was made."""
    if one.kind in ("edit_category", "retire_category"):
        return [one.before[name] for name in ("name", "into") if name in one.before]
    return [part.name for part in one.parts]


def tell_change(one: Suggestion, names: Names) -> str:
    """What a suggestion would do, its subject under these names; it goes after “to”."""
    return _WORDS[one.kind](one.payload, names)


def _quoted(names: Names) -> str:
    each = [f"“{name}”" if name else "no cluster" for name in names]
    return ", ".join(each[:-1]) + " and " + each[-1] if len(each) > 1 else each[0]


def _merge(payload: Payload, names: Names) -> str:
    named = f", as “{payload['name']}”" if payload["name"] else ""
    return f"merge {_quoted(names[1:])} into “{names[0]}”{named}"


def _rename(payload: Payload, names: Names) -> str:
    if payload["name"] == names[0]:
        return f"define “{names[0]}” otherwise"
    also = ", with another definition" if payload["definition"] is not None else ""
    return f"rename “{names[0]}” to “{payload['name']}”{also}"


def _split(payload: Payload, names: Names) -> str:
    count = len(payload["labels"])
    labels = "1 label" if count == 1 else f"{count} labels"
    return f"make a cluster “{payload['name']}” of {labels} of {_quoted(names)}"


def _edit(payload: Payload, names: Names) -> str:
    texts = [name.replace("_", " ") for name in payload if name != "key"]
    listed = ", ".join(texts[:-1]) + " and " + texts[-1] if len(texts) > 1 else texts[0]
    return f"change {listed} of “{names[0]}”"


def _retire(payload: Payload, names: Names) -> str:
    into = f" into “{names[1]}”" if payload["into"] else ", its labels into no category"
    return f"retire “{names[0]}”{into}"


_WORDS: dict[str, Callable[[Payload, Names], str]] = {
    "merge": _merge,
    "rename": _rename,
    "split": _split,
    "add_category": lambda payload, names: f"add the category “{payload['name']}”",
    "edit_category": _edit,
    "retire_category": _retire,
}
