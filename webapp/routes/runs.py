"""Runs: what ran, how it is getting on or how it ended, and how to run it again."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from store.engine import reading
from store.errors import NotFound
from store.runs import get_run
from store.states import ItemStatus, RunKind
from store.tables import Run
from webapp.dependencies import AfterId, RowId, Visit, Visiting, VisitingAside, allows
from webapp.pages.rendering import svg_response
from webapp.pages.runs import RunItemsPage, RunPage, RunsPage
from webapp.queries import runs
from webapp.runs.charts import find_charts, views_of
from webapp.runs.commands import command_of
from webapp.runs.export_files import list_files
from webapp.runs.progress import RunProgress, find_progress
from webapp.runs.results import commands_onward, results_of
from webapp.runs.streams import Streams
from webapp.serving.attachments import attachment
from webapp.serving.headers import DOCUMENT_SECURITY_POLICY
from webapp.serving.permissions import Action
from webapp.showing.charts import line_chart_svg

router = APIRouter(prefix="/runs")
ITEMS_SHOWN = 6
ChartName = Annotated[str, Path(max_length=20)]


@router.get("", dependencies=[allows(Action.READ)])
def show_runs(
    visit: Visiting,
    kind: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    before: AfterId = None,
) -> Response:
    """A page of the list."""
    wanted = RunKind(kind) if kind in tuple(RunKind) else None
    state = state if state in runs.STATES else ""
    with reading(visit.engine) as session:
        rows = runs.list_runs(session, wanted, state, before)
    more = len(rows) > runs.PAGE_ROWS
    rows = rows[: runs.PAGE_ROWS]
    page = RunsPage(
        rows=rows,
        kind=wanted.value if wanted else "",
        kinds=[member.value for member in RunKind],
        state=state,
        states=runs.STATES,
        later=str(rows[-1].id) if more else "",
    )
    return visit.show(page)


@router.get("/{run_id}", dependencies=[allows(Action.READ)])
def show_run(visit: Visiting, run_id: RowId) -> Response:
    """One run: how it stands, what came out, and all that is needed to repeat it."""
    with reading(visit.engine) as session:
        run = get_run(session, run_id)
        training = runs.find_training(session, run_id)
        export = runs.find_export(session, run_id)
        page = RunPage(
            run=run,
            progress=cast(RunProgress, find_progress(session, run_id)),
            commands=_commands(run),
            parameters=flatten(run.parameters),
            metrics=flatten(run.metrics),
            charts=views_of(run_id, find_charts(session, run_id, training)),
            results=results_of(session, run, training, export),
            training=training,
            export=export,
            files=list_files(export) if export else [],
            onward=commands_onward(run, training) if training else [],
            errors=runs.list_error_sorts(session, run_id),
            has_report=runs.has_report(session, run_id),
        )
    return visit.show(page)


def _commands(run: Run) -> list[tuple[str, str]]:
    """What was typed, and the stage alone where that is another line."""
    stage = command_of(run)
    if run.command is None or run.command == stage:
        return [("", run.command or stage)]
    return [("As it was typed", run.command), ("This stage alone, as far as it is recorded", stage)]


@router.get("/{run_id}/events", dependencies=[allows(Action.READ)])
async def stream_run(
    visit: VisitingAside,
    run_id: RowId,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """How the run gets on, as server-sent events; nothing (204) once it has ended."""
    progress = await _look(visit, run_id)
    if progress is None:
        raise NotFound(f"expected a run with number {run_id}, found none")
    if not progress.running:
        return Response(status_code=204)
    streams = cast(Streams, visit.request.app.state.streams)
    person_id = visit.actor.person_id
    if not streams.has_room(person_id):
        return Response(status_code=503, headers={"Retry-After": "15"})
    events = streams.follow(person_id, last_event_id, lambda: _look(visit, run_id))
    headers = {"X-Accel-Buffering": "no"}  # a proxy must not wait until there is more
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _look(visit: Visit, run_id: int) -> RunProgress | None:
    """How the run stands now; the turn and the connection end before the answer is used."""

    def read() -> RunProgress | None:
        with reading(visit.engine) as session:
            return find_progress(session, run_id)

    async with visit.request.app.state.turns.next(writing=False):
        return await run_in_threadpool(read)


@router.get("/{run_id}/items", dependencies=[allows(Action.READ)])
def show_items(
    visit: Visiting,
    run_id: RowId,
    status: Annotated[str, Query(max_length=20)] = "",
    after: AfterId = None,
) -> Response:
    """The traces that a run did not do, or did not do well, and why."""
    wanted = ItemStatus(status) if status in tuple(ItemStatus) else None
    with reading(visit.engine) as session:
        run = get_run(session, run_id)
        rows = runs.list_items(session, run_id, wanted, after)
    more = len(rows) > runs.PAGE_ROWS
    rows = rows[: runs.PAGE_ROWS]
    page = RunItemsPage(
        run=run,
        rows=rows,
        status=wanted.value if wanted else "",
        statuses=[ItemStatus.FAILED.value, ItemStatus.INVALID.value],
        later=str(rows[-1].id) if more else "",
    )
    return visit.show(page)


@router.get("/{run_id}/charts/{name}.svg", dependencies=[allows(Action.READ)])
def draw_chart(visit: Visiting, run_id: RowId, name: ChartName) -> Response:
    """A chart of the run as an image."""
    with reading(visit.engine) as session:
        charts = find_charts(session, run_id, runs.find_training(session, run_id))
    if name not in charts:
        known = ", ".join(charts) or "none"
        raise NotFound(f"expected a chart of run {run_id}, which are {known}; got {name!r}")
    return svg_response(line_chart_svg(charts[name]))


@router.get("/{run_id}/report", dependencies=[allows(Action.READ)])
def show_report(visit: Visiting, run_id: RowId) -> Response:
    """The report that a run ended with: a document of its own, which may do nothing at all."""
    with reading(visit.engine) as session:
        html = runs.find_report(session, run_id)
    if html is None:
        raise NotFound(f"expected a report of run {run_id}, found none")
    headers = {"Content-Security-Policy": DOCUMENT_SECURITY_POLICY}
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/{run_id}/run.json", dependencies=[allows(Action.READ)])
def download_run(visit: Visiting, run_id: RowId) -> Response:
    """Everything that is known of a run, as `mralign runs show` prints it."""
    with reading(visit.engine) as session:
        document: dict[str, Any] = get_run(session, run_id).model_dump(mode="json")
        export = runs.find_export(session, run_id)
    if export is not None:
        document["manifest"] = export.manifest
    return _json_file(document, f"run-{run_id}.json")


def _json_file(document: Mapping[str, Any], name: str) -> Response:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return Response(text, media_type="application/json", headers=attachment(name))


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
