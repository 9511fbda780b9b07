"""Reviews: append an event to a version's log, and read the log back."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from store.errors import Conflict, FrozenVersion, NotFound
from store.states import VersionStatus
from store.tables import Person, ReviewEvent, TaxonomyVersion


def lock_version(
    session: Session, version_id: int, seen_revision: int | None = None
) -> TaxonomyVersion:
    """The version, held until the transaction ends; as it was seen, where that is given.

    Raises:
        NotFound: there is no such version.
        FrozenVersion: it is frozen, or was.
        Conflict: somebody decided something since revision `seen_revision`.
    """
    query = select(TaxonomyVersion).where(col(TaxonomyVersion.id) == version_id)
    version = session.exec(
        query.with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
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
    person: Person | None = None,
    reason: str | None = None,
    undoes_id: int | None = None,
) -> ReviewEvent:
    """Write the next event of a locked version.

    Raises:
        Conflict: another writer took the revision.
    """
    name, version.revision = version.name, version.revision + 1
    event = ReviewEvent(
        version_id=version.id,
        revision=version.revision,
        kind=kind,
        payload=payload,
        undoes_id=undoes_id,
        person_id=person.id if person else None,
        reason=reason,
    )
    session.add_all([version, event])
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"somebody else changed {name}; look at it again") from error
    return event


def list_events(session: Session, version_id: int) -> list[ReviewEvent]:
    """The log of a version, oldest first."""
    query = select(ReviewEvent).where(col(ReviewEvent.version_id) == version_id)
    return list(session.exec(query.order_by(col(ReviewEvent.revision))))


def list_events_after(
    session: Session, version_id: int, after: int, until: int
) -> list[tuple[int, str, dict[str, Any], int | None]]:
    """Number, kind, payload and what it undoes of the events of revisions (after, until]."""
    query = sa.select(
        col(ReviewEvent.id),
        col(ReviewEvent.kind),
        col(ReviewEvent.payload),
        col(ReviewEvent.undoes_id),
    ).where(
        col(ReviewEvent.version_id) == version_id,
        col(ReviewEvent.revision) > after,
        col(ReviewEvent.revision) <= until,
    )
    rows = session.execute(query.order_by(col(ReviewEvent.revision))).tuples()
    return list(rows)


def get_event(session: Session, version_id: int, event_id: int) -> ReviewEvent:
    """The event of a version with this number.

    Raises:
        NotFound: the version has no such event.
    """
    event = session.get(ReviewEvent, event_id)
    if event is None or event.version_id != version_id:
        raise NotFound(f"expected an event {event_id} of this version, found none")
    return event
