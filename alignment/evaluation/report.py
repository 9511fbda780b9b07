"""An evaluation as one HTML file that needs nothing else: no script, no font, no address.

Whatever stands in a response, a question or a name comes out as text: the template escapes by
itself, and characters that cannot be shown are replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alignment.evaluation.charts import Line, interval_chart, position_chart
from alignment.evaluation.comparison import Comparison
from alignment.measures.contrast import ALL, Contrast
from alignment.measures.estimates import Mean, Share
from alignment.measures.gold_position import GoldPositions
from alignment.measures.judged import Figures, Row
from alignment.transitions import svg
from alignment.transitions.delta_graph import delta_graph_svg
from alignment.transitions.differences import Differences

MOST_EXAMPLES = 20
MOST_CHARACTERS = 600
INTERVALS = {
    "wilson": "with Wilson's 95 % interval",
    "bootstrap": "with the 95 % interval over drawn questions",
}
NORMALISED = {
    "plain": "as written (white space, one leading “Answer:” and one full stop aside)",
    "squad": "SQuAD: lower case, without punctuation and articles",
}


@dataclass(frozen=True)
class ReportArm:
    """One arm: its name, what it was asked, its figures and rows, and a base to compare with."""

    name: str
    dataset: str
    thinking: str
    figures: Figures
    rows: Sequence[Row]
    comparison: Comparison | None


@dataclass(frozen=True)
class Report:
    """What a report says: how it was made, the arms, and transitions before and after."""

    command: str
    run_id: int
    version: str
    made_at: str
    parameters: dict[str, Any]
    arms: Sequence[ReportArm]
    transitions: Differences | None = None
    transition_names: tuple[str, str] = ("", "")


def report_html(report: Report) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("alignment"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"interval": interval, "points": points, "exactly": exactly}
    page = environment.get_template("evaluation.html")
    return page.render(
        report=report,
        arms=[_arm_view(arm) for arm in report.arms],
        parameters=sorted((k, v) for k, v in report.parameters.items() if v is not None),
        normalised=NORMALISED,
        moves=_moves(report),
    )


def shown(value: Any) -> Any:
    """A value as text that a page can hold: controls and marks of direction become visible."""
    if isinstance(value, Markup) or value is None:
        return "–" if value is None else value
    return "\n".join(svg.printable(line) for line in str(value).splitlines())


def interval(estimate: Share | Mean | None, scale: float = 100.0) -> str:
    """An estimate and the ends of its interval."""
    if estimate is None:
        return "–"
    value, low, high = (scale * one for one in (estimate.value, estimate.low, estimate.high))
    return f"{value:.2f} ({low:.1f}–{high:.1f})"


def points(one: Contrast) -> str:
    """A change with its interval, in points."""
    scale = _scale(one)
    return f"{scale * one.difference:+.2f} ({scale * one.low:+.2f} to {scale * one.high:+.2f})"


def exactly(p_value: float) -> str:
    """A p-value; very small ones as a bound."""
    return "< 0.0001" if p_value < 1e-4 else f"{p_value:.4f}"


def _scale(one: Contrast) -> float:
    return 1.0 if one.figure == "claims" else 100.0


def _arm_view(arm: ReportArm) -> dict[str, Any]:
    return {
        "arm": arm,
        "title": f"{arm.name} · thinking {arm.thinking}",
        "figures": arm.figures,
        "interval_kind": " and ".join(INTERVALS[kind] for kind in sorted(_intervals(arm.figures))),
        "chart": _chart(arm),
        "positions": [(one, _position_view(one, arm)) for one in arm.figures.positions],
        "comparison": arm.comparison,
        "change": _change_chart(arm.comparison),
        "strata": _strata_charts(arm.comparison),
        "lost": _lost(arm.rows),
        "unjudged": _unjudged(arm.rows),
    }


def _intervals(figures: Figures) -> set[str]:
    found: set[str] = {scores.acc.interval for scores in figures.scores}
    found |= {figures.truth.truthful.interval} if figures.truth else set()
    return found | ({figures.long_form.f1.interval} if figures.long_form else set())


def _chart(arm: ReportArm) -> Markup | None:
    found: list[tuple[str, Share | Mean | None]] = []
    for scores in arm.figures.scores:
        found += [(f"Acc, {scores.how}", scores.acc), (f"Mis, {scores.how}", scores.mis)]
        found += [(f"hit gap, {scores.how}", scores.hit_gap)]
    if truth := arm.figures.truth:
        found += [("truthful", truth.truthful), ("informative", truth.informative)]
        found += [("both", truth.both)]
    if form := arm.figures.long_form:
        found += [(f"F1@{form.k:g}", form.f1), ("precision", form.precision)]
        found += [(f"R_{form.k:g}", form.recall)]
    lines = [
        Line(label, 100 * one.value, 100 * one.low, 100 * one.high, f"{100 * one.value:.1f} %")
        for label, one in found
        if one is not None
    ]
    return _picture(interval_chart(lines, f"Figures of {arm.name}")) if lines else None


def _picture(drawn: str) -> Markup:
    """An image of ours, whose texts are escaped as it is drawn."""
    return Markup(drawn)


def _position_view(positions: GoldPositions, arm: ReportArm) -> Markup:
    return _picture(position_chart(positions, f"Where the gold stands, {arm.name}"))


def _change_chart(comparison: Comparison | None) -> Markup | None:
    found = [one for one in comparison.of(ALL) if one.figure != "claims"] if comparison else []
    return _contrasts(found, "Change from the base", "figure") if found else None


def _strata_charts(comparison: Comparison | None) -> list[tuple[str, Markup]]:
    strata = [one for one in comparison.contrasts if one.stratum != ALL] if comparison else []
    figures = list(dict.fromkeys(one.figure for one in strata))
    return [
        (figure, _contrasts([s for s in strata if s.figure == figure], f"Gain in {figure}", "of"))
        for figure in figures
    ]


def _contrasts(found: Iterable[Contrast], title: str, by: str) -> Markup:
    lines = [
        Line(
            one.figure if by == "figure" else f"base {one.stratum} (n = {one.questions:,})",
            100 * one.difference, 100 * one.low, 100 * one.high,
            f"{100 * one.difference:+.1f} points",
        )
        for one in found
    ]  # fmt: skip
    return _picture(interval_chart(lines, title, "points"))


def _lost(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The first responses with a hit gap, under both normalisations."""
    found = []
    for row in rows:
        judged = [row.judgments.get(how) for how in NORMALISED]
        if all(one and one["in_thinking"] and not one["in_answer"] for one in judged):
            found.append(_excerpt(row, judged[1]["position"]))  # type: ignore[index]
        if len(found) == MOST_EXAMPLES:
            break
    return found


