"""Whether a cluster comes back when its labels are clustered again, as its card says it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col

from store.tables import Run
from taxonomy.review.layering import read_anchor
from webapp.review.reviews import Review


@dataclass(frozen=True)
class CardSolidity:
    """The verdict on one cluster, how much of it comes back, and that by what was changed."""

    verdict: str
    mean: float
    by_change: Sequence[tuple[str, float]]


def find_solidity(session: Session, review: Review, anchor: str) -> CardSolidity | None:
    """What `mralign cluster stability` found of a cluster; None where it was not asked.

    A cluster that a decision made was never clustered, so that nothing is known of it.
    """
    number, layer = read_anchor(anchor)
    run_id = review.cluster_run_id if layer is None else layer
    if number < 0 or run_id is None:
        return None
    path = ("stability", "clusters", str(number))
    query = sa.select(col(Run.metrics)[path]).where(col(Run.id) == run_id)
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        return None
    changes = [(name, share) for name, share in found.items() if name not in ("mean", "verdict")]
    return CardSolidity(found["verdict"], found["mean"], sorted(changes))
