"""What a run left on the disk, as files to be kept: a training set, a loss curve, a recipe."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from store.engine import reading
from store.errors import NotFound
from store.runs import get_run
from store.states import RunKind
from webapp.dependencies import RowId, Visiting, VisitingAside, allows
from webapp.queries import runs
from webapp.runs.export_files import OpenFile, open_file
from webapp.serving.attachments import attachment
from webapp.serving.permissions import Action
from webapp.serving.spreadsheets import write_table

router = APIRouter(prefix="/runs/{run_id}")
FileName = Annotated[str, Path(max_length=200)]
KINDS = {".json": "application/json", ".jsonl": "application/x-ndjson"}


@router.get("/files/{name:path}", dependencies=[allows(Action.TAKE_TRAINING_SETS)])
def download_file(visit: VisitingAside, run_id: RowId, name: FileName) -> Response:
    """A file of a training set, if it is still what was written."""
    with reading(visit.engine) as session:
        export = runs.find_export(session, run_id)
    if export is None:
        raise NotFound(f"expected an export run, but run {run_id} wrote no training set")
    file, size = open_file(export, run_id, name)
    kind = KINDS.get(name[name.rfind(".") :], "application/octet-stream")
    return OpenFile(file, size, kind, attachment(f"export-{run_id}-{name}"))


@router.get("/curve.csv", dependencies=[allows(Action.READ)])
def download_curve(visit: Visiting, run_id: RowId) -> Response:
    """What each step of a training measured, a line a step."""
    with reading(visit.engine) as session:
        training = runs.find_training(session, run_id)
    if training is None:
        raise NotFound(f"expected a train run, but run {run_id} trained nothing")
    text = "".join(write_table(*_table(training.loss_curve)))
    return Response(text, media_type="text/csv", headers=attachment(f"run-{run_id}-curve.csv"))


def _table(
    curve: Sequence[Mapping[str, float]],
) -> tuple[list[str], list[list[float | None]]]:
    names = ["step", *dict.fromkeys(name for row in curve for name in row if name != "step")]
    rows = [{"step": float(place)} | dict(row) for place, row in enumerate(curve, start=1)]
    return names, [[row.get(name) for name in names] for row in rows]


@router.get("/recipe.json", dependencies=[allows(Action.READ)])
def download_recipe(visit: Visiting, run_id: RowId) -> Response:
    """The recipe that `mralign train` repeats the run with, or goes on from."""
    with reading(visit.engine) as session:
        run = get_run(session, run_id, RunKind.TRAIN)
    if "output" not in run.parameters:
        raise NotFound(f"expected the settings of train run {run_id}, but they were not kept")
    told: dict[str, Any] = {key: value for key, value in run.parameters.items() if key != "resume"}
    text = json.dumps(told, indent=2, ensure_ascii=False)
    headers = attachment(f"run-{run_id}-recipe.json")
    return Response(text, media_type="application/json", headers=headers)
