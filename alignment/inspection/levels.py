"""Labels seen from further away: macro-strategies in the place of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alignment.transitions.examples import Unit


def coarse_categories(categories: Sequence[str], macro_of: Mapping[str, str]) -> tuple[str, ...]:
    """The macro-strategies of the categories, in the order in which they first appear."""
    return tuple(dict.fromkeys(macro_of[category] for category in categories))


def coarse_units(
    units: Sequence[Unit], categories: Sequence[str], macro_of: Mapping[str, str]
) -> tuple[Unit, ...]:
    """The same units with their macro-strategies, each with the highest of its confidences.

    Two categories of one macro-strategy become one label, so a label set may shrink.
    """
    names = coarse_categories(categories, macro_of)
    places = [names.index(macro_of[category]) for category in categories]
    return tuple(replace(unit, labels=_coarse(unit.labels, places)) for unit in units)


def _coarse(
    labels: Sequence[tuple[int, float]], places: Sequence[int]
) -> tuple[tuple[int, float], ...]:
    highest: dict[int, float] = {}
    for label, confidence in labels:
        place = places[label]
        highest[place] = max(confidence, highest.get(place, confidence))
    return tuple(sorted(highest.items()))
