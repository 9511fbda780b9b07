"""Put a version on another clustering: the difference is shown first, and every decision kept."""

from typing import Any

from sqlmodel import Session

from store import audit
from store.errors import InvalidInput
from store.reviews import append_event
from store.runs import get_run
from store.states import RunKind, RunStatus
from store.tables import Person, ReviewEvent
from store.taxonomies import get_version
from taxonomy.curation import check_reason, open_version
from taxonomy.shifts import Shift, compare_views
from taxonomy.standing import stand, stand_on
from taxonomy.undoing import UNDOABLE_KINDS


def compare_clusterings(session: Session, version_id: int, cluster_run_id: int) -> Shift:
    """What a version would become on the clusters of another run; nothing is changed.

    Raises:
        NotFound: there is no such version or cluster run.
        InvalidInput: the run did not succeed.
    """
    version = get_version(session, version_id)
    _require_finished(session, cluster_run_id)
    standing = stand(session, version)
    decisions = [event for event in standing.timeline.in_force if event.kind in UNDOABLE_KINDS]
    after = stand_on(session, version, cluster_run_id)
    return compare_views(standing.show().views, after.show().views, decisions)


def recluster(
    session: Session,
    version_id: int,
    cluster_run_id: int,
    *,
    person: Person | None,
    reason: str | None = None,
) -> ReviewEvent:
    """Put a version on the clusters of another run; one more event, with who and when.

    Decisions name labels, so all of them stay in force. The way back is the earlier run.

    Raises:
        NotFound: there is no such version or cluster run.
        FrozenVersion: the version is frozen, or was.
        InvalidInput: the run did not succeed, or the version stands on it already.
    """
    version = open_version(session, version_id)
    _require_finished(session, cluster_run_id)
    if version.cluster_run_id == cluster_run_id:
        raise InvalidInput(f"{version.name} stands on cluster run {cluster_run_id} already")
    payload: dict[str, Any] = {"from": version.cluster_run_id, "to": cluster_run_id}
    version.cluster_run_id = cluster_run_id
    event = append_event(session, version, "recluster", payload, person, check_reason(reason))
    detail = {"event": event.id, "revision": event.revision, **payload}
    audit.record(session, person, "review.recluster", f"taxonomy {version.name}", **detail)
    return event


def _require_finished(session: Session, cluster_run_id: int) -> None:
    run = get_run(session, cluster_run_id, RunKind.CLUSTER)
    if run.status != RunStatus.SUCCEEDED:
        raise InvalidInput(
            f"expected a cluster run that succeeded, but run {run.id} is {run.status.value}"
        )
