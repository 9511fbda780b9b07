"""Pictures of an evaluation as inline SVG, in the colours of the page that holds them.

Marks carry classes and no colour of their own, so that they follow light and dark; what a colour
says is said by shape as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from alignment.measures.gold_position import BINS, GoldPositions, Spread
from alignment.transitions import svg

WIDTH = 330
LEFT, RIGHT = 8, 8
ROW = 46
PANEL = 130
INK = 'fill="currentColor"'


@dataclass(frozen=True)
class Line:
    """A value with its interval, and what it is of."""

    label: str
    value: float
    low: float
    high: float
    note: str = ""


def interval_chart(lines: Sequence[Line], title: str, unit: str = "%") -> str:
    """Each value as a dot on its interval, one line each, over one scale whose zero is marked."""
    low = min(0.0, *(line.low for line in lines))
    high = max(0.0, *(line.high for line in lines))
    scale = _Scale(low, high if high > low else low + 1.0)
    marks = [mark for place, line in enumerate(lines) for mark in _line_marks(place, line, scale)]
    height = ROW * len(lines) + 34
    ends = [
        svg.text(scale.at(value), height - 8, f"{value:g} {unit}", f'{INK} text-anchor="{anchor}"')
        for value, anchor in _ticks(scale)
    ]
    return svg.image(WIDTH, height, title, [*marks, *ends], None)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


def _ticks(scale: _Scale) -> Iterator[tuple[float, str]]:
    """The ends of the scale, and zero where it lies well between them."""
    yield round(scale.low, 1), "start"
    if scale.low < 0.0 and 100 < scale.at(0.0) < WIDTH - 110:
        yield 0.0, "middle"
    yield round(scale.high, 1), "end"


def _line_marks(place: int, line: Line, scale: _Scale) -> Iterator[str]:
    top = ROW * place + 18
    y = top + 14
    yield svg.text(LEFT, top, svg.shortened(line.label, 32), INK)
    yield svg.text(WIDTH - RIGHT, top, line.note, f'{INK} text-anchor="end" font-weight="600"')
    zero = scale.at(0.0)
    yield f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{y - 8}" y2="{y + 8}" class="axis"/>'
    steps = f"M {scale.at(line.low):.1f} {y} H {scale.at(line.high):.1f}"
    yield svg.path(steps, 'class="interval"', f"{line.label}: {line.note}")
    yield svg.circle(scale.at(line.value), y, 5, 'class="dot"')


def position_chart(positions: GoldPositions, title: str) -> str:
    """Figure 1: by tenths of the thinking, the share of responses whose gold stands there.

    Filled bars are answers that kept the gold, outlined ones answers that lost it.
    """
    sides = {(one.end, one.side): one for one in positions.spreads}
    parts: list[str] = []
    ends: tuple[Literal["first", "last"], ...] = ("first", "last")
    for panel, end in enumerate(ends):
        top = 18 + panel * (PANEL + 58)
        kept, lost = sides[(end, "kept")], sides[(end, "lost")]
        parts += _panel(top, f"{end} place of the gold answer", kept, lost)
    return svg.image(WIDTH, 2 * (PANEL + 58) + 6, title, parts, None)


def _panel(top: int, heading: str, kept: Spread, lost: Spread) -> Iterator[str]:
    yield svg.text(LEFT, top, heading, f'{INK} font-weight="600"')
    floor = top + PANEL + 12
    tallest = max([*_shares(kept), *_shares(lost), 0.01])
    wide = (WIDTH - LEFT - RIGHT) / BINS
    for side, spread, shift in (("kept", kept, 0.08), ("lost", lost, 0.5)):
        for place, share in enumerate(_shares(spread)):
            height = (PANEL - 10) * share / tallest
            note = (
                f"{side}: {100 * share:.1f} % of {spread.n} between {10 * place} and "
                f"{10 * place + 10} % of the thinking"
            )
            x = LEFT + (place + shift) * wide
            yield _bar(x, floor - height, wide * 0.4, height, f"bar-{side}", note)
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{floor}" y2="{floor}" class="axis"/>'
    yield svg.text(LEFT, floor + 16, "0 %", INK)
    yield svg.text(WIDTH / 2, floor + 16, "of the thinking", f'{INK} text-anchor="middle"')
    yield svg.text(WIDTH - RIGHT, floor + 16, "100 %", f'{INK} text-anchor="end"')


def _shares(spread: Spread) -> list[float]:
    return [count / spread.n if spread.n else 0.0 for count in spread.bins]


def _bar(x: float, y: float, width: float, height: float, kind: str, note: str) -> str:
    box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {box} class="{kind}"><title>{svg.escaped(note)}</title></rect>'
