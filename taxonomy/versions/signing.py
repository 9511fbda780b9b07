"""Approval row by row: who signed what of a version; the last row approves the version."""

from collections import Counter
from collections.abc import Mapping

from sqlmodel import Session

from store import audit
from store.audit import Actor
from store.errors import Conflict, InvalidInput
from store.reviews import append_event, lock_version
from store.states import VersionStatus
from store.tables import ReviewEvent
from store.taxonomies import get_version
from taxonomy.review.judging import list_disputes
from taxonomy.review.standing import stand
from taxonomy.suggestions.matters import touched_categories
from taxonomy.suggestions.suggesting import list_matters
from taxonomy.versions.lifecycle import approve
from taxonomy.versions.rows import APPROVAL, Row, find_approvals, fingerprint_rows, lay_rows

OPEN = (VersionStatus.DRAFT, VersionStatus.IN_REVIEW)


def list_rows(session: Session, version_id: int) -> dict[str, Row]:
    """The categories of a version as rows to be approved, by key.

    The guesses that a row holds may follow fewer decisions than there are: who approves it then
    is asked to look again.
    """
    standing = stand(session, get_version(session, version_id))
    disputed = {key for one in list_disputes(session, version_id) for key in one.keys}
    views = standing.show(exact=False).views
    touched = (touched_categories(one, views.state) for one in list_matters(session, version_id))
    suggested = Counter(key for keys in touched for key in keys)
    return lay_rows(views, standing.in_force, disputed, suggested)


def approve_rows(
    session: Session, version_id: int, rows: Mapping[str, str], *, person: Actor, reason: str
) -> ReviewEvent:
    """Sign rows as they were seen, by key and fingerprint; the last row of a version in review
    approves the version.

    Raises:
        InvalidInput: no row is named, or the version is approved already.
        Conflict: a row says something else by now, or is gone.
        FrozenVersion: the version never changes.
    """
    version = lock_version(session, version_id)
    if not rows or version.status not in OPEN:
        raise InvalidInput("expected rows of an open version to approve; choose some, or reopen it")
    standing = stand(session, version)
    prints = fingerprint_rows(standing.show().views)
    changed = [key for key, seen in rows.items() if prints.get(key) != seen]
    if changed:
        raise Conflict(f"the row {changed[0]} says something else by now; look at it again")
    event = append_event(
        session, version, APPROVAL, {"rows": dict(rows)}, person, reason.strip() or None
    )
    audit.record(
        session, person, f"review.{APPROVAL}", f"taxonomy {version.name}", rows=sorted(rows)
    )
    signed = find_approvals(standing.in_force, prints).keys() | rows.keys()
    if version.status == VersionStatus.IN_REVIEW and signed >= prints.keys():
        why = reason.strip() or "every row is approved"
        approve(session, version_id, person=person, reason=why)
    return event
