"""Charts as SVG, drawn by the server and sent as images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from store.progress import thinned

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 40
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#3b4650}.axis{stroke:#9aa5ad}.grid{stroke:#e2e5e4}"
    ".line{fill:none;stroke-width:2}.line0{stroke:#1f5f8b}"
    ".line1{stroke:#a85b00;stroke-dasharray:7 4}"
    "@media(prefers-color-scheme:dark){text{fill:#c3ccd2}.axis{stroke:#6d7a83}"
    ".grid{stroke:#2f383e}.line0{stroke:#7db8e0}.line1{stroke:#eda65a}}"
)
MOST_POINTS = 1_000  # more than there are pixels to show them


@dataclass(frozen=True)
class Line:
    """Points to be joined."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Chart:
    """One line or two over the same axes, the second one dashed."""

    title: str
    x_name: str
    y_name: str
    lines: Sequence[Line]

    @property
    def size(self) -> int:
        """How many points there are."""
        return sum(len(line.points) for line in self.lines)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        step = tick_step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [step * n for n in range(first, last + 1)]


def tick_step(width: float) -> float:
    """The step of 1, 2 or 5 times a power of ten that gives three to seven ticks."""
    power = 10.0 ** math.floor(math.log10(width / 3))
    return max(step for step in (power, 2 * power, 5 * power) if step <= width / 3 * (1 + 1e-9))


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return _Axis(low, high, start, end)


def line_chart_svg(chart: Chart) -> str:
    """The lines with axes and, where there are two, a key; no point that is no finite number."""
    lines = [thinned(_finite(line.points), MOST_POINTS) for line in chart.lines]
    points = [point for line in lines for point in line]
    across = _axis([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _axis([y for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        f"<title>{escape(chart.title)}</title><style>{STYLE}</style>",
        *_grid(up),
        *_feet(across, chart.x_name),
        *(_drawn(line, number, across, up) for number, line in enumerate(lines)),
        *(_key(line.name, number) for number, line in enumerate(chart.lines[1:] and chart.lines)),
        "</svg>",
    ]
    return "".join(parts)


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _drawn(points: Sequence[tuple[float, float]], number: int, across: _Axis, up: _Axis) -> str:
    path = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in points)
    return f'<polyline class="line line{number}" points="{path}"/>'


def _key(name: str, number: int) -> str:
    x, y = LEFT + 12 + 200 * number, HEIGHT - 10
    sample = f'<path class="line line{number}" d="M{x} {y - 4}h28"/>'
    return f'{sample}<text x="{x + 34}" y="{y}">{escape(name)}</text>'


def _grid(up: _Axis) -> list[str]:
    lines = []
    for value in up.ticks():
        y = up.place(value)
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    return lines


def _feet(across: _Axis, name: str) -> list[str]:
    bottom = HEIGHT - BOTTOM
    lines = [f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - RIGHT}"/>']
    for value in across.ticks():
        x = across.place(value)
        lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:.4g}</text>')
    end = WIDTH - RIGHT
    lines.append(f'<text x="{end}" y="{HEIGHT - 6}" text-anchor="end">{escape(name)}</text>')
    return lines
