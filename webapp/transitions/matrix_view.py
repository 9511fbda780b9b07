"""Matrices as pages say them: values with intervals, the moves behind each, and where doubt is."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup

from webapp.pages.heatmap import HeatCell, HeatRow, HeatView
from webapp.pages.rendering import draw_heatmap
from webapp.pages.transitions import CellView, Choice, RowBacking, RowView, TableView
from webapp.transitions.heatmaps import Leads, shade, text_of

if TYPE_CHECKING:
    from alignment.export.pool import Sureness
    from alignment.inspection.backing import Backing
    from alignment.inspection.material import Material
    from alignment.transitions.delta_graph import Node
    from alignment.transitions.differences import Cell
    from alignment.transitions.fits import GroupName, MatrixName
    from alignment.transitions.report import Heatmap
    from alignment.transitions.resampling import Interval

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
class _Drawn:
    """A matrix as plain lists, for one cell after the other: an element of an array costs more."""

    name: str
    values: list[list[float]]
    low: list[list[float]]
    high: list[list[float]]
    moves: list[list[float]]
    doubt: list[bool]
    differs: Any
    backing: "Backing"
    leads: Leads


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

    @cached_property
    def heats(self) -> list[HeatView]:
        """The matrices as tables of colours, whose cells lead to the moves behind them."""
        return [self._heat(name) for name in self.names]

    @cached_property
    def pictures(self) -> list[tuple[HeatView, Markup]]:
        """The same as they stand in a page: escaping all of their cells takes longer than making
        them.
        """
        return [(view, draw_heatmap(view)) for view in self.heats]

    def _heat(self, name: str) -> HeatView:
        drawn, doubt = self.heatmap(name), self.doubt(name)[:, 1].tolist()
        rows = [self._heat_row(name, drawn, row, doubt[row])
                for row in range(len(self.states) - 1)]  # fmt: skip
        caption = f"From row to column, {READ[drawn.scale]}; dashed: {self.doubt_reason}."
        file = f"/transitions/{name}.svg?{urlencode(self.choice.parts())}"
        return HeatView(name, drawn.title, caption, self.states[1:], rows, file)

    def _heat_row(self, name: str, drawn: "Heatmap", row: int, doubtful: bool) -> HeatRow:
        from alignment.transitions.report import cell_text, strength_of

        source, leads = self.states[row], self._leads(name)
        values, moves = drawn.matrix[row].tolist(), self._backing(name).moves[row].tolist()
        largest, said = float(abs(drawn.matrix).max()) or 1.0, UNITS[drawn.scale]
        cells = []
        for target, value, count in zip(self.states[1:], values[1:], moves[1:], strict=True):
            text = text_of(value, drawn.scale, cell_text)
            words = f"{source} → {target}: {said.format(value, 100 * value)}, {count:,.1f} moves"
            address = leads.to(source, target) if count >= LEAST_SHOWN else ""
            colour = shade(strength_of(value, largest, drawn.scale))
            cells.append(HeatCell(text, words, colour, address, doubtful))
        return HeatRow(source, cells)

    def _backing(self, name: str) -> "Backing":
        return self.backings[MATRICES[name][2]]

    def _leads(self, name: str) -> Leads:
        """Where the cells of a matrix lead."""
        parts = {**self.choice.parts(), "of": MATRICES[name][2]}
        return Leads("/transitions/moves", parts, self.states)

    def table(self, name: str) -> TableView:
        """A matrix in words, cell by cell."""
        unit = {"delta": "percentage points"}.get(name, "percent")
        unit = "weight" if name.startswith("weights") else unit
        title = DELTA if name == "delta" else self.heatmap(name).title
        drawn = self._drawn(name)
        rows = [self._row(drawn, row) for row in range(len(self.states) - 1)]
        return TableView(name, title, unit, self.states[1:], rows)

    def _drawn(self, name: str) -> "_Drawn":
        import numpy as np

        matrix, backing, interval = self.matrix(name), self._backing(name), self._interval(name)
        none = np.full_like(matrix, np.nan).tolist()
        sure = self.sureness if name == "delta" else None
        return _Drawn(
            name=name,
            values=matrix.tolist(),
            low=none if interval is None else interval.low.tolist(),
            high=none if interval is None else interval.high.tolist(),
            moves=backing.moves.tolist(),
            doubt=self.doubt(name)[:, 1].tolist(),
            differs=None if sure is None else sure.differences.differs,
            backing=backing,
            leads=self._leads(name),
        )

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

    def _row(self, drawn: "_Drawn", row: int) -> RowView:
        backing, states = drawn.backing, self.states
        cells = [self._cell(drawn, (row, column)) for column in range(1, len(states))]
        moves, traces = float(backing.row_moves[row]), float(backing.row_traces[row])
        return RowView(states[row], moves, traces, drawn.doubt[row], cells)

    def _cell(self, drawn: "_Drawn", place: tuple[int, int]) -> CellView:
        row, column = place
        times, digits = (1.0, 2) if drawn.name.startswith("weights") else (100.0, 1)
        sign = "+" if drawn.name == "delta" else ""
        low, high, moves = drawn.low[row][column], drawn.high[row][column], drawn.moves[row][column]
        return CellView(
            target=self.states[column],
            value=f"{times * drawn.values[row][column]:{sign}.{digits}f}",
            interval="" if low != low else
                     f"{times * low:{sign}.{digits}f} to {times * high:{sign}.{digits}f}",
            moves=f"{moves:,.1f}",
            address=drawn.leads.to(self.states[row], self.states[column])
                    if moves >= LEAST_SHOWN else "",
            doubtful=drawn.doubt[row],
            beyond_chance=drawn.differs is not None and bool(drawn.differs[place]),
        )  # fmt: skip

    def ends(self, name: str, place: tuple[int, int]) -> tuple[float, float]:
        """The ends of a cell's interval, NaN where they are not drawn."""
        interval = self._interval(name)
        if interval is None:
            return float("nan"), float("nan")
        return float(interval.low[place]), float(interval.high[place])

    def _interval(self, name: str) -> "Interval | None":
        """The interval of every cell of a matrix; none before they are drawn."""
        if self.sureness is None:
            return None
        if name not in self._intervals:
            known, sure = MATRICES[name][0], self.sureness
            self._intervals[name] = (
                sure.drawn.interval(known) if known else sure.differences.interval
            )
        return self._intervals[name]

    @cached_property
    def _intervals(self) -> "dict[str, Interval]":
        return {}
