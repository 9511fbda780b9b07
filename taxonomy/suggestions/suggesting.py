"""Suggestions: what blind reviewers would change for everybody, and the curator's answers to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from store import audit
from store import suggestions as kept
from store.audit import Actor
from store.errors import Conflict, InvalidInput
from store.people import list_people
from store.review_tables import Suggestion as Row
from store.reviews import append_event, get_event, lock_version
from store.tables import ReviewEvent
from store.taxonomies import get_version
from taxonomy.events.decisions import Structural
from taxonomy.events.payloads import Board
from taxonomy.review import judging
from taxonomy.review.curation import check, check_reason, decide, open_version
from taxonomy.review.standing import Standing, stand
from taxonomy.suggestions.matters import DECLINE, Change, Matter, fingerprint, gather_matters
from taxonomy.suggestions.upshots import (
    Suggestion,
    Upshot,
    describe_subject,
    keep_changes,
    read_subject,
    resolve,
)


@dataclass(frozen=True)
class Kept:
    """A suggestion that stands, what it comes to now, and what became of it.

    `fate` is open, adopted, declined, another (was adopted), done (it is so by now), or withdrawn.
    """

    suggestion: Suggestion
    upshot: Upshot
    fate: str
    at: datetime
    reason: str = ""


def suggest(
    session: Session,
    version_id: int,
    decision: Structural,
    *,
    person: Actor,
    seen_revision: int | None,
) -> int:
    """Write down a change that a person would make; the number of the deed. Nothing else changes.

    Raises:
        InvalidInput: it breaks a rule, is so already, or is suggested by this person already.
        NotFound, Conflict, FrozenVersion: as for a decision.
    """
    checked = check(session, version_id, decision, seen_revision=seen_revision)
    board, kind = board_of(checked.standing), checked.kind
    payload = keep_changes(decision, checked.payload, board)
    subject = describe_subject(kind, payload, decision, board)
    new = Suggestion(0, person.id, kind, payload, *read_subject(subject))
    _require_new(session, version_id, new, checked.standing)
    row = kept.add_suggestion(session, checked.version, person, kind, payload, subject)
    name = f"taxonomy {checked.version.name}"
    audit.record(session, person, "review.suggest", name, act=row.act, kind=kind)
    return row.act


def _require_new(session: Session, version_id: int, new: Suggestion, standing: Standing) -> None:
    board = board_of(standing)
    upshot = resolve(new, board)
    if upshot.done:
        raise InvalidInput(f"expected a change to suggest, but {upshot.changes[0]}")
    for one in _list_open(session, version_id, standing, new.person_id):
        other = resolve(one, board)
        if (other.topic, other.variant) == (upshot.topic, upshot.variant):
            raise InvalidInput("you suggested this already; a curator answers it")


def board_of(standing: Standing) -> Board:
    """What suggestions are resolved against."""
    return Board(standing.state, standing.clustering.keys)


def _read(row: Row) -> Suggestion:
    return Suggestion(row.act, row.person_id, row.kind, row.payload, *read_subject(row.subject))


def _list_open(
    session: Session, version_id: int, standing: Standing, person_id: int | None = None
) -> list[Suggestion]:
    """Those that no decision in force answers."""
    in_force = {event.id for event in standing.in_force}
    rows = kept.list_suggestions(session, version_id, person_id=person_id)
    return [_read(row) for row in rows if row.event_id not in in_force]


def list_matters(session: Session, version_id: int) -> list[Matter]:
    """What suggestions put before the curator."""
    standing = stand(session, get_version(session, version_id))
    return gather_matters(_list_open(session, version_id, standing), board_of(standing))


def list_own(session: Session, version_id: int, person_id: int) -> list[Kept]:
    """What a person suggested and did not withdraw, the newest first."""
    rows = kept.list_suggestions(session, version_id, person_id=person_id)
    if not rows:
        return []
    standing = stand(session, get_version(session, version_id))
    board = board_of(standing)
    return [_tell(session, row, standing, board) for row in rows[::-1]]


def find_own(session: Session, version_id: int, act: int, person_id: int) -> Kept | None:
    """A suggestion of a person, withdrawn or not; nobody else's."""
    row = kept.find_suggestion(session, version_id, act, person_id)
    if row is None:
        return None
    standing = stand(session, get_version(session, version_id))
    return _tell(session, row, standing, board_of(standing))


def _tell(session: Session, row: Row, standing: Standing, board: Board) -> Kept:
    one = _read(row)
    upshot = resolve(one, board)
    if row.withdrawn_at is not None:
        return Kept(one, upshot, "withdrawn", row.withdrawn_at)
    if row.event_id not in {event.id for event in standing.in_force}:
        return Kept(one, upshot, "done" if upshot.done else "open", row.created_at)
    event = get_event(session, row.version_id, row.event_id)
    fate = "declined" if event.kind == DECLINE else "adopted" if row.adopted else "another"
    return Kept(one, upshot, fate, event.created_at, event.reason or "")


