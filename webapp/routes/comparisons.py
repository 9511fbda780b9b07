"""Two groups of annotated traces compared: before and after, helped and hurt, two models."""

import json
from typing import TYPE_CHECKING, Annotated, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from store.engine import reading
from store.errors import InvalidInput, NotFound
from store.states import RunKind
from store.tables import Run
from webapp.dependencies import Visit, VisitingAside, allows
from webapp.pages.rendering import svg_response
from webapp.pages.transitions import CellChange, ComparePage, Comparison
from webapp.routes.transitions import (
    FILE_PATIENCE_S,
    LEVELS,
    Level,
    file_response,
    list_annotate_runs,
)
from webapp.serving.aside import PATIENCE_S
from webapp.serving.permissions import Action
from webapp.serving.spreadsheets import write_table
from webapp.transitions.heatmaps import heat_of_differences
from webapp.transitions.matrices import Compared, Matrices

if TYPE_CHECKING:
    from alignment.transitions.differences import Cell, Differences

router = APIRouter(prefix="/transitions/compare")
reading_allowed = allows(Action.READ)
Words = Annotated[str, Query(max_length=300)]
POLARITIES = (("", "all its traces"), ("positive", "where thinking helped"),
              ("negative", "where thinking hurt"))  # fmt: skip
RUNS_OFFERED, EVALUATIONS_OFFERED = 10, 20
COLUMNS = ("from", "to", "first", "second", "delta", "low", "high", "p_value", "beyond_chance")


@router.get("", dependencies=[reading_allowed])
def show_comparison(
    visit: VisitingAside, first: Words = "", second: Words = "", level: Level = "category"
) -> Response:
    """How the second group differs from the first; without groups, forms to choose them."""
    found, problem = None, ""
    asked = bool(first and second)
    with reading(visit.engine) as session:
        options = _options(session)
        evaluations = _evaluations(session, level)
        if asked:
            try:
                found = _compared(visit, session, (first, second), level, PATIENCE_S)
            except (NotFound, InvalidInput) as error:
                problem = str(error)
    page = ComparePage(
        first=first,
        second=second,
        level=level,
        levels=LEVELS,
        options=options,
        evaluations=evaluations,
        found=_in_words(found.differences, (first, second), level) if found else None,
        pending=asked and found is None and not problem,
        problem=problem,
    )
    return visit.show(page)


@router.get("/{name}.svg", dependencies=[reading_allowed])
def draw_comparison(
    visit: VisitingAside,
    name: Annotated[str, Path(max_length=20)],
    first: Words,
    second: Words,
    level: Level = "category",
) -> Response:
    """The difference as a heatmap or as a graph."""
    from alignment.transitions.delta_graph import delta_graph_svg
    from alignment.transitions.report import Heatmap, heatmap_svg

    if name not in ("heatmap", "graph"):
        raise NotFound(f"expected heatmap or graph, got {name!r}")
    found = _differences(visit, (first, second), level)
    title = f"{second} minus {first}"
    if name == "heatmap":
        return svg_response(heatmap_svg(Heatmap(found.delta, found.states, title, "delta")))
    rising, falling = found.largest()
    return svg_response(delta_graph_svg((*rising, *falling), title))


@router.get("/cells.csv", dependencies=[reading_allowed])
def download_changes(
    visit: VisitingAside, first: Words, second: Words, level: Level = "category"
) -> Response:
    """A line a cell."""
    found = _differences(visit, (first, second), level)
    size = len(found.states)
    cells = (found.cell((row, column)) for row in range(size - 1) for column in range(1, size))
    lines = (
        (cell.source, cell.target, *(_exact(value) for value in (
            cell.first, cell.second, cell.delta, cell.low, cell.high, cell.p_value)),
         int(cell.differs))
        for cell in cells
    )  # fmt: skip
    return file_response("".join(write_table(COLUMNS, lines)), "text/csv", "differences.csv")


