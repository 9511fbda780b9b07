"""Suggestions: the curator adopts what reviewers would change, or declines it with a reason."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.audit import Actor
from store.errors import InvalidInput
from taxonomy.suggestions.suggesting import adopt, decline
from webapp.deciding.matter_view import DECLINE
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visiting, allows
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}")


@router.post("/suggestions/{act}", dependencies=[allows(Action.SETTLE)])
def answer_suggestion(visit: Visiting, version_id: RowId, act: RowId) -> Response:
    """Adopt one of the changes that were suggested together, or decline them; then the next."""
    form = visit.form
    choice = form.token("choice")
    number, _, seen = choice.partition(":")
    if choice != DECLINE and not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidInput("expected a suggestion to adopt, or that none is; choose one")
    reason, revision = form.text("reason"), form.number("revision")

    def deed(session: Session, person: Actor) -> int:
        if choice == DECLINE:
            acts = form.numbers("act") or (act,)
            return decline(session, version_id, acts, person=person, reason=reason).revision
        event = adopt(
            session, version_id, int(number), seen,
            person=person, seen_revision=revision, reason=reason,
        )  # fmt: skip
        return event.revision

    done = once(visit, deed)
    place = form.number("place") if form.token("place") else 0
    address = f"/versions/{version_id}/disagreements?done={done}&place={place}"
    return RedirectResponse(address, 303)
