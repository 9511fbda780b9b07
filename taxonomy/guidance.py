"""How much each label belongs to each category of a preset, by guided spreading."""

from collections.abc import Sequence

from taxonomy.anchors import KnownLabels, build_anchors
from taxonomy.embedding import Embed
from taxonomy.inventory import InventoryLabel
from taxonomy.replay import CategoryText
from taxonomy.spreading import Probabilities, fold_inventory, guess


def category_shares(
    labels: Sequence[InventoryLabel],
    categories: Sequence[CategoryText],
    known: KnownLabels,
    embed: Embed,
) -> Probabilities:
    """The share of each label that goes to each category; what is missing to 1 is likely noise.

    Shapes: (n labels, categories), each row in [0, 1] and summing to at most 1.
    Identity: deterministic.
    """
    inventory = fold_inventory(
        [label.text for label in labels], embed, [label.definition for label in labels]
    )
    found = guess(inventory, build_anchors(categories, known), embed)
    shares = found.probabilities * (1.0 - found.noise)[:, None]
    placed: Probabilities = shares[inventory.row_of]
    return placed
