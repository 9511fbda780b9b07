"""Which traces a study takes, out of which stratum, and who labels which of them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class DrawingError(ValueError):
    """Nothing to draw from, or too few people for the overlap."""


@dataclass(frozen=True)
class Drawn:
    """The stratum of each trace that was drawn, in their order, and strata that fell short."""

    strata: Mapping[int, str]
    short: Mapping[str, int]  # how many traces such a stratum had


def draw(candidates: Mapping[int, str], per_stratum: int, seed: int) -> Drawn:
    """Draw as many traces from each stratum, without replacement; a small stratum gives all.

    The same candidates, number and seed give the same draw, whatever their order.

    Raises:
        DrawingError: there is no candidate, or the number is below 1.
    """
    if per_stratum < 1 or not candidates:
        raise DrawingError(
            f"expected traces to draw, at least 1 a stratum, got {len(candidates)} traces and "
            f"{per_stratum} a stratum"
        )
    by_stratum: dict[str, list[int]] = {}
    for trace in sorted(candidates):
        by_stratum.setdefault(candidates[trace], []).append(trace)
    strata: dict[int, str] = {}
    for name in sorted(by_stratum):
        chance = random.Random(f"{seed}:{name}")
        pool = by_stratum[name]
        strata |= dict.fromkeys(chance.sample(pool, min(per_stratum, len(pool))), name)
    short = {name: len(pool) for name, pool in by_stratum.items() if len(pool) < per_stratum}
    return Drawn(strata, short)


def share_out(
    traces: Sequence[int], people: Sequence[int], overlap: int, seed: int
) -> dict[int, list[int]]:
    """Give each trace to `overlap` people, everybody as many as can be, each in an order of theirs.

    Two people who label the same traces meet them in different orders, so that neither fatigue
    nor practice falls on the same ones.

    Raises:
        DrawingError: there are fewer people than the overlap asks for.
    """
    if not 1 <= overlap <= len(set(people)) or len(set(people)) != len(people):
        raise DrawingError(
            f"expected at least {overlap} different people for an overlap of {overlap}, "
            f"got {len(set(people))}"
        )
    shares: dict[int, list[int]] = {person: [] for person in people}
    chance = random.Random(f"{seed}:people")
    for trace in traces:
        ranked = sorted(people, key=lambda person: (len(shares[person]), chance.random()))
        for person in ranked[:overlap]:
            shares[person].append(trace)
    for place, person in enumerate(people):
        random.Random(f"{seed}:order:{place}").shuffle(shares[person])
    return shares
