"""What another clustering would change in a review: labels, groups, and decisions that hold."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taxonomy.events.state import Event
from taxonomy.review.views import LabelView, Views
from taxonomy.vocabulary.contents import MovedLabel

LEAST_PART = 0.25  # of a group's instances: less is no part that makes it split or merged


@dataclass(frozen=True)
class GroupShift:
    """Groups that become other groups, by name, with the instances that they share.

    `change` is split, merged, gone or new. A split and a merge may be one knot of many groups;
    each is told from its own side.
    """

    change: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    instances: int


@dataclass(frozen=True)
class Counted:
    """Labels and their instances."""

    labels: int
    instances: int


@dataclass(frozen=True)
class Loss:
    """A decision, and how many of the labels that it names are still there."""

    event: Event
    found: int
    named: int


@dataclass(frozen=True)
class Shift:
    """What changes from one clustering to another under the same decisions.

    `moved` are unreviewed labels whose category changes and `fresh` those that are new, both by
    falling instances. A decision holds while all labels that it names are there, and holds in part
    while some are; `losing` are the decisions that lose some or all of theirs.
    """

    added: Counted
    gone: Counted
    kept_groups: int
    groups: tuple[GroupShift, ...]
    moved: tuple[MovedLabel, ...]
    reviewed: Counted
    decisions_hold: int
    decisions_hold_in_part: int
    decisions_without_labels: int
    fresh: tuple[LabelView, ...] = ()
    losing: tuple[Loss, ...] = ()


def compare_views(before: Views, after: Views, decisions: Sequence[Event]) -> Shift:
    """What changes from `before` to `after`, which the same decisions gave."""
    common = [label for key, label in after.labels.items() if key in before.labels]
    fresh = [label for key, label in after.labels.items() if key not in before.labels]
    kept, groups = _compare_groups(before, after)
    kept_labels = [_find(event, after) for event in decisions if event.payload.get("labels")]
    losing = tuple(one for one in kept_labels if one.found < one.named)
    return Shift(
        added=_count(fresh),
        gone=_count(label for key, label in before.labels.items() if key not in after.labels),
        kept_groups=kept,
        groups=groups,
        moved=_moved(before.labels, common),
        reviewed=_count(label for label in common if label.origin == "reviewed"),
        decisions_hold=len(kept_labels) - len(losing),
        decisions_hold_in_part=sum(one.found > 0 for one in losing),
        decisions_without_labels=sum(one.found == 0 for one in losing),
        fresh=tuple(sorted(fresh, key=lambda label: (-label.instances, label.key))),
        losing=tuple(sorted(losing, key=lambda one: (one.found, -one.event.id))),
    )


def _find(event: Event, views: Views) -> Loss:
    keys = event.payload["labels"]
    return Loss(event, sum(key in views.labels for key in keys), len(keys))


def _count(labels: Iterable[LabelView]) -> Counted:
    instances = [label.instances for label in labels]
    return Counted(len(instances), sum(instances))


def _moved(before: Mapping[str, LabelView], labels: Iterable[LabelView]) -> tuple[MovedLabel, ...]:
    moved = (
        MovedLabel(
            label.key, label.text, before[label.key].category, label.category, label.instances
        )
        for label in labels
        if before[label.key].category != label.category
    )
    return tuple(sorted(moved, key=lambda label: (-label.instances, label.key)))


def _compare_groups(before: Views, after: Views) -> tuple[int, tuple[GroupShift, ...]]:
    """How many groups stay, and what becomes of the others, those of most instances first."""
    into, sources = _cross(before, after), _cross(after, before)
    shifts = [
        GroupShift("split" if into[anchor] else "gone", (group.name,),
                   _names(after, into[anchor]), group.instances)
        for anchor, group in before.groups.items() if len(into[anchor]) != 1
    ] + [
        GroupShift("merged" if sources[anchor] else "new", _names(before, sources[anchor]),
                   (group.name,), group.instances)
        for anchor, group in after.groups.items() if len(sources[anchor]) != 1
    ]  # fmt: skip
    kept = sum(len(parts) == 1 and len(sources[parts[0]]) == 1 for parts in into.values())
    return kept, tuple(sorted(shifts, key=lambda shift: (-shift.instances, shift.change)))


def _names(views: Views, anchors: Sequence[str]) -> tuple[str, ...]:
    return tuple(views.groups[anchor].name for anchor in anchors)


def _cross(views: Views, others: Views) -> dict[str, list[str]]:
    """The other groups that hold a good part of each group, the largest part first."""
    shared: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for key, anchor in views.state.anchors.items():
        other = others.state.anchors.get(key)
        if anchor is not None and other is not None:
            shared[anchor][other] += views.labels[key].instances
    return {
        anchor: _parts(shared[anchor], group.instances) for anchor, group in views.groups.items()
    }


def _parts(shares: Mapping[str, int], instances: int) -> list[str]:
    """The groups that hold a good part of one's instances, the largest part first."""
    least = max(LEAST_PART * instances, 1)
    parts = [anchor for anchor, count in shares.items() if count >= least]
    return sorted(parts, key=lambda anchor: (-shares[anchor], anchor))
