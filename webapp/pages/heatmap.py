"""A heatmap as a table whose cells lead to what they count."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A cell: what stands in it, all of it in words, the class of its colour, and where it leads.

    It leads nowhere where nothing is counted.
    """

    text: str
    words: str
    shade: str
    address: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A row with its name, and what stands at its end."""

    name: str
    cells: Sequence[HeatCell]
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeatView:
    """A heatmap: its title, how to read it, and the rows; `file` is the address of its picture."""

    name: str
    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[HeatRow]
    file: str
