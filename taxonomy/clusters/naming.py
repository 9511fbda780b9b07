"""Names of clusters without a language model: a central, frequent label and what sets it apart."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from taxonomy.clusters.assignment import cluster_centres
from taxonomy.clusters.clustering import Numbers
from taxonomy.labels.embedding import Vectors
from taxonomy.labels.folding import fold_text
from taxonomy.labels.inventory import InventoryLabel

DISTINCTIVE_WORDS = 4
EXAMPLES = 3
PROPOSALS = 3
PHRASE_WORDS = 3
CONTRASTING_WORDS = 3
FUNCTION_WORDS = frozenset(("the", "and", "for", "from", "with", "that", "this", "into", "are"))
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class ClusterName:
    """What a cluster is called, and what it seems to mean."""

    name: str
    definition: str


class Label(Protocol):
    """A label as names need it."""

    @property
    def key(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def instances(self) -> int: ...


@dataclass(frozen=True)
class Description:
    """All that is said of a cluster: `sibling` is the number of the nearest other one."""

    name: str
    definition: str
    scope_note: str
    examples: tuple[str, ...]
    proposals: tuple[str, ...]
    sibling: int | None = None
    difference: str = ""


def describe_clusters(
    labels: Sequence[InventoryLabel], vectors: Vectors, numbers: Numbers
) -> list[Description]:
    """Name, definition, examples and other names of each cluster, and what its nearest is not.

    Shapes: vectors (n, d), numbers (n,).
    """
    centres = cluster_centres(vectors, numbers)
    named = name_clusters(labels, vectors, numbers, centres)
    members = [_members(labels, numbers, number) for number in range(len(named))]
    siblings = nearest_siblings(centres)
    found = []
    for number, (name, sibling) in enumerate(zip(named, siblings, strict=True)):
        inside = vectors[numbers == number]
        rest = [label for n, each in enumerate(members) if n != number for label in each]
        difference = ""
        if sibling is not None:
            difference = contrast(members[number], members[sibling], named[sibling].name)
        found.append(Description(
            name.name, name.definition, scope_of(members[number]), examples_of(members[number]),
            tuple(propose_names(members[number], rest, name.name, inside)), sibling, difference,
        ))  # fmt: skip
    return found


def _members(
    labels: Sequence[InventoryLabel], numbers: Numbers, number: int
) -> list[InventoryLabel]:
    return [labels[row] for row in np.flatnonzero(numbers == number).tolist()]


def nearest_siblings(centres: Vectors) -> list[int | None]:
    """The number of the nearest other centre of each; None for one alone. Shapes: (clusters, d)."""
    if len(centres) < 2:
        return [None] * len(centres)
    cosines = centres @ centres.T
    np.fill_diagonal(cosines, -np.inf)
    return [int(number) for number in cosines.argmax(axis=1)]


def scope_of(members: Sequence[Label]) -> str:
    """How much a cluster holds, and how much of it the most frequent label is."""
    total = sum(label.instances for label in members)
    first = _by_frequency(members)[0]
    share = first.instances / max(total, 1)
    return f"{len(members)} labels, {total} instances; {share:.0%} of them {first.text}"


def examples_of(members: Sequence[Label]) -> tuple[str, ...]:
    """The most frequent labels."""
    return tuple(label.text for label in _by_frequency(members)[:EXAMPLES])


def propose_names(
    members: Sequence[Label],
    rest: Sequence[Label],
    current: str = "",
    vectors: Vectors | None = None,
    count: int = PROPOSALS,
) -> list[str]:
    """Other names for a cluster: its middle, its most distinctive phrase, its most frequent label.

    `rest` are the labels of the other clusters. The middle is the label nearest to all others by
    `vectors`, rows as in `members`, or where they are not at hand by the words that labels share.
    Identity: no two fold to the same text, and none folds to `current`.
    """
    if not members:
        return []
    middle = _by_nearness(members, vectors)
    phrases = distinctive_phrases(members, rest)
    frequent = [label.text for label in _by_frequency(members)]
    turns = zip(middle, _padded(phrases, len(middle)), frequent, strict=True)
    wanted = [text for turn in turns for text in turn if text]
    seen, found = {fold_text(current)}, list[str]()
    for text in wanted:
        if (folded := fold_text(text)) not in seen:
            seen.add(folded)
            found.append(text)
    return found[:count]


def _padded(texts: Sequence[str], count: int) -> list[str]:
    return [*texts[:count], *[""] * (count - len(texts))]


def _by_frequency(members: Sequence[Label]) -> list[Label]:
    return sorted(members, key=lambda label: (-label.instances, label.key))


def _by_nearness(members: Sequence[Label], vectors: Vectors | None) -> list[str]:
    weights = np.log1p([label.instances for label in members])
    if vectors is not None:
        near = vectors @ (weights @ vectors) * weights
    else:
        words = [set(_WORD.findall(fold_text(label.text))) for label in members]
        holders = Counter(word for each in words for word in each)
        near = weights * [sum(holders[w] for w in each) / max(len(each), 1) for each in words]
    return [members[row].text for row in np.argsort(-near, kind="stable")]


def distinctive_phrases(members: Sequence[Label], rest: Sequence[Label]) -> list[str]:
    """Phrases of two or three words that these labels hold and the rest do not, the best first.

    The weight of a phrase is p log(p / q), p and q its share here and elsewhere, one half added.
    """
    return _rank_phrases(_count_phrases(members), _count_phrases(rest))


def distinctive_by_cluster(labels: Sequence[Label], numbers: Numbers) -> list[list[str]]:
    """The most distinctive phrases of each cluster against all labels outside of it.

    Shapes: (n,). Masking: labels in no cluster count as outside of each.
    """
    counts: list[Counter[str]] = [Counter() for _ in range(int(numbers.max(initial=-1)) + 1)]
    whole = Counter[str]()
    for label, number in zip(labels, numbers.tolist(), strict=True):
        phrases = _count_phrases([label])
        whole.update(phrases)
        if number >= 0:
            counts[number].update(phrases)
    total = sum(whole.values())
    return [_rank_phrases(here, whole, total)[:DISTINCTIVE_WORDS] for here in counts]


def _rank_phrases(
    here: Mapping[str, int], there: Mapping[str, int], total: int | None = None
) -> list[str]:
    """Phrases by their weight here against there; with a total, `there` holds them all."""
    own = 0 if total is None else 1
    size = sum(here.values())
    outside = (sum(there.values()) if total is None else total - size) + 1.0
    inside = size + 1.0
    weights = {
        phrase: n
        / inside
        * math.log(n / inside / ((there.get(phrase, 0) - own * n + 0.5) / outside))
        for phrase, n in here.items()
        if " " in phrase and n > 1
    }
    return sorted((p for p in weights if weights[p] > 0), key=lambda p: (-weights[p], p))


def _count_phrases(labels: Sequence[Label]) -> Counter[str]:
    counts = Counter[str]()
    for label in labels:
        words = _WORD.findall(fold_text(label.text))
        for length in range(1, min(PHRASE_WORDS, len(words)) + 1):
            for start in range(len(words) - length + 1):
                counts[" ".join(words[start : start + length])] += 1
    return counts


def contrast(members: Sequence[Label], others: Sequence[Label], name: str) -> str:
    """What sets labels apart from those of their nearest sibling: the words of each side."""
    here, there = (_word_shares(labels) for labels in (members, others))
    own, theirs = _stronger(here, there), _stronger(there, here)
    parts = [f"here {', '.join(own)}"] if own else []
    parts += [f"there {', '.join(theirs)}"] if theirs else []
    return f"Near {name}: " + ("; ".join(parts) or "they share all their words")


def _word_shares(labels: Sequence[Label]) -> dict[str, float]:
    counts = Counter[str]()
    for label in labels:
        for word in set(_WORD.findall(fold_text(label.text))) - FUNCTION_WORDS:
            counts[word] += 1 + round(math.log(max(label.instances, 1)))
    total = sum(counts.values())
    return {word: count / total for word, count in counts.items()}


def _stronger(here: dict[str, float], there: dict[str, float]) -> list[str]:
    gaps = {word: share - there.get(word, 0.0) for word, share in here.items()}
    ranked = sorted((w for w in gaps if gaps[w] > 0), key=lambda w: (-gaps[w], w))
    return ranked[:CONTRASTING_WORDS]


def name_groups(
    labels: Sequence[InventoryLabel], vectors: Vectors, numbers: Numbers
) -> list[ClusterName]:
    """A name and a definition for each cluster by its own centre."""
    return name_clusters(labels, vectors, numbers, cluster_centres(vectors, numbers))


def name_clusters(
    labels: Sequence[InventoryLabel], vectors: Vectors, numbers: Numbers, centres: Vectors
) -> list[ClusterName]:
    """A name and a definition for each cluster; no two names are the same.

    The name is the label that is both near the centre and frequent. The definition is that of
    the label nearest to the centre among those that have one; without any it lists labels and
    the words that set the cluster apart from the others.
    """
    words = distinctive_words(labels, numbers)
    named = []
    for number, middle in enumerate(centres):
        inside = numbers == number
        members = [label for label, chosen in zip(labels, inside, strict=True) if chosen]
        cosines = vectors[inside] @ middle
        order = np.argsort(-cosines, kind="stable").tolist()
        definition = _definition([members[index] for index in order], words[number])
        counts = np.array([label.instances for label in members])
        best = int(np.argmax(cosines * np.log1p(counts)))
        named.append(ClusterName(members[best].text, definition))
    return named


def _definition(nearest_first: Sequence[InventoryLabel], words: Sequence[str]) -> str:
    for label in nearest_first:
        if label.definition:
            return label.definition
    frequent = sorted(nearest_first, key=lambda label: (-label.instances, label.key))
    listed = ", ".join(label.text for label in frequent[:EXAMPLES])
    return f"Labels such as {listed}" + (f"; {', '.join(words)}" if words else "")


def distinctive_words(labels: Sequence[InventoryLabel], numbers: Numbers) -> list[list[str]]:
    """The words that weigh most in each cluster's labels against all the others'.

    The weight of a word is its share of the cluster's words times log(1 + clusters / clusters that
    hold it); instances count by their logarithm.
    """
    bags: list[Counter[str]] = [Counter() for _ in range(int(numbers.max(initial=-1)) + 1)]
    for label, number in zip(labels, numbers, strict=True):
        if number >= 0:
            for word in _WORD.findall(label.key):
                bags[int(number)][word] += 1 + round(math.log(max(label.instances, 1)))
    holders = Counter(word for bag in bags for word in bag)
    return [_heaviest(bag, holders, len(bags)) for bag in bags]


def _heaviest(bag: Counter[str], holders: Counter[str], clusters: int) -> list[str]:
    weights = {word: count * math.log(1 + clusters / holders[word]) for word, count in bag.items()}
    return sorted(weights, key=lambda word: (-weights[word], word))[:DISTINCTIVE_WORDS]
