"""Lists of clusters and of labels: which are shown, and in what order."""

from collections.abc import Callable, Sequence
from typing import Any

from taxonomy.review.curation import Group, LabelView
from webapp.review.reviews import Review

COLUMNS = {
    "name": "Name",
    "category": "Category",
    "instances": "Instances",
    "size": "Labels",
    "cohesion": "Cohesion",
    "reviewed": "Reviewed",
}
# Parts of all labels; no key of a category begins with a tilde.
IN_MAP = {
    "": "all labels",
    "~open": "not reviewed",
    "~none": "no category",
    "~noise": "no cluster",
}
Pair = tuple[LabelView, Group | None]
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


def list_map_labels(review: Review) -> list[Pair]:
    """Every label with its cluster, the most frequent first."""
    pairs: dict[str, Pair] = {label.key: (label, None) for label in review.noise}
    pairs |= {label.key: (label, group) for group in review.groups for label in group.labels}
    return [pairs[key] for key in review.state.placed]


def filter_labels(pairs: Sequence[Pair], words: str, where: str) -> list[Pair]:
    """The labels that hold the words, in a part of the map or a category."""
    wanted = words.casefold()
    found = [pair for pair in pairs if wanted in pair[0].key or wanted in pair[0].text.casefold()]
    if not where:
        return found
    return [pair for pair in found if _is_in(*pair, where)]


def _is_in(label: LabelView, group: Group | None, where: str) -> bool:
    if where == "~open":
        return label.origin != "reviewed"
    if where == "~noise":
        return group is None
    return label.category == (None if where == "~none" else where)
