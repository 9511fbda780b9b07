"""What all cells come to: a rate for each arm, means and paired differences with intervals."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.tiny_world.protocol import Protocol

UNTRAINED = "untrained"


@dataclass(frozen=True)
class Record:
    """A policy at a mark of its training; the untrained one is at step 0 of its own arm."""

    pretrained: int
    alignment: int
    arm: str
    rate: float
    step: int
    measured: Mapping[str, float]


@dataclass(frozen=True)
class Interval:
    """A mean over pretrained seeds with its t interval of 95 %."""

    mean: float
    low: float
    high: float
    n: int


Cell = tuple[int, int]
Chosen = Mapping[Cell, Record]


def interval(values: Sequence[float]) -> Interval:
    """The mean and mean ± t s / √n; a single value has no interval."""
    from scipy.stats import t

    n, mean = len(values), math.fsum(values) / len(values)
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(t.ppf(0.975, n - 1)) * spread / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def by_pretrained(values: Mapping[Cell, float]) -> list[float]:
    """Each pretrained seed's mean over alignment seeds, which share a world and a policy."""
    groups: dict[int, list[float]] = defaultdict(list)
    for (pretrained, _), value in sorted(values.items()):
        groups[pretrained].append(value)
    return [math.fsum(group) / len(group) for group in groups.values()]


def final_records(records: Iterable[Record]) -> list[Record]:
    """The last mark of every run."""
    last: dict[tuple[object, ...], Record] = {}
    for record in records:
        key = (record.pretrained, record.alignment, record.arm, record.rate)
        if key not in last or record.step > last[key].step:
            last[key] = record
    return list(last.values())


def best_rate(records: Iterable[Record], arm: str) -> float:
    """The rate with the highest mean validation Acc at the last mark; ties to the lower rate."""
    found: dict[float, list[float]] = defaultdict(list)
    for record in final_records(records):
        if record.arm == arm:
            found[record.rate].append(record.measured["validation_acc"])
    return max(sorted(found), key=lambda rate: math.fsum(found[rate]) / len(found[rate]))


def at_best_rate(records: Sequence[Record], arm: str) -> Chosen:
    """The last mark of each cell at the arm's rate."""
    rate = best_rate(records, arm)
    return {
        (r.pretrained, r.alignment): r
        for r in final_records(records)
        if r.arm == arm and r.rate == rate
    }


def at_equal_kl(records: Iterable[Record], arm: str, target_nats: float) -> Chosen:
    """In each cell the arm's record whose KL is nearest to the target, on a logarithmic scale."""
    nearest: dict[Cell, Record] = {}
    for record in records:
        cell = (record.pretrained, record.alignment)
        if record.arm == arm and (
            cell not in nearest or _far(record, target_nats) < _far(nearest[cell], target_nats)
        ):
            nearest[cell] = record
    return nearest


def untrained(records: Iterable[Record], cells: Iterable[Cell]) -> Chosen:
    """The policy before training in every cell of its pretrained seed."""
    before = {record.pretrained: record for record in records if record.arm == UNTRAINED}
    return {cell: before[cell[0]] for cell in cells}


def compare(one: Chosen, other: Chosen, name: str) -> dict[str, Any]:
    """The paired difference of a figure: over pretrained seeds, and over cells beside it."""
    apart = {cell: one[cell].measured[name] - other[cell].measured[name] for cell in one}
    return {
        "over_pretrained_seeds": vars(interval(by_pretrained(apart))),
        "over_cells": vars(interval(list(apart.values()))),
        "cells_above": sum(value > 0 for value in apart.values()),
    }


def summarise(records: Sequence[Record], protocol: Protocol) -> dict[str, Any]:
    """Both comparisons, at each arm's own rate and at equal KL, and the grid behind them."""
    target = protocol.target_kl_nats
    return {
        "rates": {arm: best_rate(records, arm) for arm in protocol.arms},
        "own_rate": _table(records, protocol, lambda arm: at_best_rate(records, arm)),
        "equal_kl": _table(records, protocol, lambda arm: at_equal_kl(records, arm, target)),
        "grid": _grid(records, protocol),
    }


def _table(
    records: Sequence[Record], protocol: Protocol, choose: Callable[[str], Chosen]
) -> dict[str, Any]:
    chosen: dict[str, Chosen] = {arm: choose(arm) for arm in protocol.arms}
    chosen[UNTRAINED] = untrained(records, chosen[protocol.arms[0]])
    names = ("test_acc", "test_mis", "test_hit_gap", "kl_nats")
    arms = {arm: {name: vars(_mean(each, name)) for name in names} for arm, each in chosen.items()}
    ours = chosen["mralign"]
    differences = {
        f"{arm} {name}": compare(ours, chosen[arm], name)
        for arm in chosen if arm != "mralign" for name in ("test_acc", "test_mis")
    }  # fmt: skip
    differences["placebo over kto test_acc"] = compare(chosen["placebo"], chosen["kto"], "test_acc")
    return {"arms": arms, "mralign_minus": differences}


def _grid(records: Sequence[Record], protocol: Protocol) -> list[dict[str, Any]]:
    """Means over cells of every arm, rate and mark."""
    rows = []
    for arm in protocol.arms:
        for rate in protocol.rates_of(arm):
            of = [record for record in records if (record.arm, record.rate) == (arm, rate)]
            runs: dict[Cell, list[Record]] = defaultdict(list)
            for record in sorted(of, key=lambda record: record.step):
                runs[record.pretrained, record.alignment].append(record)
            for place, mark in enumerate(protocol.marks):
                at = [run[place].measured for run in runs.values()]
                means = {name: math.fsum(m[name] for m in at) / len(at) for name in at[0]}
                rows.append({"arm": arm, "rate": rate, "mark": mark, **means})
    return rows


def _mean(chosen: Chosen, name: str) -> Interval:
    return interval(by_pretrained({cell: r.measured[name] for cell, r in chosen.items()}))


def _far(record: Record, target_nats: float) -> float:
    return abs(math.log(max(record.measured["kl_nats"], 1e-9) / target_nats))
