"""Runs: what ran, how it ended, and how to run it again."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from store.engine import reading
from store.errors import NotFound
from store.runs import get_run
from store.states import RunKind
from webapp.charts import Curve, line_chart_svg
from webapp.commands import command_of
from webapp.dependencies import RowId, Visiting, allows
from webapp.pages.records import RunPage, RunsPage
from webapp.permissions import Action
from webapp.queries import runs
from webapp.rendering import svg_response

router = APIRouter(prefix="/runs")
LOSSES_SHOWN = 20
ITEMS_SHOWN = 6


@router.get("", dependencies=[allows(Action.READ)])
def show_runs(
    visit: Visiting,
    kind: str = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """A page of the list."""
    wanted = RunKind(kind) if kind in tuple(RunKind) else None
    with reading(visit.engine) as session:
        rows = runs.list_runs(session, wanted, before)
    more = len(rows) > runs.PAGE_ROWS
    rows = rows[: runs.PAGE_ROWS]
    later = str(rows[-1].id) if more else ""
    kinds = [member.value for member in RunKind]
    page = RunsPage(rows=rows, kind=wanted.value if wanted else "", kinds=kinds, later=later)
    return visit.show(page)


@router.get("/{run_id}", dependencies=[allows(Action.READ)])
def show_run(visit: Visiting, run_id: RowId) -> Response:
    """One run with all that is needed to repeat it."""
    with reading(visit.engine) as session:
        run = get_run(session, run_id)
        training = runs.find_training(session, run_id)
        page = RunPage(
            run=run,
            command=command_of(run),
            parameters=flatten(run.parameters),
            metrics=flatten(run.metrics),
            training=training,
            losses=_losses(training),
            export=runs.find_export(session, run_id),
        )
        return visit.show(page)


def flatten(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A JSON document as names and values, the names of nested ones joined by a dot."""
    rows: list[tuple[str, str]] = []
    for name, value in document.items():
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", as_text(value)))
    return rows


def as_text(value: object) -> str:
    """A JSON value as people read it."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        shown = ", ".join(as_text(item) for item in value[:ITEMS_SHOWN]) or "–"
        return shown if len(value) <= ITEMS_SHOWN else f"{shown}, … ({len(value):,} in all)"
    return str(value)


def _losses(training: runs.Training | None) -> list[tuple[str, str]]:
    """The curve as numbers, thinned to what fits, for those who cannot see it."""
    points = _points(training) if training else []
    every = max(1, -(-len(points) // LOSSES_SHOWN))
    kept = [*points[::every], *points[-1:]] if (len(points) - 1) % every else points[::every]
    return [(f"{x:g}", f"{y:.4f}") for x, y in kept]


def _points(training: runs.Training) -> list[tuple[float, float]]:
    rows = enumerate(training.loss_curve, start=1)
    return [(float(row.get("step", n)), float(row["loss"])) for n, row in rows if "loss" in row]


@router.get("/{run_id}/loss.svg", dependencies=[allows(Action.READ)])
def draw_loss(visit: Visiting, run_id: RowId) -> Response:
    """The loss curve of a training run as an image."""
    with reading(visit.engine) as session:
        training = runs.find_training(session, run_id)
    if training is None:
        raise NotFound(f"expected a training run with number {run_id}, found none")
    curve = Curve(_points(training), title="Loss", x_name="step", y_name="loss")
    return svg_response(line_chart_svg(curve))
