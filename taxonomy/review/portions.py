"""Another clustering in portions: what each category would take from it, to be taken one by one."""

import hashlib
from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass

from taxonomy.review.shifts import Counted
from taxonomy.review.views import LabelView, Views


@dataclass(frozen=True)
class Portion:
    """The labels that another clustering has in a category, and what taking them would change.

    `category` is None for those that it has in none. `keys` are all of them that do not stand on
    it yet: taken, they stand in its clusters. Of these `coming` are in another category now and
    `fresh` are new; `leaving` are in this category now and go over with another portion. `sureness`
    is how likely the coming and the new ones are right, over their instances; None without any.
    `print` tells one portion from another.
    """

    category: str | None
    keys: frozenset[str]
    coming: Counted
    fresh: Counted
    leaving: Counted
    sureness: float | None
    print: str

    @property
    def instances(self) -> int:
        """The instances that would change their category, or come in."""
        return self.coming.instances + self.fresh.instances


def portion(before: Views, after: Views, standing: Set[str]) -> tuple[Portion, ...]:
    """What each category would take, the most instances first; `standing` are taken already.

    Identity: the labels of all portions are those of `after` that do not stand on it yet, each in
    one portion.
    """
    taken: defaultdict[str | None, list[LabelView]] = defaultdict(list)
    leaving: defaultdict[str | None, list[LabelView]] = defaultdict(list)
    for key, label in after.labels.items():
        if key in standing:
            continue
        taken[label.category].append(label)
        if key in before.labels and before.labels[key].category != label.category:
            leaving[before.labels[key].category].append(label)
    found = [
        _portion(category, taken[category], leaving[category], before)
        for category in taken.keys() | leaving.keys()
    ]
    return tuple(sorted(found, key=lambda one: (-one.instances, -len(one.keys), str(one.category))))


def _portion(
    category: str | None, labels: list[LabelView], leaving: list[LabelView], before: Views
) -> Portion:
    known = [label for label in labels if label.key in before.labels]
    coming = [label for label in known if before.labels[label.key].category != category]
    fresh = [label for label in labels if label.key not in before.labels]
    keys = frozenset(label.key for label in labels)
    return Portion(
        category,
        keys,
        _count(coming),
        _count(fresh),
        _count(leaving),
        _sureness([*coming, *fresh]),
        hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()[:16],
    )


def _count(labels: list[LabelView]) -> Counted:
    return Counted(len(labels), sum(label.instances for label in labels))


def _sureness(labels: list[LabelView]) -> float | None:
    instances = sum(label.instances for label in labels)
    sure = sum((1.0 - label.doubt) * label.instances for label in labels)
    return sure / instances if instances else None
