"""What changed about each category of a version, from its log and its parents'."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmodel import Session

from store.reviews import list_events
from store.tables import ReviewEvent, TaxonomyVersion
from store.taxonomies import get_version
from taxonomy.events.state import Event, active_events


def list_change_notes(session: Session, version: TaxonomyVersion) -> dict[str, list[str]]:
    """What changed about each category, by its key: when, in which version, and why.

    The version's own log and its parents' count; a category that came from a preset or a file has
    no note of that. What was undone is left out.
    """
    notes: dict[str, list[str]] = {}
    lineage = [version]
    while (parent_id := lineage[0].parent_id) is not None:
        lineage.insert(0, get_version(session, parent_id))
    for each in lineage:
        events = list_events(session, each.id)
        undone = _undone(events)
        for event in events:
            said = _CATEGORY_EVENTS.get(event.kind)
            if said is not None and event.id not in undone:
                note = f"{event.created_at:%Y-%m-%d}, {each.name}: {said(event.payload)}"
                note += f" ({event.reason})" if event.reason else ""
                for key in filter(None, (event.payload["key"], event.payload.get("into"))):
                    notes.setdefault(key, []).append(note)
    return notes


def _undone(events: Sequence[ReviewEvent]) -> set[int]:
    log = [Event(event.id, event.kind, event.payload, event.undoes_id) for event in events]
    return {event.id for event in log} - {event.id for event in active_events(log)}


def _edited(payload: Mapping[str, Any]) -> str:
    return "changed " + ", ".join(n.replace("_", " ") for n in payload if n != "key")


def _retired(payload: Mapping[str, Any]) -> str:
    into = payload.get("into")
    return f"retired {payload['key']}" + (f" into {into}" if into else "")


_CATEGORY_EVENTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "add_category": lambda payload: "added",
    "edit_category": _edited,
    "retire_category": _retired,
}
