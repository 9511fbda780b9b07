"""Which colour a macro-strategy has, on every page and on the map."""

from collections.abc import Iterable

COLOURS = 6
NO_COLOUR = "macro-none"


def macro_classes(names: Iterable[str]) -> dict[str, str]:
    """The style class of each macro-strategy, in the order of the vocabulary."""
    order = dict.fromkeys(names)
    return {name: f"macro-{min(place, COLOURS - 1)}" for place, name in enumerate(order)}
