"""Studies: the list, the form that makes one, how far each is, and what its labels say."""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response, StreamingResponse

from annotator.agreement.plans import DEFAULT_FACETS, FACETS, Plan, create_study
from annotator.agreement.studies import list_waiting, source_of
from store import studies
from store.audit import Actor
from store.engine import reading
from store.errors import InvalidInput
from store.people import list_people
from store.states import VersionStatus
from store.studies import Share
from store.study_tables import Study
from store.tables import Person
from store.taxonomies import get_version, list_versions
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visit, Visiting, VisitingAside, allows
from webapp.pages.studies import (
    Comparison,
    FigureRow,
    ProgressLine,
    StudiesPage,
    StudyPage,
    StudyRow,
)
from webapp.serving.attachments import attachment
from webapp.serving.permissions import Action
from webapp.studies.comparing import OVER
from webapp.studies.figures import Found, StudyFigures
from webapp.studies.knowing import may_know
from webapp.studies.lines import write_lines
from webapp.transitions.heatmaps import heat_of_confusion

if TYPE_CHECKING:
    from annotator.agreement.coefficients import Agreement

router = APIRouter(prefix="/studies")
PersonId = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
FIGURES = {
    "strict": "Strict agreement",
    "entailment": "Entailment agreement",
    "kappa_strict": "Cohen's κ, strict",
    "kappa_entailment": "Cohen's κ, entailment",
    "kappa_entailment_strict_chance": "κ, entailment with the strict chance term",
    "alpha_masi": "Krippendorff's α, MASI distance",
    "ac1": "Gwet's AC1",
}


@router.get("", dependencies=[allows(Action.LABEL)])
def show_studies(visit: Visiting) -> Response:
    """The studies in which one labels; a curator sees every one."""
    runs_them = visit.may(Action.RUN_STUDIES)
    with reading(visit.engine) as session:
        person = visit.person(session)
        found = studies.list_studies(session, None if runs_them else person.id)
        frozen = [v.name for v in list_versions(session) if v.status == VersionStatus.FROZEN]
        page = StudiesPage(
            rows=[_row(session, study, person) for study in found],
            may_create=runs_them,
            people=[one.name for one in list_people(session) if one.active] if runs_them else [],
            versions=frozen,
            facets=[(facet, facet in DEFAULT_FACETS) for facet in FACETS],
        )
    return visit.show(page)


def _row(session: Session, study: Study, person: Actor) -> StudyRow:
    shares = studies.count_shares(session, study.id)
    own = [share for share in shares if share.person_id == person.id]
    shown = own or shares
    return StudyRow(
        study=study,
        version=get_version(session, study.version_id).name,
        traces=len(studies.list_study_traces(session, study.id)),
        finished=sum(share.finished for share in shown),
        total=sum(share.traces for share in shown),
        own=bool(own),
    )


@router.post("", dependencies=[allows(Action.RUN_STUDIES)])
def make_study(visit: Visiting) -> Response:
    """Draw the traces, share them out, and open the study."""
    form = visit.form
    plan = Plan(
        name=form.line("name", 100),
        people=tuple(form.fields.get("person", ())),
        facets=tuple(form.fields.get("facet", ())),
        per_stratum=form.number("per_stratum"),
        overlap=form.number("overlap"),
        seed=form.number("seed"),
        proposals=form.token("proposals") == "yes",
        polar=form.token("polar") == "yes",
        taxonomy=form.line("version") or None,
    )

    def deed(session: Session, person: Actor) -> int:
        return create_study(session, plan, by=person)[0].id

    return RedirectResponse(f"/studies/{once(visit, deed)}", 303)


