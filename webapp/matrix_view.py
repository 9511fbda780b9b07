"""Matrices as pages say them: values with intervals, the moves behind each, and where doubt is."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from webapp.heatmaps import address_of, shade, text_of
from webapp.pages.heatmap import HeatCell, HeatRow, HeatView
from webapp.pages.transitions import CellView, Choice, RowBacking, RowView, TableView

if TYPE_CHECKING:
    from alignment.export.pool import Sureness
    from alignment.inspection.backing import Backing
    from alignment.inspection.material import Material
    from alignment.transitions.delta_graph import Node
    from alignment.transitions.differences import Cell
    from alignment.transitions.fits import GroupName, MatrixName
    from alignment.transitions.report import Heatmap

# By the name in the address: the matrix, its title, and whose moves stand behind it.
MATRICES: "dict[str, tuple[MatrixName | None, str, GroupName]]" = {
    "p": ("p", "P", "overall"),
    "positive": ("positive", "P⁺", "positive"),
    "negative": ("negative", "P⁻", "negative"),
    "delta": (None, "ΔP = P⁺ − P⁻", "overall"),
    "weights-positive": ("weights+", "P⁺ / P, clipped", "positive"),
    "weights-negative": ("weights-", "P⁻ / P, clipped", "negative"),
}
DELTA = "ΔP = P⁺ − P⁻: likelier where thinking helped than where it hurt"
CHANGES = 10
LEAST_SHOWN = 0.05  # a cell of fewer moves leads nowhere
READ = {"probability": "in percent", "weight": "blue below 1, orange above",
        "delta": "in percentage points; blue falls, orange rises"}  # fmt: skip
UNITS = {"probability": "{1:.1f} %", "weight": "{0:.2f}", "delta": "{1:+.1f} points"}


@dataclass(frozen=True)
class MatrixBook:
    """All that a page says of the matrices of a run."""

    material: "Material"
    sureness: "Sureness | None"
    choice: Choice

    @property
    def names(self) -> list[str]:
        """The matrices that there are; without polarity P alone."""
        return list(MATRICES) if self.material.polar else ["p"]

    @cached_property
    def states(self) -> tuple[str, ...]:
        """The names of the states."""
        from alignment.transitions.moves import state_names

        return state_names(self.material.categories)

    @cached_property
    def backings(self) -> "dict[GroupName, Backing]":
        """What stands behind each of the three fits, or behind P alone."""
        groups: list[GroupName] = ["overall"]
        if self.material.polar:
            groups += ["positive", "negative"]
        return {group: self.material.backing(group) for group in groups}

    def matrix(self, name: str) -> Any:
        """A matrix by its name in the address. Shapes: [K, K]."""
        known = MATRICES[name][0]
        if known is not None:
            return self.material.fits.matrix(known)
        fits = self.material.fits
        return fits.polar("positive").matrix - fits.polar("negative").matrix

    def doubt(self, name: str) -> Any:
        """Which cells stand in a row that too few moves leave. Shapes: [K, K]."""
        import numpy as np

        polar: tuple[GroupName, ...] = ("positive", "negative")
        groups = polar if name == "delta" else (MATRICES[name][2],)
        rare = np.any([self.backings[one].rare_rows(self.choice.least) for one in groups], axis=0)
        return np.repeat(rare[:, None], len(rare), axis=1)

    @property
    def doubt_reason(self) -> str:
        """Why a row is doubted."""
        return f"fewer than {self.choice.least} moves leave the row"

    def heatmap(self, name: str) -> "Heatmap":
        """A matrix ready to be drawn."""
        from alignment.transitions.report import Doubt, Heatmap

        doubt = Doubt(self.doubt(name), self.doubt_reason)
        known = MATRICES[name][0]
        if known is None:
            return Heatmap(self.matrix(name), self.states, DELTA, "delta", doubt)
        drawn = self.material.fits.heatmap(known)
        return Heatmap(drawn.matrix, drawn.states, drawn.title, drawn.scale, doubt)

    def heat(self, name: str) -> HeatView:
        """A matrix as a table of colours, whose cells lead to the moves behind them."""
        drawn, doubt = self.heatmap(name), self.doubt(name)[:, 1].tolist()
        rows = [self._heat_row(name, drawn, row, doubt[row])
                for row in range(len(self.states) - 1)]  # fmt: skip
        caption = f"From row to column, {READ[drawn.scale]}; dashed: {self.doubt_reason}."
        file = f"/transitions/{name}.svg?{urlencode(self.choice.parts())}"
        return HeatView(name, drawn.title, caption, self.states[1:], rows, file)

    def _heat_row(self, name: str, drawn: "Heatmap", row: int, doubtful: bool) -> HeatRow:
        from alignment.transitions.report import strength_of

        source, group = self.states[row], MATRICES[name][2]
        values, moves = drawn.matrix[row].tolist(), self.backings[group].moves[row].tolist()
        largest = float(abs(drawn.matrix).max()) or 1.0
        parts = {**self.choice.parts(), "of": group}
        cells = []
        for target, value, count in zip(self.states[1:], values[1:], moves[1:], strict=True):
            text, held = text_of(value, drawn.scale), count >= LEAST_SHOWN
            words = f"{source} → {target}: {UNITS[drawn.scale].format(value, 100 * value)}"
            address = address_of("/transitions/moves", parts, source, target) if held else ""
            colour = shade(strength_of(value, largest, drawn.scale))
            cells.append(HeatCell(text, f"{words}, {count:,.1f} moves", colour, address, doubtful))
        return HeatRow(source, cells)

    def table(self, name: str) -> TableView:
        """A matrix in words, cell by cell."""
        unit = {"delta": "percentage points"}.get(name, "percent")
        unit = "weight" if name.startswith("weights") else unit
        title = DELTA if name == "delta" else self.heatmap(name).title
        rows = [self._row(name, row) for row in range(len(self.states) - 1)]
        return TableView(name, title, unit, self.states[1:], rows)

    def row_backings(self) -> list[RowBacking]:
        """What each row rests on, in P and in each polarity."""
        macro = ("", *self.material.macro)
        least = self.choice.least
        return [
            RowBacking(state, macro[row], [
                (float(one.row_moves[row]), float(one.row_traces[row]),
                 bool(one.rare_rows(least)[row])) for one in self.backings.values()])
            for row, state in enumerate(self.states[:-1])
        ]  # fmt: skip

    def nodes(self) -> "list[Node]":
        """The states as a graph draws them: as large as the share of moves that go there."""
        from alignment.transitions.delta_graph import Node

        arrivals = self.backings["overall"].moves.sum(axis=0)
        total = float(arrivals.sum()) or 1.0
        groups = ("", *self.material.macro, "")
        if self.choice.level == "macro":
            groups = ("",) * len(self.states)
        pairs = zip(self.states, arrivals, groups, strict=True)
        return [Node(state, float(share) / total, group) for state, share, group in pairs]

    def changes(self) -> "list[Cell]":
        """The cells of ΔP that rise most and fall most; without intervals until these are drawn."""
        if self.sureness is not None:
            rising, falling = self.sureness.differences.largest(CHANGES)
            return [*rising, *falling]
        return self._bare_changes()

    def _bare_changes(self) -> "list[Cell]":
        import numpy as np

        from alignment.transitions.differences import Cell

        delta, nan = self.matrix("delta"), float("nan")
        order = np.argsort(delta, axis=None, kind="stable")
        chosen = [*order[::-1][:CHANGES], *order[:CHANGES]]
        places = [(int(one) // len(delta), int(one) % len(delta)) for one in chosen]
        return [Cell(self.states[a], self.states[b], 0.0, float(delta[a, b]), nan, nan, 1.0, False)
                for a, b in places if delta[a, b] != 0.0]  # fmt: skip

    def _row(self, name: str, row: int) -> RowView:
        backing = self.backings[MATRICES[name][2]]
        doubt = self.doubt(name)
        cells = [self._cell(name, (row, column), bool(doubt[row, column]))
                 for column in range(1, len(self.states))]  # fmt: skip
        moves, traces = float(backing.row_moves[row]), float(backing.row_traces[row])
        return RowView(self.states[row], moves, traces, bool(doubt[row, 1]), cells)

    def _cell(self, name: str, place: tuple[int, int], doubtful: bool) -> CellView:
        times, digits = (1.0, 2) if name.startswith("weights") else (100.0, 1)
        sign = "+" if name == "delta" else ""
        value, (low, high) = float(self.matrix(name)[place]), self.ends(name, place)
        moves = float(self.backings[MATRICES[name][2]].moves[place])
        sure = self.sureness
        return CellView(
            target=self.states[place[1]],
            value=f"{times * value:{sign}.{digits}f}",
            interval="" if low != low else
                     f"{times * low:{sign}.{digits}f} to {times * high:{sign}.{digits}f}",
            moves=f"{moves:,.1f}",
            address=self._address(name, place) if moves >= LEAST_SHOWN else "",
            doubtful=doubtful,
            beyond_chance=name == "delta" and sure is not None
                          and bool(sure.differences.differs[place]),
        )  # fmt: skip

    def ends(self, name: str, place: tuple[int, int]) -> tuple[float, float]:
        """The ends of a cell's interval, NaN where they are not drawn."""
        interval = self._intervals.get(name)
        if interval is None:
            return float("nan"), float("nan")
        return float(interval.low[place]), float(interval.high[place])

    @cached_property
    def _intervals(self) -> dict[str, Any]:
        if self.sureness is None:
            return {}
        drawn = self.sureness.drawn
        found = {name: drawn.interval(known[0]) for name, known in MATRICES.items() if known[0]}
        return {**found, "delta": self.sureness.differences.interval}

    def _address(self, name: str, place: tuple[int, int]) -> str:
        parts = {**self.choice.parts(), "of": MATRICES[name][2]}
        source, target = self.states[place[0]], self.states[place[1]]
        return address_of("/transitions/moves", parts, source, target)
