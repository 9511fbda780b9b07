"""A clustering as it is read from the store: groups, labels, and what a review starts from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import get_run
from store.states import RunStatus
from store.tables import Cluster, ClusterMembership, OpenLabel, Run
from store.taxonomies import list_clusters, list_phrases
from taxonomy.clusters.assignment import NEAREST_LIMIT
from taxonomy.events.state import Base, BaseGroup, BaseLabel
from taxonomy.guidance.starting import Starting, unpack_shares, unpack_vectors
from taxonomy.review.layering import Clustering
from taxonomy.review.views import PlacedLabel


def read_clustering(session: Session, cluster_run_id: int | None) -> Clustering:
    """The clusters and labels of a run; without a run there are none."""
    if cluster_run_id is None:
        return Clustering(Base(), {}, {})
    clusters = {cluster.id: cluster for cluster in list_clusters(session, cluster_run_id)}
    anchors = {cluster_id: f"c{cluster.number}" for cluster_id, cluster in clusters.items()}
    run = get_run(session, cluster_run_id)
    limit = float(run.parameters.get("nearest_limit", NEAREST_LIMIT))
    labels, placed = [], {}
    members = _memberships(session, cluster_run_id)
    for cluster_id, nearest_id, _, _, *rest in members:
        label = PlacedLabel(*rest)
        placed[label.key] = label
        labels.append(_base_label(label, anchors.get(cluster_id), anchors.get(nearest_id), limit))
    base = Base(tuple(map(_base_group, clusters.values())), tuple(labels))
    keys = {label.open_label_id: label.key for label in placed.values()}
    starting = _read_starting(session, run, members)
    finished = run.status != RunStatus.RUNNING
    return Clustering(base, placed, keys, finished, starting, cluster_run_id)


def _memberships(session: Session, run_id: int) -> list[Any]:
    """Where the run put each label: most frequent first, then by key."""
    member = ClusterMembership
    query = (
        sa.select(
            col(member.cluster_id),
            col(member.nearest_cluster_id),
            col(member.phrase_id),
            col(member.shares),
            col(OpenLabel.id),
            col(OpenLabel.key),
            col(OpenLabel.text),
            col(OpenLabel.definition),
            col(member.instances),
            col(member.distance),
            col(member.probability),
            col(member.x),
            col(member.y),
        )
        .join(OpenLabel, col(OpenLabel.id) == col(member.open_label_id))
        .where(col(member.run_id) == run_id)
    )
    return sorted(session.execute(query), key=lambda row: (-row[8], row[5]))


def _read_starting(session: Session, run: Run, members: Sequence[Any]) -> Starting | None:
    """What the run thought of its labels; None of runs that kept no guesses."""
    if not members or any(row.phrase_id is None or row.shares is None for row in members):
        return None
    rows: dict[int, int] = {}
    shares: list[bytes] = []
    for row in members:
        if rows.setdefault(row.phrase_id, len(rows)) == len(shares):
            shares.append(row.shares)
    vectors = list_phrases(session, run.id)
    return Starting(
        keys=tuple(row.key for row in members),
        row_of=np.array([rows[row.phrase_id] for row in members], dtype=np.int64),
        instances=tuple(row.instances for row in members),
        vectors=unpack_vectors([vectors[phrase] for phrase in rows]),
        shares=unpack_shares(shares),
        categories=tuple(run.parameters["categories"]),
        origin=run.parameters["origin"],
    )


def _base_group(cluster: Cluster) -> BaseGroup:
    return BaseGroup(
        f"c{cluster.number}", cluster.name, cluster.definition, cluster.proposed_category
    )


def _base_label(
    label: PlacedLabel, own: str | None, nearest: str | None, limit: float
) -> BaseLabel:
    """The label in its cluster, else in the nearest one if that is near, else in none."""
    if own is not None:
        return BaseLabel(label.key, own, "cluster", label.instances)
    if nearest is not None and label.distance <= limit:
        return BaseLabel(label.key, nearest, "nearest", label.instances)
    return BaseLabel(label.key, None, "noise", label.instances)
