"""What became of each category from one version to another, as its labels show.

Keys alone do not say it: a merge retires a key whose labels live on elsewhere, a split adds one
whose labels were there before. So the labels that both versions have are followed.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

MAIN_SHARE = 0.5  # of the labels that a category gave or took: enough to be called its heir
PART_SHARE = 0.2  # enough to be called a part of it


class Placed(Protocol):
    """A label and its category in one version."""

    @property
    def key(self) -> str: ...
    @property
    def category(self) -> str | None: ...
    @property
    def instances(self) -> int: ...


class Named(Protocol):
    """A category with its name."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...


Flow = dict[str | None, int]


@dataclass(frozen=True)
class Flows:
    """Instances of the labels that both versions have, by category before and after."""

    given: Mapping[str | None, Flow]
    taken: Mapping[str | None, Flow]

    def heirs(self, key: str) -> list[str]:
        """The categories that took the labels of one, the largest first; parts of a fifth on."""
        return _parts(self.given.get(key, {}), PART_SHARE)

    def sources(self, key: str) -> list[str]:
        """The categories that the labels of one come from, the largest first."""
        return _parts(self.taken.get(key, {}), PART_SHARE)

    def main_heir(self, key: str) -> str | None:
        """The category that took at least half of one's labels, if any did."""
        return next(iter(_parts(self.given.get(key, {}), MAIN_SHARE)), None)

    def share(self, key: str, heir: str) -> float:
        """The share of a category's labels that another has now; 1 for itself without labels."""
        flow = self.given.get(key, {})
        total = sum(flow.values())
        return flow.get(heir, 0) / total if total else float(key == heir)


def follow(before: Sequence[Placed], after: Sequence[Placed]) -> Flows:
    """Count where labels went. Identity: a label without instances counts as one instance."""
    now = {label.key: label.category for label in after}
    given: defaultdict[str | None, Counter[str | None]] = defaultdict(Counter)
    taken: defaultdict[str | None, Counter[str | None]] = defaultdict(Counter)
    for label in before:
        if label.key in now:
            weight = max(label.instances, 1)
            given[label.category][now[label.key]] += weight
            taken[now[label.key]][label.category] += weight
    return Flows({key: dict(flow) for key, flow in given.items()},
                 {key: dict(flow) for key, flow in taken.items()})  # fmt: skip


def _parts(flow: Flow, least: float) -> list[str]:
    total = sum(flow.values())
    listed = [(-count, key) for key, count in flow.items() if key and count >= least * total]
    return [key for _, key in sorted(listed)]


@dataclass(frozen=True)
class Descent:
    """What became of a category: `kind` is added, retired, merged, split or renamed.

    `partners` are the categories that it came from or went to. `renamed` covers another name
    under the same key, and another key that took the labels over.
    """

    kind: str
    partners: tuple[str, ...] = ()


def trace_descent(
    before: Sequence[Named], after: Sequence[Named], flows: Flows
) -> dict[str, Descent]:
    """The categories that were added, retired, merged, split or renamed; the others are left out.

    Identity: from a version to itself nothing is left.
    """
    old, new = {each.key: each for each in before}, {each.key: each for each in after}
    found: dict[str, Descent] = {}
    for key in new:
        if key not in old:
            found[key] = _arrival(key, old, new, flows)
        elif old[key].name != new[key].name:
            found[key] = Descent("renamed")
    for key in old:
        if key not in new:
            found[key] = _departure(key, old, new, flows)
    return found


def _arrival(key: str, old: Mapping[str, Named], new: Mapping[str, Named], flows: Flows) -> Descent:
    sources = tuple(each for each in flows.sources(key) if each in old)
    if not sources:
        return Descent("added")
    if len(sources) == 1 and sources[0] not in new and flows.heirs(sources[0]) == [key]:
        return Descent("renamed", sources)
    merged = len(sources) > 1 and all(flows.main_heir(each) == key for each in sources)
    return Descent("merged" if merged else "split", sources)


def _departure(
    key: str, old: Mapping[str, Named], new: Mapping[str, Named], flows: Flows
) -> Descent:
    heirs = tuple(each for each in flows.heirs(key) if each in new)
    if not heirs:
        return Descent("retired")
    if len(heirs) > 1:
        return Descent("split", heirs)
    alone = heirs[0] not in old and flows.sources(heirs[0]) == [key]
    return Descent("renamed" if alone else "merged", heirs)


def describe_descent(descent: Descent, arriving: bool) -> str:
    """The descent in words, the partners by key."""
    partners = " and ".join(descent.partners)
    if not partners:
        return descent.kind
    if descent.kind == "merged":
        return f"added, merged from {partners}" if arriving else f"retired, merged into {partners}"
    if descent.kind == "split":
        return f"added, split from {partners}" if arriving else f"retired, split into {partners}"
    return f"renamed from {partners}" if arriving else f"renamed to {partners}"
