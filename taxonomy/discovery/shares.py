"""Where every label starts: its shares of the categories that are given, or of proposed ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from taxonomy.discovery.proposing import propose_categories
from taxonomy.events.state import CategoryText
from taxonomy.guidance.anchors import KnownLabels, build_anchors
from taxonomy.guidance.answers import as_shares
from taxonomy.guidance.spreading import Inventory, Probabilities, fold_inventory, guess
from taxonomy.labels.embedding import Embed
from taxonomy.labels.inventory import InventoryLabel, gloss_of


@dataclass(frozen=True)
class Guidance:
    """Folded labels, and the shares of each row: of the categories, and of noise as the last.

    `origin` is guided where the categories were given, cluster where they were proposed.
    """

    inventory: Inventory
    categories: tuple[CategoryText, ...]
    shares: Probabilities
    origin: str

    @property
    def by_label(self) -> Probabilities:
        """Shapes: (labels, categories); what is missing to 1 is likely noise."""
        placed: Probabilities = self.shares[self.inventory.row_of, :-1]
        return placed


def guide(
    labels: Sequence[InventoryLabel],
    categories: Sequence[CategoryText],
    known: KnownLabels,
    embed: Embed,
) -> Guidance:
    """Fold the labels, each with its labeler's own definition as its gloss, and place them.

    With categories, what speaks for them is spread; without any, a tree of them is proposed.
    Identity: deterministic.
    """
    glosses = [gloss_of(label) for label in labels]
    inventory = fold_inventory([label.text for label in labels], embed, glosses)
    if not categories:
        proposed, shares = propose_categories(labels, inventory)
        return Guidance(inventory, proposed, shares, "cluster")
    shares = as_shares(guess(inventory, build_anchors(categories, known), embed))
    return Guidance(inventory, tuple(categories), shares, "guided")
