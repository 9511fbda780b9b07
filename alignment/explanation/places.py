"""Where in an export's row a segment, a character or a token stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from alignment.transitions.examples import THINKING_CLOSES

if TYPE_CHECKING:
    from alignment.export.tokens import Encoder

Region = Literal["thinking", "markup", "answer", "end"]
ANSWER_OPENS, ANSWER_CLOSES = "<answer>", "</answer>"
OPENINGS = ("<think>\n", "<think>")  # what a generation prompt may hold of the completion


class PlaceError(ValueError):
    """A segment, a character or a token that the row does not have."""


@dataclass(frozen=True)
class Place:
    """A stretch [start, end) of the completion's characters, and the unit that weighs it.

    Outside the thinking there is no unit, and the weight is 1.
    """

    region: Region
    start: int
    end: int
    unit: dict[str, Any] | None = None


def at_segment(row: dict[str, Any], segment: int) -> Place:
    """Where the unit of a segment stands.

    Raises: PlaceError if the trace has no such segment.
    """
    for unit in row["segments"]:
        if unit["first_segment"] <= segment < unit["end_segment"]:
            return Place("thinking", unit["start"], unit["end"], unit)
    count = row["segments"][-1]["end_segment"] if row["segments"] else 0
    raise PlaceError(f"expected a segment from 0 to {count - 1} of {row['id']!r}, got {segment}")


def at_character(row: dict[str, Any], character: int) -> Place:
    """Where a character of the completion stands: in a unit, the answer, or the markup.

    The character behind the last is the end token.
    Raises: PlaceError if the completion is shorter.
    """
    content: str = row["completion"][0]["content"]
    if not 0 <= character <= len(content):
        raise PlaceError(
            f"expected a character from 0 to {len(content)} of {row['id']!r}, got {character}"
        )
    if character == len(content):
        return Place("end", character, character)
    for unit in row["segments"]:
        if unit["start"] <= character < unit["end"]:
            return Place("thinking", unit["start"], unit["end"], unit)
    return _outside(content, character, row["segments"][-1]["end"] if row["segments"] else 0)


def token_starts(row: dict[str, Any], encoder: Encoder) -> list[int]:
    """The first character of each token of the completion, as training reads it.

    The last is the end token, whose first character is the one behind the completion.
    """
    prompt = encoder.render_prompt([(one["role"], one["content"]) for one in row["prompt"]])
    content: str = row["completion"][0]["content"]
    prefilled = next(
        (len(tag) for tag in OPENINGS if prompt.endswith(tag) and content.startswith(tag)), 0
    )
    _, starts = encoder.encode(prompt + content[prefilled:] + encoder.end_token)
    shifted = [int(start) - len(prompt) + prefilled for start in starts if start >= len(prompt)]
    return [min(start, len(content)) for start in shifted]


def _outside(content: str, character: int, thinking_end: int) -> Place:
    """The answer's own text, or the markup before or behind it."""
    opens = content.find(ANSWER_OPENS, thinking_end + len(THINKING_CLOSES) - 1)
    start, end = opens + len(ANSWER_OPENS), len(content) - len(ANSWER_CLOSES)
    if start <= character < end:
        return Place("answer", start, end)
    if character >= end:
        return Place("markup", end, len(content))
    return Place("markup", 0 if character < thinking_end else thinking_end, start)
