"""Whether the application and its database answer."""

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from store import schema
from store.runs import code_version
from webapp.dependencies import VisitingAside, allows
from webapp.serving.permissions import Action

router = APIRouter()


@router.get("/health", dependencies=[allows(Action.CHECK_HEALTH)])
def check_health(visit: VisitingAside) -> Response:
    """200 where the database answers with a schema; an error of the database is a 503."""
    with visit.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1 FROM run LIMIT 1"))
    revision = schema.current_revision(visit.engine)
    return JSONResponse({"status": "ok", "schema": revision, "version": code_version()})
