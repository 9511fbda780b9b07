"""Who came too late: a decision conflicts with another about the same labels or categories."""

from collections.abc import Mapping, Sequence
from typing import Any

from taxonomy.events.decisions import REMARKS
from taxonomy.events.state import Event
from taxonomy.review.layering import RECLUSTER

Touched = frozenset[tuple[str, str]]


def touched(kind: str, payload: Mapping[str, Any]) -> Touched:
    """The labels and categories that a decision changes; a remark changes none."""
    if kind in REMARKS:
        return frozenset()
    if kind in ("add_category", "edit_category", "retire_category"):
        named = {payload["key"], payload.get("into")}
        return frozenset(("category", key) for key in named if key is not None)
    keys = (*payload.get("labels", ()), *payload.get("into", ()))
    return frozenset(("label", key) for key in keys)


def leaned_on(payload: Mapping[str, Any]) -> Touched:
    """The category that a decision puts labels in, which it does not change."""
    key = payload.get("category")
    return frozenset() if key is None else frozenset({("category", key)})


def find_clash(
    events: Sequence[Event], seen: int, kind: str, payload: Mapping[str, Any], undoes: int | None
) -> Event | None:
    """The first event after the `seen` ones that is about something that the decision is about.

    Without one the decision would have been the same, had the person seen those events.
    """
    by_id = {event.id: event for event in events}
    kind, payload = _meant(Event(0, kind, payload, undoes), by_id)
    own, leans = touched(kind, payload), leaned_on(payload)
    for event in events[seen:]:
        other_kind, other = _meant(event, by_id)
        if other_kind == RECLUSTER and "labels" not in other:  # groups are other groups now
            return event
        theirs = touched(other_kind, other)
        if theirs & (own | leans) or own & leaned_on(other):
            return event
    return None


def _meant(event: Event, by_id: Mapping[int, Event]) -> tuple[str, Mapping[str, Any]]:
    """The decision that an undo takes back, or brings back, at the end of it."""
    while event.undoes is not None and event.undoes in by_id:
        event = by_id[event.undoes]
    return event.kind, event.payload