@router.get("/{study_id}", dependencies=[allows(Action.LABEL)])
def show_study(
    visit: VisitingAside, study_id: RowId, a: PersonId = None, b: PersonId = None
) -> Response:
    """How far a study is, and the figures for whoever does not label any more."""
    with reading(visit.engine) as session:
        study = studies.get_study(session, study_id)
        person = visit.person(session)
        own = studies.list_assignments(session, study.id, person_id=person.id)
        blind = not may_know(session, visit, study)
        traces = studies.list_study_traces(session, study.id)
        shares = studies.count_shares(session, study.id)
        shares = [one for one in shares if not blind or one.person_id == person.id]
        strata = sorted({row.stratum for row in traces})
        chosen = None if blind else find_pair(session, study, a, b)
        page = StudyPage(
            study=study,
            version=get_version(session, study.version_id).name,
            strata=strata,
            progress=_progress(shares, strata),
            blind=blind,
            left=sum(one.finished_at is None for one in own),
            pairs=[] if blind else _pairs(session, study, chosen),
            comparison=_compare(session, visit, study, *chosen) if chosen else None,
            adjudicates=visit.may(Action.RUN_STUDIES) and not blind,
            unsettled=0 if blind else len(list_waiting(session, study)),
            settled=sum(row.settled for row in traces),
            traces=len(traces),
        )
    return visit.show(page)


def _progress(shares: Sequence[Share], strata: Sequence[str]) -> list[ProgressLine]:
    names = list(dict.fromkeys(share.name for share in shares))
    lines = [_line(name, [one for one in shares if one.name == name], strata) for name in names]
    return [*lines, _line("All", shares, strata, True)] if len(lines) > 1 else lines


def _line(
    name: str, shares: Sequence[Share], strata: Sequence[str], every: bool = False
) -> ProgressLine:
    own = [[one for one in shares if one.stratum == stratum] for stratum in strata]
    cells = [(sum(one.finished for one in some), sum(one.traces for one in some)) for some in own]
    finished, traces = (sum(cell[place] for cell in cells) for place in (0, 1))
    return ProgressLine(name, cells, finished, traces, every)


def find_pair(
    session: Session, study: Study, a: int | None, b: int | None
) -> tuple[Person, Person] | None:
    """The two people who are compared: those asked for, else the first two who share traces."""
    people = {one.id: one for one in studies.list_labelers(session, study.id)}
    if a in people and b in people and a != b:
        return people[a], people[b]
    return next(iter(combinations(people.values(), 2)), None)


def _pairs(
    session: Session, study: Study, chosen: tuple[Person, Person] | None
) -> list[tuple[str, str, bool]]:
    people = studies.list_labelers(session, study.id)
    if len(people) < 3:
        return []
    return [
        (f"{a.name} and {b.name}", f"?a={a.id}&b={b.id}", (a, b) == chosen)
        for a, b in combinations(people, 2)
    ]


def find_figures(visit: Visit, session: Session, study: Study, a: str, b: str) -> Found:
    """What two sources of a study say, as far as both have labelled."""
    figures = cast(StudyFigures, visit.request.app.state.study_figures)
    return figures.get(session, study, a, b)


def _compare(session: Session, visit: Visit, study: Study, a: Person, b: Person) -> Comparison:
    import shlex

    found = find_figures(visit, session, study, source_of(a), source_of(b))
    compared = found.compared
    sources = [f"run:{study.run_id}/{source_of(person)}" for person in (a, b)]
    start, parts = f"/studies/{study.id}", {"a": str(a.id), "b": str(b.id)}
    return Comparison(
        a=a.name,
        b=b.name,
        units=len(compared.units.traces),
        traces=compared.traces,
        rows=list_figures([compared.figures[over] for over in OVER]),
        distances=[compared.distances[over] for over in OVER] if compared.distances else [],
        pending=found.pending,
        confusions=[
            heat_of_confusion(one, (a.name, b.name), over, start, {**parts, "over": over})
            for over, one in compared.confusions.items()
        ]
        if compared.units.traces
        else [],
        command=shlex.join(["mralign", "agreement", "--between", sources[0], "--and", sources[1]]),
    )


def list_figures(over: "Sequence[Agreement]") -> list[FigureRow]:
    """Each figure by its name, over categories and over macro-strategies."""
    return [
        FigureRow(title, [getattr(one, name) for one in over]) for name, title in FIGURES.items()
    ]


@router.get("/{study_id}/export", dependencies=[allows(Action.RUN_STUDIES)])
def export_study(visit: VisitingAside, study_id: RowId) -> Response:
    """The labels of everybody, of the adjudicator, and the consensus, as JSON lines."""
    with reading(visit.engine) as session:
        study = studies.get_study(session, study_id)
        if not may_know(session, visit, study):
            raise InvalidInput("expected somebody who is through with their own traces")
    headers = attachment(f"study-{study.id}.jsonl")
    lines = write_lines(visit.engine, study)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)
