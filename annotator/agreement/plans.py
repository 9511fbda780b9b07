"""The plan of a study, and the study that it makes: traces drawn by strata, people, a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from annotator.agreement.drawing import DrawingError, Drawn, draw, share_out
from annotator.agreement.studies import PERSON, source_of
from store import audit, studies
from store.audit import Actor
from store.errors import InvalidInput
from store.people import get_person
from store.runs import PEOPLE, code_version, find_latest_run
from store.states import RunKind, VersionStatus
from store.studies import Candidate
from store.study_tables import Study
from store.tables import Person, Run
from store.taxonomies import get_frozen_version, get_version

FACETS = ("polarity", "hit_gap", "dataset", "model")
DEFAULT_FACETS = ("polarity", "hit_gap")
MAX_SEGMENTS = 200  # a whole trace stands on one page
MAX_PER_STRATUM = 10_000
LONGEST_NAME = 100
LONGEST_SOURCE = 64


@dataclass(frozen=True)
class Plan:
    """What a study is to be: who labels, how many of which strata, and what they start from."""

    name: str
    people: tuple[str, ...]
    facets: tuple[str, ...] = DEFAULT_FACETS
    per_stratum: int = 25
    overlap: int = 2
    seed: int = 0
    proposals: bool = False
    polar: bool = False  # only traces with a polarity
    taxonomy: str | None = None


def create_study(session: Session, plan: Plan, *, by: Actor | None) -> tuple[Study, Drawn]:
    """Draw the traces, share them out, and open the run that takes the labels.

    Raises:
        InvalidInput: the plan cannot be carried out; the message says why.
        NotFound: a person or the version is not there.
    """
    _check(session, plan)
    version = get_version(session, plan.taxonomy) if plan.taxonomy else get_frozen_version(session)
    if version.status not in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
        raise InvalidInput(f"expected a frozen version, got {version.name}; freeze it first")
    people = [get_person(session, name) for name in plan.people]
    for person in people:
        _require_labeler(person)
    candidates = _candidates(session, plan)
    try:
        drawn = draw({c.trace_id: stratum_of(c, plan.facets) for c in candidates},
                     plan.per_stratum, plan.seed)  # fmt: skip
        orders = share_out(list(drawn.strata), [p.id for p in people], plan.overlap, plan.seed)
    except DrawingError as error:
        raise InvalidInput(str(error)) from error
    proposals = _proposal_run(session, version.id) if plan.proposals else None
    parameters = {
        "study": plan.name, "taxonomy": version.name, "version_id": version.id,
        "content_hash": version.content_hash, "people": list(plan.people),
        "strata": list(plan.facets), "per_stratum": plan.per_stratum, "overlap": plan.overlap,
        "proposal_run": proposals.id if proposals else None, "polar": plan.polar,
    }  # fmt: skip
    run = Run(kind=RunKind.ANNOTATE, code_version=code_version(), model=PEOPLE, seed=plan.seed,
              parameters=parameters, total_items=len(drawn.strata) * plan.overlap)  # fmt: skip
    session.add(run)
    session.flush()
    study = Study(
        name=plan.name, version_id=version.id, run_id=run.id, facets=",".join(plan.facets),
        proposal_run_id=proposals.id if proposals else None, per_stratum=plan.per_stratum,
        overlap=plan.overlap, seed=plan.seed, person_id=by.id if by else None,
    )  # fmt: skip
    studies.add_study(session, study, drawn.strata, orders)
    audit.record(session, by, "study.create", f"study {plan.name}", traces=len(drawn.strata),
                 people=list(plan.people))  # fmt: skip
    return study, drawn


def _candidates(session: Session, plan: Plan) -> list[Candidate]:
    return [
        one
        for one in studies.list_candidates(session)
        if one.segments <= MAX_SEGMENTS and not (plan.polar and one.polarity is None)
    ]


def _check(session: Session, plan: Plan) -> None:
    if not plan.name or len(plan.name) > LONGEST_NAME or not plan.name.isprintable():
        raise InvalidInput(f"expected a name of 1 to {LONGEST_NAME} characters; choose another")
    if studies.find_study(session, plan.name) is not None:
        raise InvalidInput(f"expected a new name, got {plan.name!r}, which is taken")
    unknown = [facet for facet in plan.facets if facet not in FACETS]
    if unknown or not plan.facets or len(set(plan.facets)) != len(plan.facets):
        raise InvalidInput(
            f"expected strata out of {', '.join(FACETS)}, each once, got {', '.join(plan.facets)}"
        )
    if plan.per_stratum > MAX_PER_STRATUM:
        raise InvalidInput(f"expected up to {MAX_PER_STRATUM} traces a stratum")
    if len(set(plan.people)) != len(plan.people):
        raise InvalidInput("expected each person once")


def _require_labeler(person: Person) -> None:
    if not person.active:
        raise InvalidInput(f"expected people who may sign in; {person.name} may not")
    if len(source_of(person)) > LONGEST_SOURCE:
        raise InvalidInput(
            f"expected a name of at most {LONGEST_SOURCE - len(PERSON)} characters to label "
            f"with, got {person.name[:80]}"
        )


def _proposal_run(session: Session, version_id: int) -> Run:
    run = find_latest_run(session, RunKind.ANNOTATE)
    if run is None or run.parameters.get("version_id") != version_id:
        raise InvalidInput(
            "expected a run of annotators under the study's version to propose labels, found "
            "none; run `mralign annotate run` first, or let people start from nothing"
        )
    return run


def stratum_of(candidate: Candidate, facets: Sequence[str]) -> str:
    """The stratum of a trace in words: a value a facet, with commas between."""
    polarity = candidate.polarity.value if candidate.polarity else "no polarity"
    values = {
        "polarity": polarity,
        "hit_gap": "hit gap" if candidate.hit_gap else "no hit gap",
        "dataset": candidate.dataset or "no dataset",
        "model": candidate.model,
    }
    return ", ".join(values[facet] for facet in facets)[:300]
