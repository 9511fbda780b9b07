"""What the card proposes: other names for a cluster, and how to divide it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from taxonomy.curation import Group, LabelView
from webapp.queries.vectors import list_points
from webapp.reviews import Review

NAMES = 3


def propose_names(labels: Sequence[tuple[str, int]], siblings: Sequence[str]) -> tuple[str, ...]:
    """Up to three names: the labels of most instances that no other cluster is called by."""
    taken = {name.casefold() for name in siblings}
    ranked = sorted(labels, key=lambda label: -label[1])
    free = dict.fromkeys(text for text, _ in ranked if text.casefold() not in taken)
    return tuple(free)[:NAMES]


def names_for(review: Review, group: Group) -> tuple[str, ...]:
    """Names that the cluster could have instead of its own."""
    labels = [(label.text, label.instances) for label in group.labels]
    return propose_names(labels, [other.name for other in review.groups])


@dataclass(frozen=True)
class Division:
    """The labels that the machine would split off, and what they would be called."""

    label_ids: frozenset[int] = frozenset()
    name: str = ""


def divide(session: Session, review: Review, group: Group) -> Division:
    """The half of a cluster without its most frequent label; nothing where it has no halves."""
    from taxonomy.halving import halve

    if review.cluster_run_id is None or len(group.labels) < 2:
        return Division()
    points = list_points(
        session, review.cluster_run_id, [label.open_label_id for label in group.labels]
    )
    inside = halve(points).tolist()
    chosen = [label for label, apart in zip(group.labels, inside, strict=True) if apart]
    return Division(frozenset(label.open_label_id for label in chosen), _name(review, chosen))


def _name(review: Review, labels: Sequence[LabelView]) -> str:
    named = propose_names(
        [(label.text, label.instances) for label in labels],
        [group.name for group in review.groups],
    )
    return next(iter(named), "")
