"""A confusion of two sources, as a table for the terminal and as a heatmap."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.agreement.confusion import Confusion

CELL, LEFT, TOP = 34, 170, 170
DEEP = (8, 48, 107)
WIDEST = 20


def confusion_text(confusion: "Confusion", title: str) -> str:
    """Rows are the first source's labels, columns the second's, numbered as the rows are.

    Cells are in percent of the row; "·" stands for less than half a percent.
    """
    from alignment.transitions.svg import shortened

    used = confusion.used()
    names = [shortened(confusion.labels[place], WIDEST) for place in used]
    left = max(len(name) for name in names) + 4
    head = " " * left + "".join(f"{number:>4}" for number in range(len(used))) + "   units"
    lines = [title, head]
    for number, row in enumerate(used):
        total = confusion.counts[row].sum()
        cells = "".join(f"{_percent(confusion.counts[row][column], total):>4}" for column in used)
        lines.append(f"{number:>2} {names[number]:<{left - 3}}{cells}{total:>8.0f}")
    return "\n".join(lines)


def _percent(value: float, total: float) -> str:
    shown = f"{100 * value / total:.0f}" if total else "0"
    return "·" if shown == "0" else shown


def confusion_svg(confusion: "Confusion", rows: str, columns: str) -> str:
    """The same as an SVG image; every name is escaped."""
    from alignment.transitions import svg

    used = confusion.used()
    width = max(LEFT + CELL * len(used) + 90, 640)
    height = TOP + CELL * len(used) + 46
    title = f"What {columns} called the units of {rows}"
    marks = [svg.text(LEFT, 22, svg.shortened(title, 80), 'font-size="15" font-weight="600"')]
    for place, row in enumerate(used):
        middle = CELL * place + CELL // 2
        name = svg.shortened(confusion.labels[row], WIDEST)
        x, y = LEFT + middle, TOP - 6
        total = float(confusion.counts[row].sum())
        end = LEFT + CELL * len(used) + 8
        marks += [
            svg.text(LEFT - 6, TOP + middle + 4, name, 'text-anchor="end"'),
            svg.text(x, y, name, f'transform="rotate(-60 {x} {y})"'),
            svg.text(end, TOP + middle + 4, f"{total:.0f} units", 'fill="#444444"'),
        ]
        marks += [
            _cell(confusion, row, column, (LEFT + CELL * where, TOP + CELL * place), total)
            for where, column in enumerate(used)
        ]
    foot = f"rows {rows}, columns {columns}; percent of the row"
    marks.append(svg.text(LEFT, height - 14, svg.shortened(foot, 90), 'fill="#444444"'))
    return svg.image(width, height, title, marks)


def _cell(
    confusion: "Confusion", row: int, column: int, corner: tuple[int, int], total: float
) -> str:
    from alignment.transitions import svg

    value = float(confusion.counts[row][column])
    share = value / total if total else 0.0
    depth = math.sqrt(share)
    shade = "#" + "".join(f"{round(255 + (channel - 255) * depth):02x}" for channel in DEEP)
    ink = "#ffffff" if depth > 0.55 else "#000000"
    x, y = corner
    note = f"{confusion.labels[row]} → {confusion.labels[column]}: {value:g} of {total:g} units"
    square = svg.rectangle(x, y, CELL - 1, CELL - 1, shade, note)
    style = f'text-anchor="middle" font-size="11" fill="{ink}"'
    return square + svg.text(x + CELL // 2, y + CELL // 2 + 4, _percent(value, total), style)
