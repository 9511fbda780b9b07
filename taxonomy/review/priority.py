"""What to look at next, and why: the groups that are most in doubt, by what hangs on them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from taxonomy.review.views import Group

LOOSE, WEAK, UNSURE = 0.6, 0.5, 0.5


@dataclass(frozen=True)
class Waiting:
    """A group that waits for a decision; `weight` is what a decision is expected to gain."""

    group: Group
    doubt: float
    weight: float
    reason: str


def doubt_of(group: Group) -> float:
    """How likely the categories of its labels are wrong, between 0 and 1, over instances."""
    return group.doubt


def line_up(groups: Iterable[Group], gains: Mapping[str, float] | None = None) -> list[Waiting]:
    """The groups that nobody decided or flagged: the heaviest first, skipped ones last.

    `gains` are what deciding a group is expected to put right, by its anchor; without them its
    doubt times its instances stands in.
    """
    open_ones = (group for group in groups if not group.reviewed and not group.flag)
    waiting = [_waiting(group, gains) for group in open_ones]
    return sorted(waiting, key=lambda one: (one.group.skip, -one.weight, one.group.anchor))


def _waiting(group: Group, gains: Mapping[str, float] | None) -> Waiting:
    doubt = doubt_of(group)
    weight = doubt * group.instances if gains is None else gains.get(group.anchor, 0.0)
    return Waiting(group, doubt, weight, _reason(group))


def _reason(group: Group) -> str:
    """Why in words: what is wrong with it, else that much hangs on it."""
    if group.skip:
        return "you skipped it"
    if group.category is None:
        return "the machine found no category for it"
    if group.doubt > UNSURE:
        return "the machine is unsure of its labels"
    if group.cohesion < LOOSE:
        return "its labels differ in meaning"
    if group.probability < WEAK:
        return "many of its labels lie at its edge"
    return "many instances hang on it"


@dataclass(frozen=True)
class Lane:
    """The groups of one category, the most doubtful first; None is no category."""

    category: str | None
    groups: tuple[Group, ...]
    instances: int
    cohesion: float
    doubt: float

    @property
    def open(self) -> tuple[Group, ...]:
        """The groups that nobody decided yet."""
        return tuple(group for group in self.groups if not group.reviewed)

    @property
    def decided(self) -> tuple[Group, ...]:
        """The groups that a person decided."""
        return tuple(group for group in self.groups if group.reviewed)


def lay_lanes(groups: Iterable[Group], categories: Iterable[str]) -> list[Lane]:
    """A lane a category: those with open groups first, the most doubtful of them first."""
    held: dict[str | None, list[Group]] = {key: [] for key in (None, *categories)}
    for group in groups:
        held[group.category].append(group)
    lanes = [_lane(key, members) for key, members in held.items() if key or members]
    return sorted(lanes, key=lambda lane: (not lane.open, -lane.doubt))


def _lane(category: str | None, groups: list[Group]) -> Lane:
    order = sorted(groups, key=lambda group: (group.reviewed, not group.flag, -doubt_of(group)))
    instances = sum(group.instances for group in groups)
    counted = [group for group in order if not group.reviewed] or order
    weight = sum(group.instances for group in counted) or 1
    return Lane(
        category,
        tuple(order),
        instances,
        sum(group.cohesion * group.instances for group in groups) / (instances or 1),
        sum(doubt_of(group) * group.instances for group in counted) / weight,
    )
