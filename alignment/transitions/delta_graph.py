"""The largest changes between two matrices as arrows between states, as an SVG image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alignment.transitions import svg
from alignment.transitions.differences import Cell

SIDE = 720
TOP = 60
RADIUS = 250
NODE = 7.0
NODE_RANGE = (6.0, 26.0)  # radii, so that areas are in proportion to shares from the least on
GAP = 0.6  # of a place, between groups
TINTS = ("#cfe3f2", "#fbe3c4", "#cdeadf", "#efd5e8", "#ece7bd", "#dadcf3")  # the pages', pale
NO_TINT = "#e4e4e4"  # of what is in no group: where a trace starts and stops
RISES, FALLS = "#a63603", "#08306b"
WIDEST = 7.0
BEND = 0.22  # of an arrow's length, to the right of its way, so that both ways can be told apart

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A state that is drawn whether it has an arrow or not: the share of moves that go there, and
    the group that it stands in.
    """

    name: str
    share: float
    group: str = ""


@dataclass(frozen=True)
class _Spot:
    """Where a state is drawn, how large, and in which tint."""

    point: Point
    radius: float = NODE
    tint: str = "#333333"
    note: str = ""


@dataclass(frozen=True)
class _Arrow:
    """A change to draw: between which spots, how wide, and what is said of it."""

    cell: Cell
    start: _Spot
    end: _Spot
    width: float

    @property
    def colour(self) -> str:
        return RISES if self.cell.delta > 0.0 else FALLS

    @property
    def note(self) -> str:
        cell = self.cell
        flag = ", beyond chance" if cell.differs else ""
        ends = f" ({100 * cell.low:+.1f} to {100 * cell.high:+.1f})" if cell.low == cell.low else ""
        return f"{cell.source} → {cell.target}: {100 * cell.delta:+.1f} points{ends}{flag}"

    @property
    def style(self) -> str:
        dash = "" if self.cell.delta > 0.0 else ' stroke-dasharray="7 4"'
        return f'stroke="{self.colour}" stroke-width="{self.width:.1f}"{dash}'


def delta_graph_svg(
    cells: Sequence[Cell], title: str, nodes: Sequence[Node] = (), where: str = "in the second"
) -> str:
    """The cells as arrows between states in a circle: those they name, or the nodes given.

    Solid and orange rises, dashed and blue falls; the width is the size of the change. Nodes are
    as large as their share, and those of a group stand together under its name.
    """
    spots = _grouped_spots(nodes) if nodes else _spots(cells)
    largest = max((abs(cell.delta) for cell in cells), default=1.0) or 1.0
    arrows = [
        _Arrow(cell, spots[cell.source], spots[cell.target],
               max(WIDEST * abs(cell.delta) / largest, 0.8))
        for cell in cells
    ]  # fmt: skip
    parts = [
        svg.text(20, 28, title, 'font-size="15" font-weight="600"'),
        *_legend(nodes),
        *(part for arrow in arrows for part in _arrow_marks(arrow)),
        *(mark for state, spot in spots.items() for mark in _state_marks(state, spot)),
        svg.text(
            20, SIDE + TOP - 16,
            f"solid and orange: likelier {where}; dashed and blue: less likely;"
            " in points, * beyond chance",
            'fill="#444444"',
        ),
    ]  # fmt: skip
    return svg.image(SIDE + 160, SIDE + TOP, title, parts)


def _spots(cells: Sequence[Cell]) -> dict[str, _Spot]:
    states = list(dict.fromkeys(state for cell in cells for state in (cell.source, cell.target)))
    return {state: _Spot(_place(number, len(states))) for number, state in enumerate(states)}


def _grouped_spots(nodes: Sequence[Node]) -> dict[str, _Spot]:
    """The nodes round the circle in their order, a gap between two groups."""
    tints = _tints(nodes)
    steps = [GAP * (before.group != after.group) for before, after in pairwise([nodes[-1], *nodes])]
    length = len(nodes) + sum(steps)
    largest = max(node.share for node in nodes) or 1.0
    spots, turned = dict[str, _Spot](), 0.0
    for node, step in zip(nodes, steps, strict=True):
        turned += step
        radius = max(NODE_RANGE[1] * math.sqrt(node.share / largest), NODE_RANGE[0])
        note = f"{node.name}: {100 * node.share:.1f} % of moves" + f", {node.group}" * bool(
            node.group
        )
        spots[node.name] = _Spot(_place(turned, length), radius, tints[node.group], note)
        turned += 1.0
    return spots


