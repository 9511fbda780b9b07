"""Controlled labels from one version to the next: which go over, and which are asked anew."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from taxonomy.vocabulary.contents import VersionContent
from taxonomy.vocabulary.descent import follow

SURE_SHARE = 0.9  # of a category's instances that went one way: then its labels go with them

Labels = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Fate:
    """Where the labels of a category go: `target` is None where that has to be asked anew.

    `share` of the category's instances went to `likely`, the one that took most of them.
    """

    key: str
    target: str | None
    likely: str | None
    share: float


@dataclass(frozen=True)
class Plan:
    """How categories go over, and how single open labels do: by key, before and after."""

    fates: Mapping[str, Fate]
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]

    def translate(self, labels: Labels, open_labels: Callable[[], Iterable[str]]) -> Labels | None:
        """The labels of a step in the new version; None where one cannot be mapped.

        A category that went several ways is settled by the open labels of the step that belonged
        to it, if they all went one way. Two labels that meet keep the higher confidence.
        """
        found: dict[str, float] = {}
        for key, confidence in labels:
            target = self.fates[key].target if key in self.fates else None
            target = target or self.settle(key, open_labels())
            if target is None:
                return None
            found[target] = max(confidence, found.get(target, 0.0))
        return tuple(sorted(found.items(), key=lambda item: -item[1]))

    def settle(self, key: str, open_labels: Iterable[str]) -> str | None:
        """The category that all open labels of a category on a step went to, if it is one."""
        went = {
            self.after[label]
            for label in open_labels
            if self.before.get(label) == key and label in self.after
        }
        return went.pop() if len(went) == 1 else None


def plan(before: VersionContent, after: VersionContent) -> Plan:
    """Where each category of a version goes in another one.

    It goes where nine tenths of its instances went. Without any labels in both versions it goes to
    the category of its own key, if that is there.
    Identity: from a version to itself everything goes to itself.
    """
    flows = follow(before.labels, after.labels)
    there = {category.key for category in after.categories}
    fates = {}
    for category in before.categories:
        key = category.key
        flow = flows.given.get(key, {})
        likely = max(flow, key=lambda heir: (flow[heir], heir == key, str(heir)), default=key)
        likely = likely if likely in there else None
        share = flows.share(key, likely) if likely is not None else 0.0
        fates[key] = Fate(key, likely if share >= SURE_SHARE else None, likely, share)
    return Plan(
        fates,
        {label.key: label.category for label in before.labels},
        {label.key: label.category for label in after.labels},
    )


@dataclass(frozen=True)
class OldStep:
    """A step as a source labelled it, over segments [first, end)."""

    source: str
    first: int
    end: int
    labels: Labels


@dataclass(frozen=True)
class Translated:
    """The steps of a trace in the new version, or those that could not be mapped."""

    labels: tuple[Labels, ...]
    unmapped: tuple[OldStep, ...]


def translate_steps(
    steps: Sequence[OldStep], plan: Plan, open_labels: Callable[[], Mapping[int, Sequence[str]]]
) -> Translated:
    """Every step of a trace, or the ones that stand in the way.

    `open_labels` gives the keys of the open labels of each segment; asked where one is needed.
    """
    done, unmapped = list[Labels](), list[OldStep]()
    for step in steps:
        found = plan.translate(step.labels, lambda step=step: _inside(step, open_labels()))  # type: ignore[misc]
        if found is None:
            unmapped.append(step)
        else:
            done.append(found)
    return Translated(() if unmapped else tuple(done), tuple(unmapped))


def _inside(step: OldStep, open_labels: Mapping[int, Sequence[str]]) -> list[str]:
    return [key for place in range(step.first, step.end) for key in open_labels.get(place, ())]
