"""How reasoning moves between categories: the matrices as images, in words, and as files."""

import json
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Annotated, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query
from sqlmodel import Session, col, select
from starlette.responses import Response

from store.engine import reading
from store.errors import InvalidInput, NotFound
from store.runs import PEOPLE, get_latest_run
from store.states import RunKind, RunStatus
from store.tables import Run
from webapp.dependencies import LARGEST_ROW_ID, Visit, VisitingAside, allows
from webapp.pages.rendering import svg_response
from webapp.pages.transitions import (
    Choice,
    RunOption,
    TransitionsPage,
)
from webapp.serving.aside import PATIENCE_S
from webapp.serving.attachments import attachment
from webapp.serving.permissions import Action
from webapp.serving.spreadsheets import write_table
from webapp.showing.wording import moment
from webapp.transitions.matrices import Matrices
from webapp.transitions.matrix_view import MATRICES, MatrixBook

router = APIRouter(prefix="/transitions")
reading_allowed = allows(Action.READ)
LEVELS = {"category": "categories", "macro": "macro-strategies"}
# Below 30 moves out of a row a chance in it is off by 9 points and more (a standard error of a
# half); 100 moves make that 5.
THRESHOLDS = (5, 10, 30, 100)
RUNS_OFFERED = 50
FILE_PATIENCE_S = 600.0  # who asks for a file waits for all of it
CELL_COLUMNS = ("matrix", "from", "to", "value", "low", "high", "moves", "effective_traces",
                "row_moves", "row_effective_traces", "beyond_chance")  # fmt: skip
Level = Literal["category", "macro"]
Name = Annotated[str, Query(max_length=100)]


def read_choice(
    run: Annotated[int | None, Query(ge=1, le=LARGEST_ROW_ID)] = None,
    level: Level = "category",
    least: Annotated[int, Query(ge=0, le=1_000_000)] = 30,
    of: Name = "delta",
) -> Choice:
    """What the address asks for."""
    return Choice(run, level, least, of)


Chosen = Annotated[Choice, Depends(read_choice)]


@router.get("", dependencies=[reading_allowed])
def show_transitions(visit: VisitingAside, choice: Chosen) -> Response:
    """All matrices of an annotate run, by default of the newest."""
    with reading(visit.engine) as session:
        options = list_annotate_runs(session)
        try:
            book, pending = find_book(visit, session, choice)
            problem = ""
        except (NotFound, InvalidInput) as error:
            book, pending, problem = None, False, str(error)
    return visit.show(_page(choice, options, book, pending, problem))


def _page(
    choice: Choice,
    options: Sequence[RunOption],
    book: MatrixBook | None,
    pending: bool,
    problem: str,
) -> TransitionsPage:
    choice = book.choice if book else choice
    of = choice.of if book and choice.of in book.names else "p"
    ending = f"?{urlencode(choice.parts())}"
    return TransitionsPage(
        choice=choice,
        runs=options,
        levels=LEVELS,
        thresholds=sorted({*THRESHOLDS, choice.least}),
        heatmaps=book.pictures if book else [],
        table=book.table(of) if book else None,
        groups=[title for _, title in zip(book.backings, ("P", "P⁺", "P⁻"), strict=False)]
               if book else [],
        backings=book.row_backings() if book else [],
        trace_counts=book.material.fits.trace_counts if book else {},
        polar=bool(book and book.material.polar),
        pending=pending,
        graph=f"/transitions/graph.svg{ending}" if book and book.material.polar else "",
        files=[("cells as CSV", f"/transitions/cells.csv{ending}"),
               ("all of it as JSON", f"/transitions/matrices.json{ending}")] if book else [],
        problem=problem,
    )  # fmt: skip


def find_book(
    visit: Visit,
    session: Session,
    choice: Choice,
    patience_s: float = PATIENCE_S,
    sureness_patience_s: float = PATIENCE_S,
) -> tuple[MatrixBook | None, bool]:
    """The matrices, none while they are fitted, and whether they or their intervals are awaited."""
    matrices, began_s = cast(Matrices, visit.request.app.state.matrices), monotonic()
    run_id = choice.run_id or get_latest_run(session, RunKind.ANNOTATE).id
    coarse = choice.level == "macro"
    material = matrices.find(session, run_id, coarse, patience_s)
    if material is None:
        return None, True
    left_s = max(sureness_patience_s - (monotonic() - began_s), 0.0)
    sureness, pending = matrices.find_sureness(session, material, coarse, left_s)
    chosen = Choice(run_id, choice.level, choice.least, choice.of)
    return matrices.book(material, sureness, chosen), pending


def read_book(
    visit: Visit, session: Session, choice: Choice, sureness_patience_s: float = 0.0
) -> MatrixBook:
    """The matrices for whoever waits for them, with their intervals if these come soon enough.

    Raises:
        NotFound: it takes longer than anybody waits.
    """
    book, _ = find_book(visit, session, choice, FILE_PATIENCE_S, sureness_patience_s)
    if book is None:
        raise NotFound("expected the matrices, which are still being fitted: ask again")
    return book


