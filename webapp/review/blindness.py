"""What one reviewer may see of a review: where several review blind, nobody else's verdicts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlmodel import Session, col

from store.people import SignedIn
from store.suggestions import list_answers
from store.tables import ReviewEvent
from store.verdicts import Standing, list_full, list_standing
from taxonomy.events.decisions import STRUCTURAL_KINDS
from taxonomy.review.curation import Group, LabelView
from taxonomy.review.views import majority
from webapp.review.reviews import Review
from webapp.serving.permissions import Action, may


def seen_by(session: Session, review: Review, viewer: SignedIn) -> Review:
    """The review as this person may see it."""
    if is_blind(viewer, review.overlap):
        return blindfold(session, replace(review, blind=True), viewer.person_id)
    if review.overlap == 1 and may(viewer.role, Action.SETTLE):
        suggested = has_suggestions(session, review)
        review = replace(review, suggested=True) if suggested else review
    return with_own_skips(session, review, viewer.person_id)


def has_suggestions(session: Session, review: Review) -> bool:
    """Whether suggestions wait for an answer, be it that nobody makes new ones any more."""
    answers = list_answers(session, review.version_id)
    return any(event_id not in review.undoable for _, event_id in answers)


def is_blind(viewer: SignedIn, overlap: int) -> bool:
    """Whether somebody's decisions on where labels belong are verdicts that others do not see."""
    return overlap > 1 and not may(viewer.role, Action.SETTLE)


def with_own_skips(session: Session, review: Review, person_id: int) -> Review:
    """The review with what this person skipped, whatever others did."""
    if not any(group.skip for group in review.groups):
        return review
    query = sa.select(col(ReviewEvent.id), col(ReviewEvent.payload)).where(
        col(ReviewEvent.version_id) == review.version_id,
        col(ReviewEvent.person_id) == person_id,
        col(ReviewEvent.kind) == "skip",
    )
    skipped: dict[str, int] = {}
    for number, payload in session.execute(query.order_by(col(ReviewEvent.id))):
        if number in review.undoable:
            skipped |= dict.fromkeys(payload["labels"], number)
    return replace(review, groups=[_skipped(group, skipped) for group in review.groups])


def _skipped(group: Group, skipped: Mapping[str, int]) -> Group:
    own = max((skipped.get(label.key, 0) for label in group.labels), default=0)
    return group if group.skip == own else replace(group, skip=own)


def blindfold(session: Session, review: Review, person_id: int) -> Review:
    """The review with this person's own verdicts, marks and deeds in it, and nobody else's."""
    own = {
        row.label_key: row for row in list_standing(session, review.version_id, person_id=person_id)
    }
    full = set(list_full(session, review.version_id, review.overlap))
    deeds = _deeds(session, review, person_id)
    answers = list_answers(session, review.version_id, person_id)
    acts = {act for act, event_id in answers if event_id not in review.undoable}
    acts |= {row.act for row in own.values()}
    order = [category.key for category in review.categories]
    groups = [masked(group, own, full, deeds, order) for group in review.groups]
    review = with_own_skips(session, replace(review, groups=groups), person_id)
    return replace(
        review,
        own_noise=[_own_label(label, own) for label in review.noise],
        undoable=(review.undoable & deeds) | {-act for act in acts},
        redoable=review.redoable & deeds,
    )


def _deeds(session: Session, review: Review, person_id: int) -> frozenset[int]:
    """The events of a person, other than those that change the clusters or categories of all."""
    query = sa.select(col(ReviewEvent.id), col(ReviewEvent.kind), col(ReviewEvent.undoes_id)).where(
        col(ReviewEvent.version_id) == review.version_id, col(ReviewEvent.person_id) == person_id
    )
    rows = session.execute(query.order_by(col(ReviewEvent.id))).all()
    shared = {number for number, kind, _ in rows if kind in STRUCTURAL_KINDS}
    for number, _, undoes_id in rows:
        shared |= {number} if undoes_id in shared else set()
    return frozenset(number for number, _, _ in rows) - shared


def masked(
    group: Group,
    own: Mapping[str, Standing],
    full: Collection[str],
    deeds: Collection[int],
    order: Sequence[str],
) -> Group:
    """A group as one reviewer may see it: done where nothing in it needs their verdict."""
    labels = tuple(_own_label(label, own) for label in group.labels)
    done = sum(
        label.instances for label in labels if label.origin == "reviewed" or label.key in full
    )
    changed = any(label.key in own for label in labels)
    return replace(
        group,
        labels=labels,
        category=majority(labels, order) if changed else group.category,
        reviewed=2 * done > group.instances,
        flag=group.flag if group.flag in deeds else 0,
        comments=tuple(number for number in group.comments if number in deeds),
    )


def _own_label(label: LabelView, own: Mapping[str, Standing]) -> LabelView:
    verdict = own.get(label.key)
    if verdict is None or label.origin == "reviewed":
        return label
    return replace(label, category=verdict.category, origin="reviewed")
