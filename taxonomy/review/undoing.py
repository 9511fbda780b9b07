"""What may be undone: decisions in force that nothing later stands on, and undos."""

from collections.abc import Sequence

from taxonomy.events.decisions import DecisionError
from taxonomy.events.state import Event
from taxonomy.review.layering import RECLUSTER

# The other kinds tell of the version's life; of those one may undo another clustering, by name.
UNDOABLE_KINDS = frozenset(
    {
        "rename",
        "merge",
        "split",
        "assign",
        "mark_noise",
        "flag",
        "skip",
        "comment",
        "add_category",
        "edit_category",
        "retire_category",
        "approve_rows",
        "decline",
    }
)


def require_undoable(target: Event, in_force: Sequence[Event]) -> None:
    """Refuse to undo what is undone, what is no decision, and a category that is in use.

    Raises:
        DecisionError: the message says which.
    """
    if target.kind not in UNDOABLE_KINDS | {RECLUSTER, "undo"}:
        raise DecisionError(f"expected a decision to undo, got the event {target.kind!r}")
    if target.id not in {event.id for event in in_force}:
        raise DecisionError(f"expected a decision in force, but event {target.id} is undone")
    if target.kind != "add_category":
        return
    key = target.payload["key"]
    users = [event for event in in_force if event.id > target.id and key in _categories(event)]
    if users:
        raise DecisionError(
            f"expected nothing to use {key!r} any more, but event {users[-1].id} does; undo that "
            "first, or retire the category"
        )


def _categories(event: Event) -> set[str]:
    """The keys of the categories that an event is about."""
    used = {event.payload["category"]} if event.kind == "assign" else set()
    if event.kind in ("edit_category", "retire_category"):
        used = {event.payload["key"], event.payload.get("into")}
    return {key for key in used if key is not None}
