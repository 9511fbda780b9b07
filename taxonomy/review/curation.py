"""Review: the state of a version, decisions that become events, and undo, which is one more event.

Decisions are written down with the keys of the labels that they are about, so that they outlive
another clustering. A version made from a parent goes on from the parent's decisions.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from store import audit
from store.audit import Actor
from store.errors import Conflict, InvalidInput, NotFound
from store.reviews import append_event, get_event, lock_version
from store.states import VersionStatus
from store.tables import ReviewEvent, TaxonomyVersion
from taxonomy.events.decisions import (
    AddCategory,
    Assign,
    Decision,
    DecisionError,
    EditCategory,
    Gather,
    MarkNoise,
    Merge,
    Remark,
    Rename,
    RetireCategory,
    Split,
    UnknownNameError,
    clean_optional,
)
from taxonomy.events.payloads import Board, describe
from taxonomy.events.state import Event, active_events
from taxonomy.review.conflicts import find_clash
from taxonomy.review.layering import RECLUSTER, find_run
from taxonomy.review.review_state import ReviewState, get_review_state
from taxonomy.review.standing import Standing, stand
from taxonomy.review.undoing import UNDOABLE_KINDS, require_undoable
from taxonomy.review.views import CategoryView, Group, LabelView, PlacedLabel, Progress

__all__ = [
    "AddCategory",
    "Assign",
    "CategoryView",
    "Checked",
    "Decision",
    "EditCategory",
    "Gather",
    "Group",
    "LabelView",
    "MarkNoise",
    "Merge",
    "PlacedLabel",
    "Progress",
    "Remark",
    "Rename",
    "RetireCategory",
    "ReviewState",
    "Split",
    "check",
    "decide",
    "get_review_state",
    "undo",
]


def decide(
    session: Session,
    version_id: int,
    decision: Decision,
    *,
    person: Actor | None,
    seen_revision: int | None,
    reason: str | None = None,
) -> ReviewEvent:
    """Write a decision down as an event; without a person it was the command line.

    Raises:
        NotFound: there is no such version, group, label or category.
        Conflict: somebody decided about the same labels or categories since `seen_revision`.
        FrozenVersion: the version is frozen, or was.
        InvalidInput: the decision breaks a rule, or the version is approved.
    """
    checked = check(session, version_id, decision, seen_revision=seen_revision)
    return _write(session, checked.version, checked.kind, checked.payload, person, reason)


@dataclass(frozen=True)
class Checked:
    """A decision that may be taken, and the version, locked, that it is about."""

    version: TaxonomyVersion
    standing: Standing
    kind: str
    payload: dict[str, Any]


def check(
    session: Session, version_id: int, decision: Decision, *, seen_revision: int | None
) -> Checked:
    """Lock the version, and see whether the decision may be taken on it as it stands.

    Raises:
        NotFound, Conflict, FrozenVersion, InvalidInput: as `decide` does.
    """
    version = open_version(session, version_id)
    standing = stand(session, version)
    late = seen_revision is not None and seen_revision != version.revision
    try:
        kind, payload = describe(decision, Board(standing.state, standing.clustering.keys))
    except UnknownNameError as error:
        raise _late(version) if late else NotFound(str(error)) from error
    except DecisionError as error:
        raise _late(version) if late else InvalidInput(str(error)) from error
    _require_no_clash(version, standing, seen_revision, kind, payload)
    return Checked(version, standing, kind, payload)


def undo(
    session: Session,
    version_id: int,
    *,
    person: Actor | None,
    event_id: int | None = None,
    seen_revision: int | None,
    reason: str | None = None,
) -> ReviewEvent:
    """Take back an event, by default the newest decision in force; of an undo, that is redo.

    Raises:
        NotFound: the version has no such event, or none to undo.
        Conflict: somebody decided about the same things since `seen_revision`; without a number,
            about anything.
        InvalidInput: the event is undone already, tells of the version's life, or made a category
            that a later decision in force uses.
    """
    version = open_version(session, version_id)
    standing = stand(session, version)
    if event_id is None:  # which one is the newest is what the person saw
        _require_seen(version, seen_revision)
        event_id = next((event.id for event in standing.in_force[::-1] if _decides(event)), None)
    if event_id is None:
        raise NotFound(f"expected a decision to undo in {version.name}, found none")
    target = get_event(session, version_id, event_id)
    try:
        require_undoable(Event(target.id, target.kind, target.payload), standing.in_force)
    except DecisionError as error:
        raise InvalidInput(str(error)) from error
    _require_no_clash(version, standing, seen_revision, "undo", {}, target.id)
    event = _write(session, version, "undo", {}, person, reason, target.id)
    _stand_back(version, (*standing.own, Event(event.id, event.kind, {}, target.id)))
    return event


def _stand_back(version: TaxonomyVersion, own: tuple[Event, ...]) -> None:
    """Put the version on the clusters that its events in force lead to."""
    if any(event.kind == RECLUSTER for event in own):
        version.cluster_run_id = find_run(own, active_events(own), version.cluster_run_id)


def _decides(event: Event) -> bool:
    return event.kind in UNDOABLE_KINDS


def _late(version: TaxonomyVersion) -> Conflict:
    return Conflict(
        f"somebody changed {version.name} meanwhile, and what this is about with it; look at it "
        "again and repeat the decision"
    )


def _require_seen(version: TaxonomyVersion, seen_revision: int | None) -> None:
    if seen_revision is not None and seen_revision != version.revision:
        raise _late(version)


def _require_no_clash(
    version: TaxonomyVersion,
    standing: Standing,
    seen_revision: int | None,
    kind: str,
    payload: dict[str, Any],
    undoes_id: int | None = None,
) -> None:
    """Let a decision pass that others made since, unless it is about the same things."""
    if seen_revision is None or seen_revision == version.revision:
        return
    unknown = seen_revision > version.revision
    if unknown or find_clash(standing.own, seen_revision, kind, payload, undoes_id) is not None:
        raise _late(version)


def open_version(session: Session, version_id: int) -> TaxonomyVersion:
    """A version that takes decisions, held until the transaction ends.

    Raises:
        NotFound: there is no such version.
        FrozenVersion: it is frozen, or was. InvalidInput: it is approved.
    """
    version = lock_version(session, version_id)
    if version.status == VersionStatus.APPROVED:
        raise InvalidInput(
            f"{version.name} is approved as it stands; run `mralign taxonomy reopen "
            f"{version.name}` to go on reviewing it"
        )
    return version


def _write(
    session: Session,
    version: TaxonomyVersion,
    kind: str,
    payload: dict[str, Any],
    person: Actor | None,
    reason: str | None,
    undoes_id: int | None = None,
) -> ReviewEvent:
    why = check_reason(reason)
    event = append_event(session, version, kind, payload, person, why, undoes_id)
    detail = {"event": event.id, "revision": event.revision, "undoes": undoes_id}
    audit.record(session, person, f"review.{kind}", f"taxonomy {version.name}", **detail)
    return event


def check_reason(reason: str | None) -> str | None:
    """The reason on one line, None where none is given.

    Raises:
        InvalidInput: it is too long, or holds control characters.
    """
    try:
        return clean_optional(reason or "", "a reason") or None
    except DecisionError as error:
        raise InvalidInput(str(error)) from error
