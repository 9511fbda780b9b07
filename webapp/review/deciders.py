"""Who decided where labels belong."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlmodel import Session, col

from store.tables import Person, ReviewEvent
from webapp.review.reviews import Review
from webapp.review.scatter import EARLIER, FLAGGED, OWN, SETTLED, UNREVIEWED, Deciders

DECIDING = ("assign", "mark_noise")
COMMAND_LINE = "command line"


def list_deciders(session: Session, review: Review) -> Deciders:
    """Whose decision stands on each label; a blind reviewer learns of nobody else."""
    if review.blind:
        return _own(review)
    people = _people(session, review.version_id)
    names = [UNREVIEWED, FLAGGED, EARLIER, *sorted(set(people.values()))]
    numbers = {name: number for number, name in enumerate(names) if number > 2}
    by_key: dict[str, int] = {}
    for event in review.state.undoable:  # the newest first
        if event.kind in DECIDING and event.id in people:
            number = numbers[people[event.id]]
            for key in event.payload["labels"]:
                by_key.setdefault(key, number)
    return Deciders(names, by_key)


def _people(session: Session, version_id: int) -> Mapping[int, str]:
    query = (
        sa.select(col(ReviewEvent.id), col(Person.name))
        .outerjoin(Person, col(Person.id) == col(ReviewEvent.person_id))
        .where(col(ReviewEvent.version_id) == version_id, col(ReviewEvent.kind).in_(DECIDING))
    )
    rows = session.execute(query.order_by(col(ReviewEvent.id)))
    return {number: name or COMMAND_LINE for number, name in rows}


def _own(review: Review) -> Deciders:
    """What the visitor said, and what is settled, whoever settled it."""
    names = [UNREVIEWED, FLAGGED, EARLIER, SETTLED, OWN]
    seen = [label for group in review.groups for label in group.labels]
    by_key = {
        label.key: 3 if review.state.views.labels[label.key].origin == "reviewed" else 4
        for label in (*seen, *review.noise)
        if label.origin == "reviewed"
    }
    return Deciders(names, by_key)
