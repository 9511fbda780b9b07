"""Which categories a cluster's page offers first: the digits go to the likeliest nine."""

from taxonomy.review.curation import Group
from webapp.pages.review import Choice
from webapp.review.reviews import Review

DIGITS = "123456789"


def rank_choices(review: Review, group: Group) -> list[Choice]:
    """All categories: the one that is set, the proposed one, those of near clusters, the rest."""
    first = [group.category, group.proposed_category, *_near(review, group)]
    order = dict.fromkeys([*first, *review.by_key])
    keys = [key for key in order if key in review.by_key]
    chosen = group.category or group.proposed_category
    return [
        Choice(
            category=review.by_key[key or ""],
            digit=DIGITS[place] if place < len(DIGITS) else "",
            chosen=key == chosen,
            note=_note(group, key),
        )
        for place, key in enumerate(keys)
    ]


def _note(group: Group, key: str | None) -> str:
    if key == group.category:
        return "decided" if group.reviewed else "as it stands"
    return "proposed" if key == group.proposed_category else ""


def _near(review: Review, group: Group) -> list[str | None]:
    """The categories of the other clusters, the nearest on the map first."""

    def distance(other: Group) -> float:
        return (other.x - group.x) ** 2 + (other.y - group.y) ** 2

    others = (other for other in review.groups if other.anchor != group.anchor)
    return [other.category for other in sorted(others, key=distance)]
