"""Reviews: append an event to a version's log, and read the log back."""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, SQLModel, col, select

from store.audit import Actor
from store.errors import Conflict, FrozenVersion, NotFound
from store.metadata import utc_now
from store.states import VersionStatus
from store.tables import ReviewEvent, TaxonomyVersion


def lock_version(
    session: Session, version_id: int, seen_revision: int | None = None
) -> TaxonomyVersion:
    """The version, held until the transaction ends; as it was seen, where that is given.

    Raises:
        NotFound: there is no such version.
        FrozenVersion: it is frozen, or was.
        Conflict: somebody decided something since revision `seen_revision`.
    """
    version = session.scalars(_locked(), {"version_id": version_id}).one_or_none()
    if version is None:
        raise NotFound(f"expected a taxonomy version with number {version_id}, found none")
    if version.status in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
        raise FrozenVersion(
            f"{version.name} is {version.status.value} and never changes; "
            f"make a draft with it as the parent"
        )
    if seen_revision is not None and version.revision != seen_revision:
        raise Conflict(
            f"expected {version.name} at revision {seen_revision}, but it is at "
            f"{version.revision} by now; look at it again and repeat the decision"
        )
    return version


def append_event(
    session: Session,
    version: TaxonomyVersion,
    kind: str,
    payload: dict[str, Any],
    person: Actor | None = None,
    reason: str | None = None,
    undoes_id: int | None = None,
) -> ReviewEvent:
    """Write the next event of a locked version.

    Raises:
        Conflict: another writer took the revision.
    """
    made: dict[str, Any] = {
        "version_id": version.id,
        "revision": version.revision + 1,
        "kind": kind,
        "payload": payload,
        "undoes_id": undoes_id,
        "person_id": person.id if person else None,
        "reason": reason,
        "created_at": utc_now(),
    }
    connection = session.connection()
    try:
        result = connection.execute(sa.insert(_table("review_event")), made)
    except IntegrityError as error:
        raise Conflict(f"somebody else changed {version.name}; look at it again") from error
    connection.execute(_reach(), {"version_id": version.id, "revision": made["revision"]})
    set_committed_value(version, "revision", made["revision"])
    number: Any = result.inserted_primary_key
    return ReviewEvent(id=number[0], **made)


def _table(name: str) -> sa.Table:
    return SQLModel.metadata.tables[name]


@cache
def _reach() -> sa.Update:
    version = _table("taxonomy_version")
    return sa.update(version).where(version.c.id == sa.bindparam("version_id"))


@cache
def _locked() -> sa.Select[TaxonomyVersion]:
    """Every decision begins with it, so that the statement is made once."""
    query = sa.select(TaxonomyVersion).where(col(TaxonomyVersion.id) == sa.bindparam("version_id"))
    return query.with_for_update().execution_options(populate_existing=True)


def list_events(session: Session, version_id: int) -> list[ReviewEvent]:
    """The log of a version, oldest first."""
    query = select(ReviewEvent).where(col(ReviewEvent.version_id) == version_id)
    return list(session.exec(query.order_by(col(ReviewEvent.revision))))


def list_taken_labels(session: Session, version: TaxonomyVersion) -> dict[str, int]:
    """The labels of a version that were put on the clusters of another run alone: key to run.

    What the versions that it was made from took holds for it too, as long as nobody undid it.
    """
    events = list_events(session, version.id)
    parent = version.parent_id
    while parent is not None:
        events += list_events(session, parent)
        parent = session.get_one(TaxonomyVersion, parent).parent_id
    undone: set[int] = set()
    taken: dict[str, int] = {}
    for event in sorted(events, key=lambda event: event.id, reverse=True):
        if event.id in undone:
            continue
        if event.undoes_id is not None:
            undone.add(event.undoes_id)
        elif event.kind == "recluster" and event.payload.get("from") == version.cluster_run_id:
            for key in event.payload.get("labels", ()):
                taken.setdefault(key, event.payload["to"])
    return taken


def list_events_after(
    session: Session, version_id: int, after: int, until: int
) -> list[tuple[int, str, dict[str, Any], int | None]]:
    """Number, kind, payload and what it undoes of the events of revisions (after, until]."""
    asked = {"version_id": version_id, "after": after, "until": until}
    rows = session.connection().execute(_after(), asked)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


@cache
def _after() -> sa.Select[Any]:
    """Every decision asks it, so that the statement is made once."""
    event = _table("review_event")
    return (
        sa.select(event.c.id, event.c.kind, event.c.payload, event.c.undoes_id)
        .where(
            event.c.version_id == sa.bindparam("version_id"),
            event.c.revision > sa.bindparam("after"),
            event.c.revision <= sa.bindparam("until"),
        )
        .order_by(event.c.revision)
    )


def get_event(session: Session, version_id: int, event_id: int) -> ReviewEvent:
    """The event of a version with this number.

    Raises:
        NotFound: the version has no such event.
    """
    event = session.get(ReviewEvent, event_id)
    if event is None or event.version_id != version_id:
        raise NotFound(f"expected an event {event_id} of this version, found none")
    return event
