"""What a version in the store is worth: its labels, and what people decided of them."""

from collections.abc import Mapping, Sequence

from sqlmodel import Session

from store.tables import TaxonomyVersion
from taxonomy.review.standing import stand
from taxonomy.versions.lifecycle import get_content
from taxonomy.vocabulary.worth import FEWEST_MOVES, Pair, Proposal, Worth, appraise


def appraise_version(
    session: Session,
    version: TaxonomyVersion,
    pairs: Sequence[Pair] = (),
    moves: Mapping[str, float] | None = None,
    fewest_moves: int = FEWEST_MOVES,
) -> Worth:
    """What a version is worth; without annotations the figures about them are undefined."""
    content = get_content(session, version)
    reviews = list_proposals(session, version)
    return appraise(content, reviews, pairs, moves or {}, fewest_moves)


def list_proposals(session: Session, version: TaxonomyVersion) -> list[Proposal]:
    """What the clustering had proposed for every label that a person decided about."""
    standing = stand(session, version)
    state, base = standing.state, standing.clustering.base
    proposed = {group.anchor: group.proposed_category for group in base.groups}
    found = []
    for label in base.labels:
        said_noise = state.anchors[label.key] is None and label.anchor is not None
        if label.key in state.decided or said_noise:
            before = proposed.get(label.anchor) if label.anchor is not None else None
            decided = state.category(label.key)
            found.append(Proposal(label.key, before, decided, label.instances))
    return found
