"""What a vocabulary is worth: what it covers, how far people agree on it, what is too rare.

Every figure says what it was counted from, and is None where that is nothing.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from taxonomy.vocabulary.contents import MappedLabel, VersionContent

FEWEST_MOVES = 30  # an entry of that row of a transition matrix has a standard error up to 0.09
CONFUSED_SHARE = 0.05  # of the units that either side gave one of the two
MOST_CONFUSED = 10

LabelSet = frozenset[str]
Pair = tuple[LabelSet, LabelSet]


@dataclass(frozen=True)
class Coverage:
    """The share of labels and of instances that have a category."""

    labels: float | None
    instances: float | None
    of_labels: int
    of_instances: int


@dataclass(frozen=True)
class CategoryWorth:
    """One category: what falls to it, how pure it is, and how far annotators agree on it.

    `purity` is the share of reviewed instances that the clustering had put there itself; `kappa`
    is Cohen's over having the category or not; `moves` go out of it, one from a unit of two
    categories counting half for each.
    """

    key: str
    labels: int
    instances: int
    share: float
    purity: float | None
    reviewed: int
    kappa: float | None
    positive_agreement: float | None
    units: int
    moves: float
    too_rare: bool


@dataclass(frozen=True)
class Confusion:
    """Units where one annotator gave the first category and the other the second instead."""

    one: str
    other: str
    units: int
    share: float


@dataclass(frozen=True)
class Worth:
    """What a version is worth; `entropy` in bits, `effective` is 2 to that power."""

    coverage: Coverage
    purity: float | None
    reviewed_instances: int
    entropy: float | None
    effective: float | None
    categories: tuple[CategoryWorth, ...]
    confusions: tuple[Confusion, ...]
    units: int
    fewest_moves: int


@dataclass(frozen=True)
class Proposal:
    """What the clustering proposed for a label, and what a person decided; None is no category."""

    key: str
    proposed: str | None
    decided: str | None
    instances: int


def appraise(
    content: VersionContent,
    reviews: Sequence[Proposal],
    pairs: Sequence[Pair],
    moves: Mapping[str, float],
    fewest_moves: int = FEWEST_MOVES,
) -> Worth:
    """What a version is worth by its labels, its reviews, and its annotations.

    `pairs` are the label sets of two annotators on the units that both labelled; `moves` counts the
    moves out of each category.
    """
    counts = Counter[str | None]()
    for label in content.labels:
        counts[label.category] += label.instances
    held = {category.key: counts.get(category.key, 0) for category in content.categories}
    entropy = entropy_bits(held.values())
    purities = purity_by_category(reviews)
    rows = tuple(
        _category(key, content.labels, held, purities, pairs, moves.get(key, 0), fewest_moves)
        for key in held
    )
    return Worth(
        coverage=measure_coverage(content.labels),
        purity=purity(reviews),
        reviewed_instances=sum(each.instances for each in reviews),
        entropy=entropy,
        effective=None if entropy is None else 2**entropy,
        categories=rows,
        confusions=find_confusions(pairs),
        units=len(pairs),
        fewest_moves=fewest_moves,
    )


def _category(
    key: str,
    labels: Sequence[MappedLabel],
    held: Mapping[str, int],
    purities: Mapping[str, tuple[int, int]],
    pairs: Sequence[Pair],
    moves: float,
    fewest: int,
) -> CategoryWorth:
    kept, reviewed = purities.get(key, (0, 0))
    return CategoryWorth(
        key=key,
        labels=sum(label.category == key for label in labels),
        instances=held[key],
        share=held[key] / max(sum(held.values()), 1),
        purity=kept / reviewed if reviewed else None,
        reviewed=reviewed,
        kappa=kappa_of(key, pairs),
        positive_agreement=positive_agreement(key, pairs),
        units=sum(key in a or key in b for a, b in pairs),
        moves=moves,
        too_rare=moves < fewest,
    )


def measure_coverage(labels: Sequence[MappedLabel]) -> Coverage:
    """The share of labels, and of their instances, that have a category."""
    total = sum(label.instances for label in labels)
    placed = [label for label in labels if label.category is not None]
    inside = sum(label.instances for label in placed)
    return Coverage(
        len(placed) / len(labels) if labels else None,
        inside / total if total else None,
        len(labels),
        total,
    )


def purity(reviews: Sequence[Proposal]) -> float | None:
    """The share of reviewed instances whose category the clustering had proposed itself."""
    total = sum(each.instances for each in reviews)
    right = sum(each.instances for each in reviews if each.proposed == each.decided)
    return right / total if total else None


def purity_by_category(reviews: Iterable[Proposal]) -> dict[str, tuple[int, int]]:
    """Instances proposed for each category and confirmed by a review, of all so reviewed."""
    found: dict[str, tuple[int, int]] = {}
    for each in reviews:
        if each.proposed is not None:
            right, total = found.get(each.proposed, (0, 0))
            kept = each.instances if each.decided == each.proposed else 0
            found[each.proposed] = right + kept, total + each.instances
    return found


def entropy_bits(counts: Iterable[int]) -> float | None:
    """H = −Σ p log2 p of the instances over categories.

    Identity: log2 n for n categories of one size, 0 for one category.
    Masking: empty categories count for nothing; None where all are empty.
    """
    filled = [count for count in counts if count > 0]
    total = sum(filled)
    if not total:
        return None
    return -math.fsum(count / total * math.log2(count / total) for count in filled) + 0.0


def kappa_of(key: str, pairs: Sequence[Pair]) -> float | None:
    """Cohen's κ of two annotators over whether a unit has the category.

    Identity: 1 where they always agree; None where chance alone gives that, or without units.
    Source: Cohen 1960.
    """
    if not pairs:
        return None
    a = [key in first for first, _ in pairs]
    b = [key in second for _, second in pairs]
    n = len(pairs)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    p, q = sum(a) / n, sum(b) / n
    expected = p * q + (1 - p) * (1 - q)
    return None if expected >= 1.0 else (observed - expected) / (1 - expected)


def positive_agreement(key: str, pairs: Sequence[Pair]) -> float | None:
    """2 · both / (one + other): how often one annotator's category is the other's as well.

    Source: Cicchetti and Feinstein 1990.
    """
    given = sum((key in a) + (key in b) for a, b in pairs)
    both = sum(key in a and key in b for a, b in pairs)
    return 2 * both / given if given else None


def find_confusions(pairs: Sequence[Pair]) -> tuple[Confusion, ...]:
    """The pairs of categories that stand for each other, the most frequent first.

    A unit counts where one side has the first and not the second, the other the second and not the
    first. Its share is of the units where either side has either.
    """
    swapped, either = Counter[tuple[str, str]](), Counter[str]()
    together = Counter[tuple[str, str]]()
    for a, b in pairs:
        either.update(a | b)
        together.update(_unordered(a | b))
        swapped.update({_pair(x, y) for x in a - b for y in b - a})
    found = [
        Confusion(one, other, units, units / (either[one] + either[other] - together[one, other]))
        for (one, other), units in swapped.items()
    ]
    kept = [each for each in found if each.share >= CONFUSED_SHARE]
    ranked = sorted(kept, key=lambda each: (-each.units, each.one, each.other))
    return tuple(ranked[:MOST_CONFUSED])


def count_moves(traces: Iterable[Sequence[LabelSet]]) -> dict[str, float]:
    """Moves out of each category, to the next unit or to the stop; 1/n from a unit of n categories.

    Masking: no move goes in or out of a unit without categories.
    Source: MR-ALIGN 3.2.2, mixing inside a set is uniform.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for units in traces:
        for here, after in zip(units, [*units, None][1:], strict=True):
            if after is None or after:
                for key in here:
                    found[key] += 1 / len(here)
    return dict(found)


def _unordered(labels: LabelSet) -> Iterable[tuple[str, str]]:
    listed = sorted(labels)
    return ((one, other) for n, one in enumerate(listed) for other in listed[n + 1 :])


def _pair(x: str, y: str) -> tuple[str, str]:
    return (x, y) if x < y else (y, x)
