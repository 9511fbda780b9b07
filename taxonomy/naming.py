"""Names of clusters without a language model: a central, frequent label and what sets it apart."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taxonomy.clustering import Numbers
from taxonomy.embedding import Vectors
from taxonomy.inventory import InventoryLabel

DISTINCTIVE_WORDS = 4
EXAMPLES = 3
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class ClusterName:
    """What a cluster is called, and what it seems to mean."""

    name: str
    definition: str


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