def list_annotate_runs(session: Session) -> list[RunOption]:
    """The annotate runs that left results, the newest first."""
    query = (
        select(Run.id, Run.model, Run.parameters, Run.started_at)
        .where(col(Run.kind) == RunKind.ANNOTATE, col(Run.model).is_distinct_from(PEOPLE))
        .where(col(Run.status).in_((RunStatus.SUCCEEDED, RunStatus.PARTIAL)))
        .order_by(col(Run.id).desc())
    )
    return [
        RunOption(number, " · ".join([f"run {number}", *(
            str(part)[:60] for part in (parameters.get("taxonomy"), model) if part
        ), moment(started)]))
        for number, model, parameters, started in session.exec(query.limit(RUNS_OFFERED))
    ]  # fmt: skip


@router.get("/graph.svg", dependencies=[reading_allowed])
def draw_graph(visit: VisitingAside, choice: Chosen) -> Response:
    """The largest changes of ΔP as arrows between states."""
    from alignment.transitions.delta_graph import delta_graph_svg

    with reading(visit.engine) as session:
        book = read_book(visit, session, choice, PATIENCE_S)
    if not book.material.polar:
        raise NotFound("expected traces of both polarities, found none: there is no ΔP")
    title = "The largest cells of ΔP = P⁺ − P⁻, up and down"
    where = "where thinking helped"
    return svg_response(delta_graph_svg(book.changes(), title, book.nodes(), where))


@router.get("/{name}.svg", dependencies=[reading_allowed])
def draw_matrix(
    visit: VisitingAside, choice: Chosen, name: Annotated[str, Path(max_length=40)]
) -> Response:
    """A matrix as an image."""
    from alignment.transitions.report import heatmap_svg

    if name not in MATRICES:
        raise NotFound(f"expected one of {', '.join(MATRICES)}, got {name!r}")
    with reading(visit.engine) as session:
        book = read_book(visit, session, choice)
    if name not in book.names:
        raise NotFound("expected traces of both polarities, found none: there is P alone")
    return svg_response(heatmap_svg(book.heatmap(name)))


@router.get("/cells.csv", dependencies=[reading_allowed])
def download_cells(visit: VisitingAside, choice: Chosen) -> Response:
    """A line a cell of every matrix: its value, its interval, and what stands behind it."""
    with reading(visit.engine) as session:
        book = read_book(visit, session, choice, FILE_PATIENCE_S)
    text = "".join(write_table(CELL_COLUMNS, _lines(book)))
    return file_response(text, "text/csv", f"transitions-{book.choice.run_id}.csv")


def _lines(book: MatrixBook) -> Iterator[Sequence[object]]:
    for name in book.names:
        backing, matrix = book.backings[MATRICES[name][2]], book.matrix(name)
        for row in range(len(book.states) - 1):
            for column in range(1, len(book.states)):
                place = (row, column)
                low, high = book.ends(name, place)
                differs = (name == "delta" and book.sureness is not None
                           and bool(book.sureness.differences.differs[place]))  # fmt: skip
                yield (name, book.states[row], book.states[column], *(
                    "" if value != value else f"{abs(value) if value == 0 else value:.6g}"
                    for value in (matrix[place], low, high, backing.moves[place],
                                  backing.traces[place], backing.row_moves[row],
                                  backing.row_traces[row])), int(differs))  # fmt: skip


@router.get("/matrices.json", dependencies=[reading_allowed])
def download_matrices(visit: VisitingAside, choice: Chosen) -> Response:
    """The matrices, their intervals, and what stands behind them."""
    with reading(visit.engine) as session:
        book = read_book(visit, session, choice, FILE_PATIENCE_S)
    document = {
        "annotate_run": book.choice.run_id,
        "level": book.choice.level,
        "states": list(book.states),
        "macro_strategies": list(book.material.macro),
        "traces": book.material.fits.trace_counts,
        "preset": book.material.fits.preset,
        "matrices": {name: book.matrix(name).tolist() for name in book.names},
        "backing": {
            group: {"moves": one.moves.tolist(), "effective_traces": one.traces.tolist()}
            for group, one in book.backings.items()
        },
        "intervals_95": {
            name: [[_known(book.ends(name, (row, column))) for column in range(len(book.states))]
                   for row in range(len(book.states))] for name in book.names
        } if book.sureness else None,
        "differences": book.sureness.differences.document() if book.sureness else None,
    }  # fmt: skip
    text = json.dumps(_without_nan(document), ensure_ascii=False)
    return file_response(text, "application/json", f"transitions-{book.choice.run_id}.json")


def _known(ends: tuple[float, float]) -> list[float] | None:
    return None if ends[0] != ends[0] else list(ends)


def _without_nan(value: object) -> object:
    """The document with null for what is no number, which JSON cannot say."""
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and value != value else value


def file_response(text: str, media_type: str, name: str) -> Response:
    """A file to be kept."""
    return Response(text, media_type=media_type, headers=attachment(name))
