"""Label segments: a whole trace on one page, segment by segment, blind to everybody else."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from annotator.agreement.studies import (
    CONSENSUS,
    finish_trace,
    is_done,
    put_labels,
    reopen_trace,
    said_by,
    source_of,
)
from store import studies
from store.audit import Actor
from store.engine import reading
from store.study_tables import Study, StudyAssignment
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.pages.studies import LabelPage, Offer
from webapp.queries.traces import get_trace_head
from webapp.serving.permissions import Action
from webapp.studies.labeling import DEFAULT_CONFIDENCE, list_cards, list_palette, read_labels

router = APIRouter(prefix="/studies/{study_id}/label")


@router.get("", dependencies=[allows(Action.LABEL)])
def begin_labeling(visit: Visiting, study_id: RowId) -> Response:
    """On to the first trace that is not finished."""
    with reading(visit.engine) as session:
        study = studies.get_study(session, study_id)
        own = studies.list_assignments(session, study.id, person_id=visit.person(session).id)
    return RedirectResponse(onward(study, own, -1), 303)


def onward(study: Study, own: list[StudyAssignment], position: int) -> str:
    """The next unfinished trace after a place, the first ones after the last; else the study."""
    left = [one for one in own if one.finished_at is None]
    ahead = [one for one in left if one.position > position] or left
    return f"/studies/{study.id}" + (f"/label/{ahead[0].trace_id}" if ahead else "")


@router.get("/{trace_id}", dependencies=[allows(Action.LABEL)])
def show_label(visit: Visiting, study_id: RowId, trace_id: RowId) -> Response:
    """A trace with what one said of it so far, and what the machine proposes."""
    with reading(visit.engine) as session:
        study, person = studies.get_study(session, study_id), visit.person(session)
        assignment = studies.get_assignment(session, study.id, person.id, trace_id)
        own = studies.list_assignments(session, study.id, person_id=person.id)
        palette = list_palette(session, visit, study)
        saved = said_by(session, study.run_id, source_of(person), trace_id)
        page = LabelPage(
            study=study,
            trace=get_trace_head(session, trace_id),
            cards=list_cards(session, trace_id, saved, _proposals(session, study, trace_id)),
            palette=palette,
            by_key={one.key: one for one in palette},
            address=f"/studies/{study.id}/label/{trace_id}",
            onward=onward(study, [o for o in own if o is not assignment], assignment.position),
            place=f"{assignment.position + 1} of {len(own)}",
            adjudicating=False,
            finished=assignment.finished_at is not None,
            may_reopen=assignment.finished_at is not None and not is_done(own),
            default_confidence=DEFAULT_CONFIDENCE,
        )
    return visit.show(page)


def _proposals(session: Session, study: Study, trace_id: int) -> dict[int, list[Offer]]:
    """What the machine would put on each segment, where the study lets people see it."""
    if study.proposal_run_id is None:
        return {}
    said = said_by(session, study.proposal_run_id, CONSENSUS, trace_id)
    return {place: [Offer("Proposed", "1", labels)] for place, labels in said.items()}


@router.post("/{trace_id}", dependencies=[allows(Action.LABEL)])
def keep_labels(visit: Visiting, study_id: RowId, trace_id: RowId) -> Response:
    """Keep what one says of a segment."""
    position, labels = visit.form.number("segment"), read_labels(visit.form)

    def deed(session: Session, person: Actor) -> int:
        study = studies.get_study(session, study_id)
        return put_labels(session, study, person, trace_id, position, labels)

    once(visit, deed)
    return after_saving(visit, f"/studies/{study_id}/label/{trace_id}#segment-{position}")


def after_saving(visit: Visit, address: str) -> Response:
    """Nothing for a script, which has moved on; the page again for a form."""
    return (
        Response(status_code=204) if visit.form.token("quiet") else RedirectResponse(address, 303)
    )


@router.post("/{trace_id}/finish", dependencies=[allows(Action.LABEL)])
def finish_labels(visit: Visiting, study_id: RowId, trace_id: RowId) -> Response:
    """Finish a trace, and go to the next."""

    def deed(session: Session, person: Actor) -> int:
        return finish_trace(session, studies.get_study(session, study_id), person, trace_id)

    once(visit, deed)
    with reading(visit.engine) as session:
        study, person = studies.get_study(session, study_id), visit.person(session)
        own = studies.list_assignments(session, study.id, person_id=person.id)
        place = next(one.position for one in own if one.trace_id == trace_id)
    return RedirectResponse(onward(study, own, place), 303)


@router.post("/{trace_id}/reopen", dependencies=[allows(Action.LABEL)])
def reopen_labels(visit: Visiting, study_id: RowId, trace_id: RowId) -> Response:
    """Take a finished trace up again."""

    def deed(session: Session, person: Actor) -> int:
        return reopen_trace(session, studies.get_study(session, study_id), person, trace_id)

    once(visit, deed)
    return RedirectResponse(f"/studies/{study_id}/label/{trace_id}", 303)
