"""About fifteen categories proposed from the labels alone, and how far each label belongs."""

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from taxonomy.clusters.clustering import Numbers
from taxonomy.clusters.naming import ClusterName, name_groups
from taxonomy.discovery.merging import CATEGORIES, Folded, Tree, propose_tree
from taxonomy.events.state import CategoryText
from taxonomy.guidance.spreading import EDGE_POWER, NEIGHBOURS, Inventory, Probabilities, spread
from taxonomy.labels.embedding import Vectors, unit
from taxonomy.labels.graph import find_neighbours, weigh
from taxonomy.labels.inventory import InventoryLabel

EXAMPLES = 3
KEY_LETTERS = 60


def propose_categories(
    labels: Sequence[InventoryLabel], inventory: Inventory
) -> tuple[tuple[CategoryText, ...], Probabilities]:
    """A tree of categories under macro-strategies, and the shares of each row, noise last.

    Shapes: shares (rows, categories + 1).
    Identity: the same labels and vectors give the same tree.
    """
    tree, categories = propose_rows(labels, inventory)
    return categories, share_out(tree, len(categories))


def propose_rows(
    labels: Sequence[InventoryLabel], folded: Folded
) -> tuple[Tree, tuple[CategoryText, ...]]:
    """The tree, and the texts of its categories."""
    tree = propose_tree(folded, count_groups(len(folded.vectors)))
    numbers, vectors = tree.group_of[folded.row_of], folded.vectors[folded.row_of]
    names = name_groups(labels, vectors, numbers)
    macros = name_groups(labels, vectors, tree.macro_of[numbers])
    return tree, tuple(
        CategoryText(
            key,
            name.name,
            macros[int(tree.macro_of[number])].name,
            name.definition,
            "",
            tuple(pick_examples(labels, numbers, number)),
        )
        for number, (key, name) in enumerate(zip(make_keys(names), names, strict=True))
    )


def arrange_rows(vectors: Vectors, told: Numbers, count: int) -> Tree:
    """A tree from the rows whose group is told: the others follow their neighbours on the graph.

    Rows that no told one reaches go to the group whose mean is nearest. Of the macro-strategies it
    says nothing. Shapes: (n, d), (n,) with −1 for who is not told.
    Identity: told rows keep their group.
    """
    graph = weigh(find_neighbours(vectors, NEIGHBOURS), EDGE_POWER)
    sources = np.zeros((len(vectors), count))
    known = np.flatnonzero(told >= 0)
    sources[known, told[known]] = 1.0
    arrived = spread(graph, sources)
    means = unit((vectors.T @ sources).T.astype(np.float32))
    cosines = np.asarray(vectors @ means.T, dtype=np.float64)
    reached = arrived.sum(axis=1) > 0
    best = np.where(reached, arrived.argmax(axis=1), cosines.argmax(axis=1))
    group_of = np.where(told >= 0, told, best).astype(np.int64)
    cohesion = np.clip(cosines[np.arange(len(vectors)), group_of], -1.0, 1.0)
    return Tree(group_of, np.zeros(count, dtype=np.int64), cohesion)


def count_groups(rows: int) -> int:
    """Fifteen, or of fewer than 225 rows the square root."""
    return min(CATEGORIES, max(1, round(math.sqrt(rows))))


def pick_examples(labels: Sequence[InventoryLabel], numbers: Numbers, number: int) -> Iterable[str]:
    """The labels of most instances of a group."""
    members = [labels[place] for place in np.flatnonzero(numbers == number).tolist()]
    members.sort(key=lambda label: (-label.instances, label.key))
    return (label.text for label in members[:EXAMPLES])


def make_keys(names: Sequence[ClusterName]) -> list[str]:
    """Keys of categories from their names, each once: letters, digits and underscores."""
    keys: list[str] = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "_", name.name.lower()).strip("_")[:KEY_LETTERS]
        key = plain if plain[:1].isalpha() else f"group_{plain}".rstrip("_")
        repeats = sum(other == key or other.startswith(f"{key}_") for other in keys)
        keys.append(f"{key}_{repeats + 1}" if key in keys else key)
    return keys


def share_out(tree: Tree, count: int) -> Probabilities:
    """A row's cohesion is its own group's share; the others share the rest evenly."""
    own = np.clip(tree.cohesion, 1.0 / count, 1.0)
    shares = np.zeros((len(own), count + 1))
    shares[:, :count] = ((1.0 - own) / max(count - 1, 1))[:, None]
    shares[np.arange(len(own)), tree.group_of] = own
    return shares
