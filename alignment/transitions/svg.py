"""A small writer of SVG: shapes and texts, every one of them escaped.

Images need no font, script or style from outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

FONT = "system-ui, sans-serif"


def image(
    width: int, height: int, title: str, parts: Iterable[str], ground: str | None = "#ffffff"
) -> str:
    """The image with its parts, on a white ground unless another or none is given.

    The title is what a screen reader says.
    """
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    named = f'role="img" aria-label={quoteattr(printable(title))}'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {named}'
            f' font-family="{FONT}" font-size="12">',
            *([rectangle(0, 0, width, height, ground)] if ground else []),
            *parts,
            "</svg>",
        ]
    )


def text(x: float, y: float, content: str, attributes: str = "") -> str:
    """A line of text; `attributes` are written as they are."""
    return f'<text x="{x:g}" y="{y:g}" {attributes}>{escaped(content)}</text>'


def rectangle(
    x: float, y: float, width: float, height: float, fill: str, note: str | None = None
) -> str:
    """A rectangle; the note is shown where a pointer rests on it."""
    box = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"'
    return f"{box}/>" if note is None else f"{box}>{_note(note)}</rect>"


def circle(x: float, y: float, radius: float, attributes: str, note: str | None = None) -> str:
    """A circle; `attributes` are written as they are, the note is shown under a pointer."""
    round_ = f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {attributes}'
    return f"{round_}/>" if note is None else f"{round_}>{_note(note)}</circle>"


def path(steps: str, attributes: str, note: str) -> str:
    """A line along the steps, with a note."""
    return f'<path d="{steps}" fill="none" {attributes}>{_note(note)}</path>'


def arrow_head(x: float, y: float, angle: float, size: float, fill: str) -> str:
    """A triangle whose tip is at (x, y), pointing along the angle in radians."""
    corners = [(x, y)]
    for turn in (math.pi - 0.4, math.pi + 0.4):
        corners.append((x + size * math.cos(angle + turn), y + size * math.sin(angle + turn)))
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
    return f'<polygon points="{points}" fill="{fill}"/>'


def shortened(name: str, length: int) -> str:
    """The name, cut with an ellipsis where it is longer."""
    return name if len(name) <= length else name[: length - 1] + "…"


def printable(content: str) -> str:
    """The text without the characters that XML 1.0 cannot hold at all."""
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in content)


def escaped(content: str) -> str:
    """The text as XML holds it."""
    return escape(printable(content))


def _note(note: str) -> str:
    return f"<title>{escaped(note)}</title>"
