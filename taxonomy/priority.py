"""What to look at next, and why: the groups that are most in doubt, by what hangs on them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from taxonomy.views import Group

Doubt = Callable[[Group], float]
LOOSE, WEAK = 0.6, 0.5


@dataclass(frozen=True)
class Waiting:
    """A group that waits for a decision; `weight` is its doubt times its instances."""

    group: Group
    doubt: float
    weight: float
    reason: str


def doubt_of(group: Group) -> float:
    """1 - cohesion x probability, between 0 and 1.

    Units: cohesion is a mean cosine, probability the clustering's mean strength of membership.
    """
    return 1.0 - min(max(group.cohesion * group.probability, 0.0), 1.0)


def line_up(groups: Iterable[Group], doubt: Doubt = doubt_of) -> list[Waiting]:
    """The groups that nobody decided or flagged: the heaviest first, skipped ones last."""
    open_ones = (group for group in groups if not group.reviewed and not group.flag)
    waiting = [_waiting(group, doubt(group)) for group in open_ones]
    return sorted(waiting, key=lambda one: (one.group.skip, -one.weight, one.group.anchor))


def _waiting(group: Group, doubt: float) -> Waiting:
    return Waiting(group, doubt, doubt * group.instances, _reason(group))


def _reason(group: Group) -> str:
    """Why in words: what is wrong with it, else that much hangs on it."""
    if group.skip:
        return "you skipped it"
    if group.category is None:
        return "the machine found no category for it"
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


def lay_lanes(
    groups: Iterable[Group], categories: Iterable[str], doubt: Doubt = doubt_of
) -> list[Lane]:
    """A lane a category: those with open groups first, the most doubtful of them first."""
    held: dict[str | None, list[Group]] = {key: [] for key in (None, *categories)}
    for group in groups:
        held[group.category].append(group)
    lanes = [_lane(key, members, doubt) for key, members in held.items() if key or members]
    return sorted(lanes, key=lambda lane: (not lane.open, -lane.doubt))


def _lane(category: str | None, groups: list[Group], doubt: Doubt) -> Lane:
    order = sorted(groups, key=lambda group: (group.reviewed, not group.flag, -doubt(group)))
    instances = sum(group.instances for group in groups)
    counted = [group for group in order if not group.reviewed] or order
    weight = sum(group.instances for group in counted) or 1
    return Lane(
        category,
        tuple(order),
        instances,
        sum(group.cohesion * group.instances for group in groups) / (instances or 1),
        sum(doubt(group) * group.instances for group in counted) / weight,
    )
