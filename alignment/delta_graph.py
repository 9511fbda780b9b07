"""The largest changes between two matrices as arrows between states, as an SVG image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alignment import svg
from alignment.differences import Cell

SIDE = 720
TOP = 60
RADIUS = 250
NODE = 7
RISES, FALLS = "#a63603", "#08306b"
WIDEST = 7.0
BEND = 0.22  # of an arrow's length, to the right of its way, so that both ways can be told apart

Point = tuple[float, float]


@dataclass(frozen=True)
class _Arrow:
    """A change to draw: between which points, how wide, and what is said of it."""

    cell: Cell
    start: Point
    end: Point
    width: float

    @property
    def colour(self) -> str:
        return RISES if self.cell.delta > 0.0 else FALLS

    @property
    def note(self) -> str:
        cell = self.cell
        flag = ", beyond chance" if cell.differs else ""
        return (
            f"{cell.source} → {cell.target}: {100 * cell.delta:+.1f} points"
            f" ({100 * cell.low:+.1f} to {100 * cell.high:+.1f}){flag}"
        )

    @property
    def style(self) -> str:
        dash = "" if self.cell.delta > 0.0 else ' stroke-dasharray="7 4"'
        return f'stroke="{self.colour}" stroke-width="{self.width:.1f}"{dash}'


def delta_graph_svg(cells: Sequence[Cell], title: str) -> str:
    """The cells as arrows between the states that they name, in a circle.

    Solid and orange rises, dashed and blue falls; the width is the size of the change.
    """
    states = list(dict.fromkeys(state for cell in cells for state in (cell.source, cell.target)))
    places = {state: _place(number, len(states)) for number, state in enumerate(states)}
    largest = max((abs(cell.delta) for cell in cells), default=1.0) or 1.0
    arrows = [
        _Arrow(cell, places[cell.source], places[cell.target],
               max(WIDEST * abs(cell.delta) / largest, 0.8))
        for cell in cells
    ]  # fmt: skip
    parts = [
        svg.text(20, 28, title, 'font-size="15" font-weight="600"'),
        *(part for arrow in arrows for part in _arrow_marks(arrow)),
        *(mark for state, point in places.items() for mark in _state_marks(state, point)),
        svg.text(
            20, SIDE + TOP - 16,
            "solid and orange: likelier in the second; dashed and blue: less likely;"
            " in points, * beyond chance",
            'fill="#444444"',
        ),
    ]  # fmt: skip
    return svg.image(SIDE + 160, SIDE + TOP, title, parts)


def _place(number: int, count: int) -> Point:
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
    (x0, y0), (x1, y1) = arrow.start, arrow.end
    length = math.hypot(x1 - x0, y1 - y0)
    bend_x = (x0 + x1) / 2.0 - (y1 - y0) * BEND
    bend_y = (y0 + y1) / 2.0 + (x1 - x0) * BEND
    angle = math.atan2(y1 - bend_y, x1 - bend_x)
    near = min((NODE + 3.0) / length, 0.4) * length
    tip = x1 - near * math.cos(angle), y1 - near * math.sin(angle)
    steps = f"M {x0:.1f} {y0:.1f} Q {bend_x:.1f} {bend_y:.1f} {tip[0]:.1f} {tip[1]:.1f}"
    label = (x0 + 2.0 * bend_x + x1) / 4.0, (y0 + 2.0 * bend_y + y1) / 4.0
    return steps, tip, angle, label


def _loop(arrow: _Arrow) -> tuple[str, Point, float, Point]:
    """A loop at the inner side of a state."""
    x, y = arrow.start
    middle = (SIDE + 160) / 2.0, TOP + SIDE / 2.0 - 20.0
    inward = math.atan2(middle[1] - y, middle[0] - x)
    bends = [
        (x + 75.0 * math.cos(inward + turn), y + 75.0 * math.sin(inward + turn))
        for turn in (-0.6, 0.6)
    ]
    tip = x + (NODE + 3) * math.cos(inward + 0.6), y + (NODE + 3) * math.sin(inward + 0.6)
    curve = " ".join(f"{bx:.1f} {by:.1f}" for bx, by in (*bends, tip))
    label = x + 62.0 * math.cos(inward), y + 62.0 * math.sin(inward)
    return f"M {x:.1f} {y:.1f} C {curve}", tip, inward + 0.6 + math.pi, label


def _state_marks(state: str, point: Point) -> Iterator[str]:
    x, y = point
    middle = (SIDE + 160) / 2.0
    yield svg.circle(x, y, NODE, 'fill="#333333"')
    anchor = "middle" if abs(x - middle) < 30.0 else ("start" if x > middle else "end")
    shift = {"middle": 0.0, "start": 14.0, "end": -14.0}[anchor]
    lower = 4.0 if anchor != "middle" else (-14.0 if y < TOP + SIDE / 2.0 else 24.0)
    yield svg.text(x + shift, y + lower, svg.shortened(state, 24), f'text-anchor="{anchor}"')
