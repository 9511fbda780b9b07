"""One trace as it is shown: its segments, their colours and weights, and where the gold stands."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignment.polarity.gold_spans import Span, gold_spans
from webapp.queries.traces import NamedLabel, SegmentText
from webapp.showing.colours import NO_COLOUR
from webapp.traces.excerpts import Piece

BAR_WIDTH = 1000
STEPS_A_SIDE = 4  # shades below and above 1; the outermost hold what is clipped
HIT_WIDTH = 4


@dataclass(frozen=True, slots=True)
class UnitWeight:
    """What the unit of a segment weighs in an export, and the move that it comes from."""

    value: float
    low: float | None
    high: float | None
    clipped: bool
    move: str


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A segment with its text in pieces, the gold marked."""

    position: int
    pieces: Sequence[Piece]
    hidden_characters: int
    open_labels: Sequence[NamedLabel]
    categories: Sequence[NamedLabel]
    colour: str
    weight: UnitWeight | None
    has_gold: bool
    address: str  # what made its weight, else its own place on the page


@dataclass(frozen=True, slots=True)
class Step:
    """A shade of the scale of weights, and the weights that it stands for."""

    colour: str
    text: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the bar."""

    x: float
    width: float
    colour: str
    position: int


@dataclass(frozen=True, slots=True)
class Bar:
    """The thinking from left to right: its segments, and where the gold stands."""

    segments: Sequence[Stretch]
    hits: Sequence[float]
    text: str


def weight_colour(weight: float) -> str:
    """The shade of a weight: 1 in the middle, and the steps even in its logarithm."""
    step = round(math.log(weight) * STEPS_A_SIDE) if weight > 0 else -STEPS_A_SIDE
    return f"weight-{min(max(step, -STEPS_A_SIDE), STEPS_A_SIDE) + STEPS_A_SIDE}"


def weight_steps() -> list[Step]:
    """The shades from the lowest weight to the highest, with the ends of each."""
    ends = [math.exp((place - STEPS_A_SIDE - 0.5) / STEPS_A_SIDE) for place in range(10)]
    ends[0], ends[-1] = math.exp(-1), math.e
    return [
        Step(f"weight-{place}", f"{ends[place]:.2f} to {ends[place + 1]:.2f}")
        for place in range(2 * STEPS_A_SIDE + 1)
    ]


def unit_weights(row: Mapping[str, Any]) -> dict[int, UnitWeight]:
    """The weight of each segment of an export's row."""
    found: dict[int, UnitWeight] = {}
    for unit in row["segments"]:
        weight = UnitWeight(
            unit["weight"],
            unit.get("weight_low"),
            unit.get("weight_high"),
            unit["clipped"],
            _move_text(unit["move"]),
        )
        found |= dict.fromkeys(range(unit["first_segment"], unit["end_segment"]), weight)
    return found


def _move_text(move: Sequence[Sequence[str]] | None) -> str:
    return " → ".join("{" + ", ".join(end) + "}" for end in move) if move else "no move"


def mark_gold(text: str, golds: Sequence[str]) -> list[Piece]:
    """The text in pieces, the gold marked."""
    return cut_pieces(text, 0, gold_spans(text, golds))


def cut_pieces(text: str, start: int, spans: Sequence[Span]) -> list[Piece]:
    """A text that begins at `start`, in pieces, what lies in the spans marked.

    Identity: joined, the pieces are the text.
    """
    pieces: list[Piece] = []
    at = 0
    for first, end in spans:
        low, high = max(first - start, at), min(end - start, len(text))
        if low >= high:
            continue
        if low > at:
            pieces.append(Piece(text[at:low]))
        pieces.append(Piece(text[low:high], marked=True))
        at = high
    return [*pieces, *([Piece(text[at:])] if at < len(text) else [])]


def view_segments(
    segments: Sequence[SegmentText],
    spans: Sequence[Span],
    colours: Mapping[str, str],
    weights: Mapping[int, UnitWeight] | None,
    why: str,
) -> list[SegmentView]:
    """The segments as they are shown: by weight where there are weights, else by category.

    `why` is the address before a segment's number of what made its weight.
    """
    return [
        _view(segment, spans, colours, weights, why if weights is not None else "")
        for segment in segments
    ]


def _view(
    segment: SegmentText,
    spans: Sequence[Span],
    colours: Mapping[str, str],
    weights: Mapping[int, UnitWeight] | None,
    why: str,
) -> SegmentView:
    weight = weights.get(segment.position) if weights is not None else None
    bare = segment.text.strip()
    start = segment.start + len(segment.text) - len(segment.text.lstrip())
    pieces = cut_pieces(bare, start, spans)
    return SegmentView(
        position=segment.position,
        pieces=pieces,
        hidden_characters=segment.hidden_characters,
        open_labels=segment.open_labels,
        categories=segment.categories,
        colour=_colour(segment, colours, weights is not None, weight),
        weight=weight,
        has_gold=any(piece.marked for piece in pieces),
        address=f"{why}{segment.position}" if weight else f"#segment-{segment.position}",
    )


def _colour(
    segment: SegmentText, colours: Mapping[str, str], weighted: bool, weight: UnitWeight | None
) -> str:
    if weighted:
        return weight_colour(weight.value) if weight else NO_COLOUR
    if not segment.categories:
        return NO_COLOUR
    return colours[segment.categories[0].macro_strategy or ""]


def draw_bar(
    segments: Sequence[SegmentText],
    views: Sequence[SegmentView],
    spans: Sequence[Span],
    length: int,
) -> Bar | None:
    """The bar of a thinking part; None where there is nothing to show."""
    if not length or not views:
        return None
    scale = BAR_WIDTH / length
    stretches = [
        Stretch(
            round(one.start * scale, 1),
            round(max((one.end - one.start) * scale - 1, 1), 1),
            view.colour,
            view.position,
        )
        for one, view in zip(segments, views, strict=True)
    ]
    hits = [min(round(start * scale, 1), BAR_WIDTH - HIT_WIDTH) for start, _ in spans]
    return Bar(stretches, hits, _bar_text(spans, length))


def _bar_text(spans: Sequence[Span], length: int) -> str:
    if not spans:
        return "The gold answer does not stand in the thinking."
    first, last = (f"{100 * start / length:.0f} %" for start in (spans[0][0], spans[-1][0]))
    if len(spans) == 1:
        return f"The gold answer stands in the thinking once, at {first} of it."
    return (
        f"The gold answer stands in the thinking {len(spans)} times, from {first} to {last} of it."
    )
