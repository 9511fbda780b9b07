"""The audit log: who did what; it is read here and written nowhere."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from store.audit import Sought, find_entries, list_actions, walk_entries
from store.engine import reading
from webapp.dependencies import AfterId, Visiting, allows
from webapp.pages.people import AuditPage
from webapp.serving.attachments import attachment
from webapp.serving.permissions import Action
from webapp.serving.spreadsheets import write_table

router = APIRouter()
PAGE_ROWS = 50
COLUMNS = ("number", "when", "who", "action", "subject", "detail")
Word = Annotated[str, Query(max_length=200)]


@router.get("/audit", dependencies=[allows(Action.READ_AUDIT)])
def show_audit(
    visit: Visiting, actor: Word = "", action: Word = "", q: Word = "", before: AfterId = None
) -> Response:
    """A page of the log, the newest first."""
    sought = Sought(actor.strip(), action, " ".join(q.split()))
    with reading(visit.engine) as session:
        entries = find_entries(session, sought, before, PAGE_ROWS + 1)
        actions = list_actions(session)
    kept = {"actor": sought.actor, "action": sought.action, "q": sought.words}
    more = len(entries) > PAGE_ROWS
    entries = entries[:PAGE_ROWS]
    return visit.show(
        AuditPage(
            entries=entries,
            sought=sought,
            actions=actions,
            export=f"/audit.csv?{urlencode(kept)}",
            later=f"?{urlencode({**kept, 'before': entries[-1].id})}" if more else "",
        )
    )


@router.get("/audit.csv", dependencies=[allows(Action.READ_AUDIT)])
def export_audit(visit: Visiting, actor: Word = "", action: Word = "", q: Word = "") -> Response:
    """The whole log, or what is sought in it, as a table for a spreadsheet."""
    lines = write_table(COLUMNS, _rows(visit.engine, Sought(actor.strip(), action, q.strip())))
    headers = attachment("audit.csv")
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _rows(engine: sa.Engine, sought: Sought) -> Iterator[tuple[object, ...]]:
    with reading(engine) as session:
        for entry in walk_entries(session, sought):
            yield (
                entry.id,
                entry.created_at.isoformat(timespec="seconds"),
                entry.actor,
                entry.action,
                entry.subject,
                "; ".join(f"{name}={value}" for name, value in entry.detail.items()),
            )
