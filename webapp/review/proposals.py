"""What the card proposes: other names for a cluster, and how to divide it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from store.tables import Cluster, ClusterDescription
from taxonomy.review.curation import Group, LabelView
from taxonomy.review.layering import read_anchor
from webapp.queries.vectors import list_points
from webapp.review.reviews import Review

NAMES = 3


def frequent_names(review: Review, labels: Sequence[LabelView]) -> list[str]:
    """The labels of most instances that no cluster is called by."""
    taken = {group.name.casefold() for group in review.groups}
    ranked = sorted(labels, key=lambda label: -label.instances)
    free = (label.text for label in ranked if label.text.casefold() not in taken)
    return list(dict.fromkeys(free))


@dataclass(frozen=True)
class Told:
    """What the clustering says of a cluster beside its name: `sibling` is the nearest other one.

    `names` it could have instead; those that the clustering proposed come first.
    """

    names: Sequence[str]
    scope_note: str = ""
    difference: str = ""
    sibling: Group | None = None


def tell(session: Session, review: Review, group: Group) -> Told:
    """What is said of a cluster; of one that a decision made, names from its labels alone."""
    number, run_id = read_anchor(group.anchor)
    near = aliased(Cluster)
    query = (
        sa.select(
            col(ClusterDescription.proposals),
            col(ClusterDescription.scope_note),
            col(ClusterDescription.difference),
            col(near.number),
        )
        .join(Cluster, col(Cluster.id) == col(ClusterDescription.cluster_id))
        .outerjoin(near, col(near.id) == col(ClusterDescription.sibling_id))
        .where(col(Cluster.run_id) == (run_id or review.cluster_run_id))
        .where(col(Cluster.number) == number)
    )
    row = session.execute(query).one_or_none()
    proposed, scope_note, difference, sibling = row or ([], "", "", None)
    taken = {other.name.casefold() for other in review.groups}
    free = [name for name in proposed if name.casefold() not in taken]
    names = list(dict.fromkeys([*free, *frequent_names(review, group.labels)]))[:NAMES]
    anchor = f"c{sibling}" if run_id is None else f"c{sibling}.{run_id}"
    return Told(names, scope_note, difference, review.by_anchor.get(anchor))


@dataclass(frozen=True)
class Division:
    """The labels that the machine would split off, and what they would be called."""

    label_ids: frozenset[int] = frozenset()
    name: str = ""


def divide(session: Session, review: Review, group: Group) -> Division:
    """The half of a cluster without its most frequent label; nothing where it has no halves."""
    from taxonomy.clusters.halving import halve

    if review.cluster_run_id is None or len(group.labels) < 2:
        return Division()
    runs = [review.cluster_run_id, *review.state.layer_run_ids]
    points = list_points(session, runs, [label.open_label_id for label in group.labels])
    inside = halve(points).tolist()
    chosen = [label for label, apart in zip(group.labels, inside, strict=True) if apart]
    name = next(iter(frequent_names(review, chosen)), "")
    return Division(frozenset(label.open_label_id for label in chosen), name)
