"""The rows of a vocabulary as a curator signs them: what each says now, and what is open in it."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

from taxonomy.events.state import Event, State
from taxonomy.review.views import LabelView, Views

APPROVAL = "approve_rows"


@dataclass(frozen=True)
class Row:
    """A category with what it says now, the approval that covers exactly that, and what is open.

    `approval` is the number of the event, 0 for none.
    """

    key: str
    print: str
    approval: int
    issues: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is open in it."""
        return not self.issues


def fingerprint_rows(views: Views) -> dict[str, str]:
    """The sha256 of each category's texts and labels: an approval holds for these alone."""
    labels: defaultdict[str | None, list[str]] = defaultdict(list)
    for label in views.labels.values():
        labels[label.category].append(label.key)
    return {
        key: hashlib.sha256(
            json.dumps([asdict(text), sorted(labels[key])], sort_keys=True).encode()
        ).hexdigest()
        for key, text in views.state.categories.items()
    }


def find_approvals(in_force: Iterable[Event], prints: Mapping[str, str]) -> dict[str, int]:
    """The newest approval in force of each row that says the same as when it was approved."""
    approvals = {}
    for event in in_force:
        if event.kind == APPROVAL:
            for key, seen in event.payload["rows"].items():
                if prints.get(key) == seen:
                    approvals[key] = event.id
    return approvals


def lay_rows(
    views: Views,
    in_force: Iterable[Event],
    disputed: Collection[str],
    suggested: Mapping[str, int],
) -> dict[str, Row]:
    """Every category as a row, in the vocabulary's order.

    `disputed` are keys of labels; `suggested` counts the changes that wait for an answer, by
    category.
    """
    state, prints = views.state, fingerprint_rows(views)
    approvals = find_approvals(in_force, prints)
    open_labels: defaultdict[str | None, int] = defaultdict(int)
    quarrels: defaultdict[str | None, int] = defaultdict(int)
    flags: defaultdict[str | None, int] = defaultdict(int)
    for group in views.by_size:
        flags[group.category] += bool(group.flag)
        for label in group.labels:
            open_labels[label.category] += _is_open(label)
            quarrels[label.category] += label.key in disputed
    return {
        key: Row(
            key,
            prints[key],
            approvals.get(key, 0),
            _issues(state, key, open_labels[key], quarrels[key], flags[key], suggested.get(key, 0)),
        )
        for key in state.categories
    }


def _is_open(label: LabelView) -> bool:
    return label.origin != "reviewed"


def _issues(
    state: State, key: str, undecided: int, disputed: int, flagged: int, suggested: int
) -> tuple[str, ...]:
    counted = (
        (undecided, "label undecided", "labels undecided"),
        (disputed, "label disputed", "labels disputed"),
        (flagged, "cluster flagged", "clusters flagged"),
        (suggested, "suggestion to answer", "suggestions to answer"),
    )
    found = [f"{count} {one if count == 1 else many}" for count, one, many in counted if count]
    if not state.categories[key].definition:
        found.append("no definition")
    return tuple(found)
