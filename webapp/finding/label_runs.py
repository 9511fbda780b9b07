"""Whose labels on segments a visitor may look at: a study's stay hidden from who still labels."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from store.errors import NotPermitted
from store.studies import get_study
from store.study_tables import Study
from webapp.dependencies import Visit
from webapp.queries.trace_choices import (
    CONSENSUS,
    AnnotateRun,
    ExportChoice,
    list_annotate_runs,
    list_exports,
)
from webapp.studies.knowing import may_know

PERSON = "person:"


def list_seen_runs(session: Session, visit: Visit) -> list[AnnotateRun]:
    """The runs whose labels the visitor may look at, the newest first."""
    return [
        run
        for run in list_annotate_runs(session)
        if run.study_id is None or may_know(session, visit, get_study(session, run.study_id))
    ]


def list_seen_exports(session: Session, visit: Visit) -> list[ExportChoice]:
    """The training sets whose labels the visitor may look at, the newest first."""
    return [
        export
        for export in list_exports(session)
        if may_see(session, visit, export.annotate_run_id)
    ]


def may_see(session: Session, visit: Visit, annotate_run_id: int) -> bool:
    """Whether the visitor may look at the labels of a run."""
    study = session.exec(select(Study).where(col(Study.run_id) == annotate_run_id)).first()
    return study is None or may_know(session, visit, study)


def require_seen(session: Session, visit: Visit, annotate_run_id: int) -> None:
    """Refuse the labels of a study to who labels in it, until they are done.

    Raises:
        NotPermitted: the visitor still labels there, or only curators see the study.
    """
    if not may_see(session, visit, annotate_run_id):
        raise NotPermitted(
            "these weights rest on labels of a study that you may not see yet; finish your own"
            " traces first, or ask a curator"
        )


def choose_run(runs: Sequence[AnnotateRun], wanted: str) -> AnnotateRun | None:
    """The run with this number, else the newest one by machines, else the newest."""
    named = [run for run in runs if str(run.id) == wanted]
    machines = [run for run in runs if not run.of_people]
    return next(iter((*named, *machines, *runs)), None)


def choose_source(sources: Sequence[str], wanted: str) -> str:
    """The source of this name, else what all agreed on, else the first; "" where there is none."""
    if wanted in sources:
        return wanted
    return CONSENSUS if CONSENSUS in sources else next(iter(sources), "")


def source_name(source: str) -> str:
    """A source as people read it."""
    return (
        source.removeprefix("person:") if source.startswith("person:") else source.replace("_", " ")
    )