def _excerpt(row: Row, position: dict[str, float]) -> dict[str, Any]:
    return {
        "id": row.id,
        "question": svg.shortened(row.question, MOST_CHARACTERS),
        "golds": [svg.shortened(gold, 120) for gold in row.golds[:5]],
        "answer": svg.shortened(row.answer, MOST_CHARACTERS),
        "first": 100 * position["first"],
        "last": 100 * position["last"],
    }


def _unjudged(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The first responses without a verdict, with the reason and the judge's last reply."""
    without = [row for row in rows if _has_no_verdict(row)]
    return [
        {
            "id": row.id,
            "note": row.detail.get("note") or "",
            "reply": svg.shortened(_last_reply(row), MOST_CHARACTERS),
        }
        for row in without[:MOST_EXAMPLES]
    ]


def _has_no_verdict(row: Row) -> bool:
    return any(row.judgments.get(name, "") is None for name in ("truthful", "claims"))


def _last_reply(row: Row) -> str:
    replies = row.detail.get("replies") or [{"text": ""}]
    return str(replies[-1]["text"])


def _moves(report: Report) -> dict[str, Any] | None:
    found = report.transitions
    if found is None:
        return None
    rising, falling = found.largest()
    title = f"{report.transition_names[1]} minus {report.transition_names[0]}"
    return {
        "names": report.transition_names,
        "found": found,
        "graph": _picture(delta_graph_svg((*rising, *falling), title)),
        "tables": (("likelier after", rising), ("less likely after", falling)),
    }
