"""The list of clusters: which are shown, and in what order."""

from collections.abc import Callable, Sequence
from typing import Any

from taxonomy.curation import Group
from webapp.reviews import Review

COLUMNS = {
    "name": "Name",
    "category": "Category",
    "instances": "Instances",
    "size": "Labels",
    "cohesion": "Cohesion",
    "reviewed": "Reviewed",
}
SHOWN = ("all", "unreviewed", "reviewed", "uncategorised")


def filter_groups(review: Review, words: str, show: str) -> list[Group]:
    """The clusters that hold the words in their name or a label, and are as `show` says."""
    wanted = words.casefold()
    return [group for group in review.groups if _is_shown(group, show) and holds(group, wanted)]


def _is_shown(group: Group, show: str) -> bool:
    if show == "uncategorised":
        return group.category is None
    return show == "all" or group.reviewed == (show == "reviewed")


def holds(group: Group, wanted: str) -> bool:
    """Whether the folded words stand in the cluster's name or in one of its labels."""
    return wanted in group.name.casefold() or any(wanted in label.key for label in group.labels)


def sort_groups(review: Review, groups: Sequence[Group], sort: str) -> list[Group]:
    """The clusters by a column, falling after a minus; by falling size if there is no such one."""
    key, falling = sort.removeprefix("-"), sort.startswith("-")
    places = {category.key: category.position for category in review.categories}
    keys: dict[str, Callable[[Group], Any]] = {
        "name": lambda group: group.name.casefold(),
        "size": lambda group: len(group.labels),
        "instances": lambda group: group.instances,
        "cohesion": lambda group: group.cohesion,
        "category": lambda group: places.get(group.category or "", len(places)),
        "reviewed": lambda group: group.reviewed,
    }
    if key not in keys:
        return list(groups)
    return sorted(groups, key=keys[key], reverse=falling)
