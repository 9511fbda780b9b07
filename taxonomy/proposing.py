"""About fifteen categories proposed from the labels alone, and how far each label belongs."""

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from taxonomy.assignment import cluster_centres
from taxonomy.clustering import Numbers
from taxonomy.inventory import InventoryLabel
from taxonomy.merging import CATEGORIES, Tree, propose_tree
from taxonomy.naming import ClusterName, name_clusters
from taxonomy.spreading import Inventory, Probabilities
from taxonomy.state import CategoryText

EXAMPLES = 3
KEY_LETTERS = 60


def propose_categories(
    labels: Sequence[InventoryLabel], inventory: Inventory
) -> tuple[tuple[CategoryText, ...], Probabilities]:
    """A tree of categories under macro-strategies, and the shares of each row, noise last.

    Shapes: shares (rows, categories + 1).
    Identity: the same labels and vectors give the same tree.
    """
    tree = propose_tree(inventory, count_groups(len(inventory.vectors)))
    numbers = tree.group_of[inventory.row_of]
    names = _names(labels, inventory, numbers)
    macros = _names(labels, inventory, tree.macro_of[numbers])
    categories = tuple(
        CategoryText(
            key,
            name.name,
            macros[int(tree.macro_of[number])].name,
            name.definition,
            "",
            tuple(_examples(labels, numbers, number)),
        )
        for number, (key, name) in enumerate(zip(_keys(names), names, strict=True))
    )
    return categories, _shares(tree, len(names))


def count_groups(rows: int) -> int:
    """Fifteen, or of fewer than 225 rows the square root."""
    return min(CATEGORIES, max(1, round(math.sqrt(rows))))


def _names(
    labels: Sequence[InventoryLabel], inventory: Inventory, numbers: Numbers
) -> list[ClusterName]:
    vectors = inventory.vectors[inventory.row_of]
    return name_clusters(labels, vectors, numbers, cluster_centres(vectors, numbers))


def _examples(labels: Sequence[InventoryLabel], numbers: Numbers, number: int) -> Iterable[str]:
    members = [labels[place] for place in np.flatnonzero(numbers == number).tolist()]
    members.sort(key=lambda label: (-label.instances, label.key))
    return (label.text for label in members[:EXAMPLES])


def _keys(names: Sequence[ClusterName]) -> list[str]:
    """Keys of categories from their names, each once: letters, digits and underscores."""
    keys: list[str] = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "_", name.name.lower()).strip("_")[:KEY_LETTERS]
        key = plain if plain[:1].isalpha() else f"group_{plain}".rstrip("_")
        repeats = sum(other == key or other.startswith(f"{key}_") for other in keys)
        keys.append(f"{key}_{repeats + 1}" if key in keys else key)
    return keys


def _shares(tree: Tree, count: int) -> Probabilities:
    """A row's cohesion is its own group's share; the others share the rest evenly."""
    own = np.clip(tree.cohesion, 1.0 / count, 1.0)
    shares = np.zeros((len(own), count + 1))
    shares[:, :count] = ((1.0 - own) / max(count - 1, 1))[:, None]
    shares[np.arange(len(own)), tree.group_of] = own
    return shares