def _tints(nodes: Sequence[Node]) -> dict[str, str]:
    """The tint of each group, in their order; the last one is that of all that are left."""
    named = [group for group in dict.fromkeys(node.group for node in nodes) if group]
    return {group: TINTS[min(at, len(TINTS) - 1)] for at, group in enumerate(named)} | {"": NO_TINT}


def _legend(nodes: Sequence[Node]) -> Iterator[str]:
    """The groups by their tint, and what size means."""
    named = ((group, tint) for group, tint in _tints(nodes).items() if group)
    for row, (group, tint) in enumerate(named):
        y = 50 + 18 * row
        yield svg.circle(27, y - 4, 6, f'fill="{tint}" stroke="#333333"')
        yield svg.text(40, y, svg.shortened(group, 40), 'fill="#333333"')
    if nodes:
        size = "a node is as large as the share of moves that go there"
        yield svg.text(20, SIDE + TOP - 34, size, 'fill="#444444"')


def _place(number: float, count: float) -> Point:
    angle = 2.0 * math.pi * number / max(count, 1) - math.pi / 2.0
    middle = (SIDE + 160) / 2.0, TOP + SIDE / 2.0 - 20.0
    return middle[0] + RADIUS * math.cos(angle), middle[1] + RADIUS * math.sin(angle)


def _arrow_marks(arrow: _Arrow) -> Iterator[str]:
    """The line, its head, and the size of the change beside its middle."""
    steps, tip, angle, label = _loop(arrow) if arrow.start == arrow.end else _curve(arrow)
    yield svg.path(steps, arrow.style, arrow.note)
    yield svg.arrow_head(*tip, angle, 6.0 + arrow.width, arrow.colour)
    points = f"{100 * arrow.cell.delta:+.1f}" + ("*" if arrow.cell.differs else "")
    halo = 'paint-order="stroke" stroke="#ffffff" stroke-width="3"'
    yield svg.text(*label, points, f'text-anchor="middle" fill="{arrow.colour}" {halo}')


def _curve(arrow: _Arrow) -> tuple[str, Point, float, Point]:
    (x0, y0), (x1, y1) = arrow.start.point, arrow.end.point
    length = math.hypot(x1 - x0, y1 - y0)
    bend_x = (x0 + x1) / 2.0 - (y1 - y0) * BEND
    bend_y = (y0 + y1) / 2.0 + (x1 - x0) * BEND
    angle = math.atan2(y1 - bend_y, x1 - bend_x)
    near = min((arrow.end.radius + 3.0) / length, 0.4) * length
    tip = x1 - near * math.cos(angle), y1 - near * math.sin(angle)
    steps = f"M {x0:.1f} {y0:.1f} Q {bend_x:.1f} {bend_y:.1f} {tip[0]:.1f} {tip[1]:.1f}"
    label = (x0 + 2.0 * bend_x + x1) / 4.0, (y0 + 2.0 * bend_y + y1) / 4.0
    return steps, tip, angle, label


def _loop(arrow: _Arrow) -> tuple[str, Point, float, Point]:
    """A loop at the inner side of a state."""
    (x, y), radius = arrow.start.point, arrow.start.radius
    middle = (SIDE + 160) / 2.0, TOP + SIDE / 2.0 - 20.0
    inward = math.atan2(middle[1] - y, middle[0] - x)
    reach = 68.0 + radius
    bends = [
        (x + reach * math.cos(inward + turn), y + reach * math.sin(inward + turn))
        for turn in (-0.6, 0.6)
    ]
    tip = x + (radius + 3) * math.cos(inward + 0.6), y + (radius + 3) * math.sin(inward + 0.6)
    curve = " ".join(f"{bx:.1f} {by:.1f}" for bx, by in (*bends, tip))
    label = x + (reach - 13.0) * math.cos(inward), y + (reach - 13.0) * math.sin(inward)
    return f"M {x:.1f} {y:.1f} C {curve}", tip, inward + 0.6 + math.pi, label


def _state_marks(state: str, spot: _Spot) -> Iterator[str]:
    x, y = spot.point
    middle = (SIDE + 160) / 2.0
    yield svg.circle(x, y, spot.radius, f'fill="{spot.tint}" stroke="#333333"', spot.note or state)
    anchor = "middle" if abs(x - middle) < 30.0 else ("start" if x > middle else "end")
    away = spot.radius + 7.0
    shift = {"middle": 0.0, "start": away, "end": -away}[anchor]
    lower = 4.0 if anchor != "middle" else (-away if y < TOP + SIDE / 2.0 else away + 10.0)
    yield svg.text(x + shift, y + lower, svg.shortened(state, 30), f'text-anchor="{anchor}"')
