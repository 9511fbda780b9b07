"""Heatmaps as tables: which colour a cell has, and what a confusion and a difference say in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

from webapp.pages.heatmap import HeatCell, HeatRow, HeatView

if TYPE_CHECKING:
    from alignment.transitions.differences import Differences
    from alignment.transitions.report import Scale
    from annotator.agreement.confusion import Confusion

    CellText = Callable[[float, Scale], str]

SHADES = 10
LARGE = 0.0995


def shade(strength: float) -> str:
    """The class of a colour, from -1 (blue) over 0 to 1 (orange)."""
    depth = min(round(abs(strength) * SHADES), SHADES)
    return f"{'up' if strength > 0 else 'down'}-{depth}" if depth else "even"


def text_of(value: float, scale: "Scale", cell_text: "CellText") -> str:
    """What stands in a cell of a matrix; ten points and more without a decimal, to be narrow."""
    large = scale == "delta" and abs(value) >= LARGE
    return f"{100 * value:+.0f}" if large else cell_text(value, scale)


class Leads:
    """Where the cells of a heatmap lead: its parts, and the names of their row and column."""

    def __init__(self, start: str, parts: Mapping[str, str], names: Sequence[str]) -> None:
        self._start = f"{start}?{urlencode(parts)}"
        self._names = {name: quote_plus(name) for name in names}

    def to(self, source: str, target: str) -> str:
        """The address of a cell."""
        return f"{self._start}&from={self._names[source]}&to={self._names[target]}"


def heat_of_confusion(
    confusion: "Confusion", sides: tuple[str, str], over: str, start: str, parts: dict[str, str]
) -> HeatView:
    """What the second side called the units of the first, in percent of each row.

    Its cells lead to `start`/units, its picture is `start`/confusion.
    """
    used = confusion.used()
    leads = Leads(f"{start}/units", parts, confusion.labels)
    rows = [_confusion_row(confusion, row, used, sides, leads) for row in used]
    caption = f"A row is what {sides[0]} said, a column what {sides[1]} did, in percent of the row."
    name = parts["over"]
    rest = {key: value for key, value in parts.items() if key != "over"}
    search = f"?{urlencode(rest)}" if rest else ""
    return HeatView(name, over.capitalize(), caption, [confusion.labels[n] for n in used], rows,
                    f"{start}/confusion/{name}.svg{search}")  # fmt: skip


def _confusion_row(
    confusion: "Confusion",
    row: int,
    used: list[int],
    sides: tuple[str, str],
    leads: Leads,
) -> HeatRow:
    counts, mine = confusion.counts[row].tolist(), confusion.labels[row]
    total = sum(counts)
    cells = []
    for column in used:
        theirs, count = confusion.labels[column], counts[column]
        share = count / total if total else 0.0
        percent = f"{100 * share:.0f}"
        words = f"{sides[0]} {mine}, {sides[1]} {theirs}: {count:.4g} of {total:.4g} units"
        address = leads.to(mine, theirs) if count else ""
        text = percent if percent != "0" else "·" if count else ""
        cells.append(HeatCell(text, words, shade(-(share**0.5)), address))
    return HeatRow(mine, cells, f"{total:.0f}")


def heat_of_differences(found: "Differences", title: str, parts: dict[str, str]) -> HeatView:
    """The second group minus the first, in points; a cell leads to the moves of both."""
    from alignment.transitions.report import cell_text, strength_of

    delta = found.delta.tolist()
    largest = max(abs(value) for row in delta for value in row) or 1.0
    start, names = "/transitions/compare", found.states
    leads = Leads(f"{start}/moves", parts, names)
    rows = []
    for source, values in zip(names[:-1], delta, strict=False):
        cells = [
            HeatCell(
                text_of(value, "delta", cell_text),
                f"{source} → {target}: {100 * value:+.1f} points",
                shade(strength_of(value, largest, "delta")),
                leads.to(source, target),
            )
            for target, value in zip(names[1:], values[1:], strict=True)
        ]
        rows.append(HeatRow(source, cells))
    caption = "From row to column, in percentage points; blue falls, orange rises."
    file = f"{start}/heatmap.svg?{urlencode(parts)}"
    return HeatView("differences", title, caption, names[1:], rows, file)
