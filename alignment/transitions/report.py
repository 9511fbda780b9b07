"""A matrix between states as text for the terminal and as an SVG heatmap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from alignment.transitions import svg
from alignment.transitions.matrices import allowed_cells
from alignment.transitions.weights import HIGHEST_WEIGHT, LOWEST_WEIGHT

if TYPE_CHECKING:
    from alignment.transitions.matrices import Cells, Matrix

Scale = Literal["probability", "weight", "delta"]
CELL = 34
LEFT = 200
TOP = 175
NAME = 30  # characters of a name that fit
NARROWEST = 760  # so that a title fits over few categories
BLUE = (8, 48, 107)
ORANGE = (166, 54, 3)
FORBIDDEN_FILL = "#eeeeee"
HATCHING = (
    '<defs><pattern id="doubt" width="8" height="8" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45)"><path d="M0 0V8" stroke="#8a8a8a" stroke-width="1.5"/>'
    "</pattern></defs>"
)


@dataclass(frozen=True)
class Heatmap:
    """What a heatmap shows: probabilities, weights around 1, or differences around 0.

    Cells in doubt are hatched.
    """

    matrix: Matrix
    states: Sequence[str]
    title: str
    scale: Scale = "probability"
    doubt: Doubt | None = None


@dataclass(frozen=True)
class Doubt:
    """Cells to be hatched, and why. Shapes: cells [K, K]."""

    cells: Cells
    reason: str


def weight_matrix(polar: Matrix, overall: Matrix) -> Matrix:
    """clip(P^±_ab / P_ab, 1/e, e) on the allowed cells, NaN on the others.

    Identity: the weight of a move between two sets of one label each is its cell.
    """
    allowed = allowed_cells(len(overall) - 2)
    known = allowed & (overall > 0.0)
    ratio = np.divide(polar, overall, out=np.ones_like(overall), where=known)
    ratio[(overall == 0.0) & (polar > 0.0)] = np.inf
    return np.where(allowed, np.clip(ratio, LOWEST_WEIGHT, HIGHEST_WEIGHT), np.nan)


def matrix_text(heatmap: Heatmap) -> str:
    """The matrix as aligned text: probabilities in percent, weights with two decimals.

    Columns are numbered as rows are; "·" stands for less than half a percent, a space for a cell
    that cannot be.
    """
    names = [svg.shortened(name, 20) for name in heatmap.states]
    cells = [[cell_text(value, heatmap.scale) for value in row] for row in _shown(heatmap)]
    digits = max(len(cell) for row in cells for cell in row)
    wide = max(len(str(len(names) - 1)), digits) + 1
    left = max(len(name) for name in names) + 4
    head = " " * left + "".join(f"{number:>{wide}}" for number in range(len(names)))
    lines = [
        f"{number:>2} {name:<{left - 3}}" + "".join(f"{cell:>{wide}}" for cell in row)
        for number, (name, row) in enumerate(zip(names, cells, strict=True))
    ]
    return "\n".join([heatmap.title, head, *(line.rstrip() for line in lines)])


def heatmap_svg(heatmap: Heatmap) -> str:
    """The matrix as an SVG image: rows are where a move leaves, columns where it arrives.

    Every name is escaped for XML.
    """
    count = len(heatmap.states)
    width, height = max(LEFT + CELL * count + 20, NARROWEST), TOP + CELL * count + 60
    shown = _shown(heatmap)
    largest = float(np.nanmax(np.abs(shown))) or 1.0
    marks = [
        _cell_mark((row, column), float(value), largest, heatmap)
        for row, values in enumerate(shown)
        for column, value in enumerate(values)
    ]
    names = [_name_marks(place, name) for place, name in enumerate(heatmap.states)]
    title = svg.text(20, 20, heatmap.title, 'font-size="15" font-weight="600"')
    notes = ["from row to column, " + _CAPTION[heatmap.scale]]
    if heatmap.doubt:
        notes.append(f"hatched: {heatmap.doubt.reason}")
    foot = [
        svg.text(20, height - 34 + 18 * line, note, 'fill="#444444"')
        for line, note in enumerate(notes)
    ]
    hatching = [HATCHING] if heatmap.doubt else []
    return svg.image(width, height, heatmap.title, [*hatching, title, *names, *marks, *foot])


_CAPTION: dict[Scale, str] = {
    "probability": "in percent; grey cells cannot be",
    "weight": "blue below 1, orange above; grey cells cannot be",
    "delta": "in percentage points; blue falls, orange rises; grey cells cannot be",
}


def _shown(heatmap: Heatmap) -> Matrix:
    """The matrix with NaN in the cells that cannot be."""
    return np.where(allowed_cells(len(heatmap.matrix) - 2), heatmap.matrix, np.nan)


def cell_text(value: float, scale: Scale) -> str:
    """What stands in a cell: weights with two decimals, others in percent or points."""
    if math.isnan(value):
        return ""
    if scale == "weight":
        return f"{value:.2f}"
    if scale == "delta":
        points = f"{100.0 * value:+.1f}"
        return "·" if points in ("+0.0", "-0.0") else points
    percent = f"{100.0 * value:.0f}"
    return "·" if percent == "0" else percent


def _cell_mark(place: tuple[int, int], value: float, largest: float, heatmap: Heatmap) -> str:
    row, column = place
    x, y = LEFT + CELL * column, TOP + CELL * row
    fill, ink = _colours(value, largest, heatmap.scale)
    note = f"{heatmap.states[row]} → {heatmap.states[column]}: {value:.4g}"
    square = svg.rectangle(x, y, CELL - 1, CELL - 1, fill, None if math.isnan(value) else note)
    doubted = heatmap.doubt is not None and bool(heatmap.doubt.cells[place])
    halo = ""
    if doubted and not math.isnan(value):
        square += svg.rectangle(x, y, CELL - 1, CELL - 1, "url(#doubt)", f"{note}, in doubt")
        halo = f' paint-order="stroke" stroke="{fill}" stroke-width="4"'
    label = svg.text(
        x + (CELL - 1) // 2,
        y + CELL // 2 + 4,
        cell_text(value, heatmap.scale),
        f'text-anchor="middle" font-size="11" fill="{ink}"{halo}',
    )
    return f"{square}{label}"


def _colours(value: float, largest: float, scale: Scale) -> tuple[str, str]:
    """The fill of a cell and an ink that is readable on it."""
    if math.isnan(value):
        return FORBIDDEN_FILL, "#555555"
    signed = strength_of(value, largest, scale)
    strength, full = abs(signed), ORANGE if signed > 0.0 else BLUE
    shade = [round(255 + (channel - 255) * strength) for channel in full]
    return f"#{shade[0]:02x}{shade[1]:02x}{shade[2]:02x}", _ink(shade)


def strength_of(value: float, largest: float, scale: Scale) -> float:
    """How deep the colour of a cell is, from -1 (all blue) over 0 (white) to 1 (all orange).

    Probabilities are blue alone; `largest` is the largest difference there is.
    """
    if scale == "probability":
        return -math.sqrt(min(max(value, 0.0), 1.0))
    if scale == "delta":
        return math.copysign(math.sqrt(abs(value) / largest), value)
    return math.log(min(max(value, LOWEST_WEIGHT), HIGHEST_WEIGHT))


def _ink(shade: Sequence[int]) -> str:
    """Black or white, whichever has the higher contrast (WCAG relative luminance)."""
    linear = [
        channel / 255 / 12.92 if channel <= 10 else ((channel / 255 + 0.055) / 1.055) ** 2.4
        for channel in shade
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"


def _name_marks(place: int, name: str) -> str:
    short = svg.shortened(name, NAME)
    middle = CELL * place + CELL // 2
    row = svg.text(LEFT - 6, TOP + middle + 4, short, 'text-anchor="end"')
    x, y = LEFT + middle, TOP - 6
    return row + svg.text(x, y, short, f'transform="rotate(-60 {x} {y})"')
