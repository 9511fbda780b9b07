"""Adjudication: where people of a study differ, side by side, and a curator decides."""

from collections.abc import Sequence

from fastapi import APIRouter
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from annotator.agreement.studies import (
    Unit,
    adjudicate,
    is_done,
    list_units,
    list_waiting,
    require_open_to,
)
from store import studies
from store.audit import Actor
from store.engine import reading
from store.errors import NotFound
from store.study_tables import Study
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visiting, allows
from webapp.pages.studies import LabelPage, Offer
from webapp.queries.traces import get_trace_head
from webapp.routes.labels import after_saving
from webapp.serving.permissions import Action
from webapp.studies.labeling import DEFAULT_CONFIDENCE, list_cards, list_palette, read_labels

router = APIRouter(prefix="/studies/{study_id}/adjudicate")


def _onward(study: Study, waiting: Sequence[int]) -> str:
    return f"/studies/{study.id}" + (f"/adjudicate/{waiting[0]}" if waiting else "")


@router.get("", dependencies=[allows(Action.RUN_STUDIES)])
def begin_adjudication(visit: Visiting, study_id: RowId) -> Response:
    """On to the first trace with something to decide."""
    with reading(visit.engine) as session:
        study = studies.get_study(session, study_id)
        return RedirectResponse(_onward(study, list_waiting(session, study)), 303)


@router.get("/{trace_id}", dependencies=[allows(Action.RUN_STUDIES)])
def show_adjudication(visit: Visiting, study_id: RowId, trace_id: RowId) -> Response:
    """A trace with the segments on which people differ, and what each of them said."""
    with reading(visit.engine) as session:
        study = studies.get_study(session, study_id)
        require_open_to(session, study, visit.person(session))
        head = get_trace_head(session, trace_id)
        rows = studies.list_assignments(session, study.id, trace_id=trace_id)
        if not rows:
            raise NotFound("expected a trace of this study, found none")
        units = list_units(session, study, trace_id) if is_done(rows) else []
        differing = [unit for unit in units if not unit.agreed]
        waiting = list_waiting(session, study)
        people = {one.id: one.name for one in studies.list_labelers(session, study.id)}
        palette = list_palette(session, visit, study)
        page = LabelPage(
            study=study,
            trace=head,
            cards=list_cards(
                session,
                trace_id,
                {u.position: next(iter(u.sides.values())) for u in units if u.agreed}
                | {u.position: u.decided for u in differing if u.decided is not None},
                {u.position: _offers(u, people) for u in differing},
                frozenset(u.position for u in differing),
            ),
            palette=palette,
            by_key={one.key: one for one in palette},
            address=f"/studies/{study.id}/adjudicate/{trace_id}",
            onward=_onward(study, _after(waiting, trace_id)),
            place=f"{len(waiting)} left",
            adjudicating=True,
            finished=False,
            may_reopen=False,
            default_confidence=DEFAULT_CONFIDENCE,
        )
    return visit.show(page)


def _offers(unit: Unit, people: dict[int, str]) -> list[Offer]:
    return [
        Offer(people[person], str(number) if number < 10 else "", labels)
        for number, (person, labels) in enumerate(unit.sides.items(), 1)
    ]


def _after(waiting: Sequence[int], trace_id: int) -> list[int]:
    """The waiting traces from the one behind this on; this one is left out."""
    place = waiting.index(trace_id) if trace_id in waiting else 0
    return [one for one in (*waiting[place:], *waiting[:place]) if one != trace_id]


@router.post("/{trace_id}", dependencies=[allows(Action.RUN_STUDIES)])
def keep_decision(visit: Visiting, study_id: RowId, trace_id: RowId) -> Response:
    """Keep what is decided on a segment."""
    position, labels = visit.form.number("segment"), read_labels(visit.form)

    def deed(session: Session, person: Actor) -> int:
        study = studies.get_study(session, study_id)
        return adjudicate(session, study, person, trace_id, position, labels)

    once(visit, deed)
    return after_saving(visit, f"/studies/{study_id}/adjudicate/{trace_id}#segment-{position}")
