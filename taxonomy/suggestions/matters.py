"""What suggestions put before the curator: who would make the same change, and who another."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taxonomy.events.decisions import DecisionError
from taxonomy.events.payloads import Board, Payload, describe
from taxonomy.events.state import State
from taxonomy.suggestions.upshots import Suggestion, Topic, Upshot, resolve

DECLINE = "decline"


@dataclass(frozen=True)
class Change:
    """One change, with everybody who suggested it, the first one first.

    `print` is a hash of the event that it would become now; "" where it cannot be made.
    """

    suggestions: tuple[Suggestion, ...]
    upshot: Upshot
    print: str

    @property
    def people(self) -> list[int]:
        """Who suggested it."""
        return [one.person_id for one in self.suggestions]

    @property
    def acts(self) -> list[int]:
        """The numbers of the suggestions."""
        return [one.act for one in self.suggestions]


@dataclass(frozen=True)
class Matter:
    """Changes that exclude each other, those that most people suggested first."""

    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """The change that most people suggested."""
        return self.changes[0]

    @property
    def acts(self) -> list[int]:
        """The numbers of all its suggestions."""
        return [act for change in self.changes for act in change.acts]


def gather_matters(suggestions: Iterable[Suggestion], board: Board) -> list[Matter]:
    """The matters of open suggestions; of each person the newest on a topic counts.

    What is so already is none. Those of most people come first, then the oldest.

    Identity: the order of the suggestions does not matter.
    """
    newest: dict[tuple[Topic, int], tuple[Suggestion, Upshot]] = {}
    for one in sorted(suggestions, key=lambda one: one.act):
        upshot = resolve(one, board)
        newest[upshot.topic, one.person_id] = (one, upshot)
    topics: dict[Topic, dict[Topic, list[tuple[Suggestion, Upshot]]]] = {}
    for found in (pair for pair in newest.values() if not pair[1].done):
        alike = topics.setdefault(found[1].topic, {})
        alike.setdefault(found[1].variant, []).append(found)
    matters = [_matter(list(alike.values()), board) for alike in topics.values()]
    return sorted(matters, key=lambda one: (-len(one.acts), min(one.acts)))


def _matter(alike: Sequence[Sequence[tuple[Suggestion, Upshot]]], board: Board) -> Matter:
    changes = [_change(found, board) for found in alike]
    return Matter(tuple(sorted(changes, key=lambda one: (-len(one.acts), min(one.acts)))))


def _change(found: Sequence[tuple[Suggestion, Upshot]], board: Board) -> Change:
    """The same change of some people; what has changed since is told of the oldest suggestion."""
    ordered = sorted(found, key=lambda pair: pair[0].act)
    upshot = ordered[0][1]
    return Change(tuple(one for one, _ in ordered), upshot, _print(upshot, board))


def _print(upshot: Upshot, board: Board) -> str:
    if upshot.decision is None:
        return ""
    try:
        return fingerprint(*describe(upshot.decision, board))
    except DecisionError:  # a rule that held when it was suggested holds no more
        return ""


def fingerprint(kind: str, payload: Payload) -> str:
    """The sha256 of an event: what it names, and what it makes of that."""
    return hashlib.sha256(json.dumps([kind, payload], sort_keys=True).encode()).hexdigest()


def touched_categories(matter: Matter, state: State) -> set[str]:
    """The categories that a matter is about, or whose clusters it is about."""
    found: set[str | None] = set()
    for one in (one for change in matter.changes for one in change.suggestions):
        found |= (
            {one.payload.get("key"), one.payload.get("into")} if "key" in one.payload else set()
        )
        keys = [key for part in one.parts for key in part.keys if key in state.anchors]
        found |= {state.category(key) for key in keys}
    return {key for key in found if key in state.categories and key is not None}
