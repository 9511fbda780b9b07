"""The charts of a run: what its training measured, or how fast it went and what it spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from store.progress import list_beats, thinned
from store.run_tables import RunBeat
from webapp.queries.runs import Training
from webapp.showing.charts import Chart, Line

ROWS_SHOWN = 20
STEP = "step"
MINUTES = "minutes since the start"

# name, title, unit, and the figures of a step with what they are called
TRAINING = (
    ("loss", "Loss", "loss",
     (("loss", "of the step"), ("validation_loss", "of the validation split"))),
    ("rewards", "Reward: Σ w · log-ratio", "nats",
     (("reward_desirable", "desirable"), ("reward_undesirable", "undesirable"))),
    ("margin", "Reward margin and z0", "nats", (("margin", "margin"), ("z0", "z0"))),
    ("weights", "Mean weight of a token", "weight", (("weight_mean", "weight"),)),
    ("rate", "Learning rate", "learning rate", (("learning_rate", "rate"),)),
)  # fmt: skip


@dataclass(frozen=True)
class ChartView:
    """A chart on a page: where its image is, and some of its points as a table."""

    name: str
    chart: Chart
    address: str
    rows: Sequence[tuple[str, Sequence[str]]]


def find_charts(session: Session, run_id: int, training: Training | None) -> dict[str, Chart]:
    """The charts of a run by name; those without two points are left out."""
    charts = of_training(training.loss_curve) if training else of_beats(list_beats(session, run_id))
    return {name: chart for name, chart in charts.items() if chart.size > 1}


def of_training(curve: Sequence[Mapping[str, float]]) -> dict[str, Chart]:
    """What each step measured; a figure that no step has is left out."""
    return {name: Chart(title, STEP, unit, _lines(curve, figures))
            for name, title, unit, figures in TRAINING}  # fmt: skip


def _lines(curve: Sequence[Mapping[str, float]], figures: Sequence[tuple[str, str]]) -> list[Line]:
    lines = [
        Line(words, [(float(row.get("step", n)), float(row[figure]))
                     for n, row in enumerate(curve, start=1) if row.get(figure) is not None])
        for figure, words in figures
    ]  # fmt: skip
    return [line for line in lines if line.points]


def of_beats(beats: Sequence[RunBeat]) -> dict[str, Chart]:
    """How many items a minute, and what was spent, since the first sign of life."""
    if not beats:
        return {}
    start = beats[0].at
    minutes = [(beat.at - start).total_seconds() / 60.0 for beat in beats]
    pairs = zip(minutes, minutes[1:], beats, beats[1:], strict=False)
    paces = [(till, (after.done_items - before.done_items) / (till - since))
             for since, till, before, after in pairs if till > since]  # fmt: skip
    money = beats[-1].cost_usd > 0
    spent = [beat.cost_usd if money else float(beat.tokens) for beat in beats]
    return {
        "pace": Chart("Items a minute", MINUTES, "items", [Line("items", paces)]),
        "spend": Chart("Spent so far", MINUTES, "USD" if money else "tokens",
                       [Line("spent", list(zip(minutes, spent, strict=True)))] if any(spent)
                       else []),
    }  # fmt: skip


def views_of(run_id: int, charts: Mapping[str, Chart]) -> list[ChartView]:
    """The charts as a page shows them."""
    return [
        ChartView(name, chart, f"/runs/{run_id}/charts/{name}.svg", _rows(chart))
        for name, chart in charts.items()
    ]


def _rows(chart: Chart) -> list[tuple[str, list[str]]]:
    """The points as numbers, thinned to what fits, for those who cannot see them."""
    by_x: dict[float, list[str]] = {}
    for number, line in enumerate(chart.lines):
        for x, y in line.points:
            by_x.setdefault(x, [""] * len(chart.lines))[number] = f"{y:.4g}"
    return [(f"{x:.4g}", by_x[x]) for x in thinned(sorted(by_x), ROWS_SHOWN)]