@router.get("/differences.json", dependencies=[reading_allowed])
def download_differences(
    visit: VisitingAside, first: Words, second: Words, level: Level = "category"
) -> Response:
    """All of it."""
    found = _differences(visit, (first, second), level)
    document = {"first": first, "second": second, "level": level} | found.document()
    text = json.dumps(document, ensure_ascii=False)
    return file_response(text, "application/json", "differences.json")


def find_whole(visit: Visit, session: Session, words: tuple[str, str], level: Level) -> Compared:
    """Two groups and how they differ, for whoever waits for all of it.

    Raises:
        NotFound: it takes longer than anybody waits.
    """
    found = _compared(visit, session, words, level, FILE_PATIENCE_S)
    if found is None:
        raise NotFound("expected the differences, which are still being computed: ask again")
    return found


def _differences(visit: Visit, words: tuple[str, str], level: Level) -> "Differences":
    with reading(visit.engine) as session:
        return find_whole(visit, session, words, level).differences


def _compared(
    visit: Visit, session: Session, words: tuple[str, str], level: Level, patience_s: float
) -> Compared | None:
    matrices = cast(Matrices, visit.request.app.state.matrices)
    return matrices.find_compared(session, words, level == "macro", patience_s)


def _exact(value: float) -> str:
    return f"{value:.6g}"


def _options(session: Session) -> list[tuple[str, str]]:
    """Groups of the newest annotate runs, in the words of the command line."""
    return [
        (f"run={run.id}" + f",polarity={polarity}" * bool(polarity), f"{run.name}: {words}")
        for run in list_annotate_runs(session)[:RUNS_OFFERED]
        for polarity, words in POLARITIES
    ]


def _evaluations(session: Session, level: Level) -> list[tuple[str, str]]:
    """What evaluate runs compared: before and after a training."""
    query = select(Run.id, Run.parameters).where(col(Run.kind) == RunKind.EVALUATE)
    found = []
    for number, parameters in session.exec(query.order_by(col(Run.id).desc())):
        before, after = parameters.get("before"), parameters.get("after")
        if isinstance(before, str) and isinstance(after, str):
            search = urlencode({"first": before, "second": after, "level": level})
            words = f"evaluate run {number}: {before} → {after}"
            found.append((words[:200], f"/transitions/compare?{search}"))
    return found[:EVALUATIONS_OFFERED]


def _in_words(found: "Differences", words: tuple[str, str], level: Level) -> Comparison:
    low, high = found.l1_interval
    parts = {"first": words[0], "second": words[1], "level": level}
    search = f"?{urlencode(parts)}"
    rising, falling = found.largest()
    start = "/transitions/compare"
    return Comparison(
        facts=[
            ("Traces", " and ".join(f"{count:,}" for count in found.trace_counts)),
            ("in both groups, compared with themselves", f"{found.paired_traces:,}"),
            ("Moves", f"{found.first.move_count:,} and {found.second.move_count:,}"),
            ("Mean ℓ1", f"{100 * found.l1:.2f} % ({100 * low:.2f} to {100 * high:.2f})"),
            ("by chance alone, groups of these sizes", f"{100 * found.l1_by_chance:.2f} %"),
            ("p of the mean ℓ1", f"{found.l1_p_value:.3f}"),
            ("Cells that differ beyond chance",
             f"{int(found.differs.sum())} of {int(found.tested.sum())} with 5 moves or more"),
        ],
        rising=[_change(cell) for cell in rising],
        falling=[_change(cell) for cell in falling],
        graph=f"{start}/graph.svg{search}",
        heatmap=heat_of_differences(found, "All changes", parts),
        files=[("cells as CSV", f"{start}/cells.csv{search}"),
               ("all of it as JSON", f"{start}/differences.json{search}")],
    )  # fmt: skip


def _change(cell: "Cell") -> CellChange:
    return CellChange(
        source=cell.source,
        target=cell.target,
        first=f"{100 * cell.first:.1f}",
        second=f"{100 * cell.second:.1f}",
        delta=f"{100 * cell.delta:+.1f}",
        interval=f"{100 * cell.low:+.1f} to {100 * cell.high:+.1f}",
        p_value=f"{cell.p_value:.4f}",
        beyond_chance=cell.differs,
    )