def take_back(session: Session, version_id: int, act: int, *, person: Actor) -> None:
    """Withdraw a deed of one's own: a suggestion that nobody answered, or a verdict.

    Raises:
        NotFound: the person has no such deed.
        InvalidInput: it is withdrawn already, or answered, or the version takes no decisions.
        FrozenVersion: the version never changes.
    """
    row = kept.find_suggestion(session, version_id, act, person.id)
    if row is None:
        judging.withdraw(session, version_id, act, person=person)
        return
    version = open_version(session, version_id)
    session.refresh(row)  # an answer may have come before the lock
    if row.withdrawn_at is not None:
        raise InvalidInput(f"expected a suggestion that stands, but {act} is withdrawn")
    if row.event_id in {event.id for event in stand(session, version).in_force}:
        raise InvalidInput("a curator answered this suggestion; ask them to undo the answer")
    kept.withdraw_suggestion(session, row)
    audit.record(session, person, "review.withdraw", f"taxonomy {version.name}", act=act)


def adopt(
    session: Session,
    version_id: int,
    act: int,
    seen: str,
    *,
    person: Actor,
    seen_revision: int | None,
    reason: str = "",
) -> ReviewEvent:
    """Make a suggested change, as it was seen: `seen` is the fingerprint of the event.

    Everybody who suggested the same is answered with it, and whoever suggested another change of
    the same thing.

    Raises:
        Conflict: it comes to something else by now, was withdrawn or answered, or somebody decided
            about the same things since `seen_revision`.
        NotFound, FrozenVersion, InvalidInput: as for a decision.
    """
    lock_version(session, version_id)
    matter, change = _find(session, version_id, act)
    decision = change.upshot.decision
    if decision is None or change.print != seen:
        raise Conflict("this suggestion comes to something else by now; look at it again")
    count = len(change.acts)
    why = f"suggested by {count} reviewer{'s' if count != 1 else ''}"
    why += f": {reason.strip()}" if reason.strip() else ""
    event = decide(
        session, version_id, decision, person=person, seen_revision=seen_revision, reason=why
    )
    _answer(session, version_id, matter, change, event)
    _record(session, version_id, "review.adopt", person, [change], event)
    return event


def decide_for_all(
    session: Session,
    version_id: int,
    decision: Structural,
    *,
    person: Actor,
    seen_revision: int | None,
    reason: str | None,
) -> ReviewEvent:
    """Take a curator's own decision; where it is just what was suggested, it answers that too.

    Raises:
        NotFound, Conflict, FrozenVersion, InvalidInput: as for a decision.
    """
    lock_version(session, version_id)
    standing = stand(session, get_version(session, version_id))
    matters = gather_matters(_list_open(session, version_id, standing), board_of(standing))
    event = decide(
        session, version_id, decision, person=person, seen_revision=seen_revision, reason=reason
    )
    made = fingerprint(event.kind, event.payload)
    for matter in matters:
        for change in matter.changes:
            if change.print == made:
                _answer(session, version_id, matter, change, event)
                _record(session, version_id, "review.adopt", person, [change], event)
    return event


def _answer(
    session: Session, version_id: int, matter: Matter, adopted: Change, event: ReviewEvent
) -> None:
    """Answer a whole matter: of changes that exclude each other one is made."""
    for each in matter.changes:
        kept.answer_suggestions(session, version_id, each.acts, event.id, adopted=each is adopted)


def decline(
    session: Session, version_id: int, acts: Sequence[int], *, person: Actor, reason: str
) -> ReviewEvent:
    """Decline suggestions of one matter, with a reason that those who made them see.

    Raises:
        InvalidInput: no reason is given, or the version is approved.
        Conflict: one was withdrawn or answered meanwhile, or somebody made another since.
        FrozenVersion: the version never changes.
    """
    version = open_version(session, version_id)
    why = check_reason(reason)
    if why is None or not acts:
        raise InvalidInput("expected a reason, got none; say why, the reviewers see it")
    matter, change = _find(session, version_id, acts[0])
    if set(matter.acts) != set(acts):
        raise Conflict("others suggested or withdrew something here meanwhile; look at it again")
    first = change.suggestions[0]
    payload = {"kind": first.kind, "suggested": first.payload, "acts": list(acts)}
    event = append_event(session, version, DECLINE, payload, person, why)
    kept.answer_suggestions(session, version_id, acts, event.id, adopted=False)
    _record(session, version_id, "review.decline", person, matter.changes, event)
    return event


def _find(session: Session, version_id: int, act: int) -> tuple[Matter, Change]:
    for matter in list_matters(session, version_id):
        for change in matter.changes:
            if act in change.acts:
                return matter, change
    raise Conflict("this suggestion was withdrawn or answered meanwhile; look at the list again")


def _record(
    session: Session,
    version_id: int,
    action: str,
    person: Actor,
    changes: Sequence[Change],
    event: ReviewEvent,
) -> None:
    """Who suggested it stands in the audit alone: the log of the version is read by all."""
    names = {one.id: one.name for one in list_people(session)}
    detail: Mapping[str, Any] = {
        "event": event.id,
        "revision": event.revision,
        "acts": [act for change in changes for act in change.acts],
        "suggested_by": sorted({names[one] for change in changes for one in change.people}),
    }
    name = get_version(session, version_id).name
    audit.record(session, person, action, f"taxonomy {name}", **detail)
