"""Portions: which sequences share a forward, and which process runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", int, tuple[int, int])


@dataclass(frozen=True)
class Portion(Generic[T]):
    """The items of one forward. An idle one only keeps a process in step with the others."""

    items: tuple[T, ...]
    idle: bool = False


def cut_portions(
    items: Iterable[T],
    length: Callable[[T], int],
    budget_tokens: int,
    rank: int = 0,
    processes: int = 1,
) -> list[Portion[T]]:
    """Deal items to processes by length and cut each share into forwards of like length.

    A forward holds at most `budget_tokens` padded tokens, or one item that is longer alone.
    Every process gets as many forwards as any other, because a collective waits for all.

    Identity: over the processes, the items of the forwards that are not idle are `items`, each
    once; the padding is what lengths differ by inside a forward.
    """
    ordered = sorted(set(items), key=lambda item: (-length(item), item))
    if not ordered:
        return []
    shares = [ordered[number::processes] for number in range(processes)]
    cuts: list[list[Portion[T]]] = [_cut(share, length, budget_tokens) for share in shares]
    idle = Portion[T]((ordered[-1],), idle=True)  # the shortest there is
    missing = max(map(len, cuts)) - len(cuts[rank])
    return cuts[rank] + [idle] * missing


def _cut(items: list[T], length: Callable[[T], int], budget_tokens: int) -> list[Portion[T]]:
    portions: list[Portion[T]] = []
    current: list[T] = []
    for item in items:
        longest = length(current[0]) if current else length(item)
        if current and longest * (len(current) + 1) > budget_tokens:
            portions.append(Portion[T](tuple(current)))
            current = []
        current.append(item)
    if current:
        portions.append(Portion[T](tuple(current)))
    return portions
