"""Rows in every state that a page can show, put into a project with a frozen and an open version.

Two annotators who differ, studies at every point, disputes of reviewers, versions in review and
approved, an evaluation, replies that failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.export.pool import ExportSettings
from alignment.export.run import export_training_set
from alignment.transitions.fits import FitSettings
from annotator.agreement.plans import Plan, create_study
from annotator.agreement.studies import finish_trace, put_labels
from store import studies, verdicts
from store.annotations import StepRow, add_steps
from store.engine import transaction
from store.items import put_item
from store.people import get_person
from store.states import ItemStatus, Polarity, RunKind, RunStatus, VersionStatus
from store.study_tables import Study
from store.tables import (
    Cluster,
    ClusterMembership,
    EvaluationRun,
    Person,
    Run,
    Segment,
    TaxonomyVersion,
    TracePair,
    TrainingRun,
)
from store.taxonomies import list_categories
from taxonomy.review.curation import Assign, Merge, Remark, Rename, decide, get_review_state
from taxonomy.review.judging import judge
from taxonomy.suggestions.suggesting import decline, suggest
from taxonomy.versions import lifecycle

TRACES = 12
FIGURE = {"count": 1, "n": 4, "value": 0.25, "low": 0.0456, "high": 0.6994}


@dataclass(frozen=True)
class People:
    """Who curates, and who label in the studies, by name."""

    curator: str
    first: str
    second: str


def furnish(engine: sa.Engine, people: People, folder: Path) -> dict[str, str]:
    """Write it all, a training set to a new folder; what can stand in an address, by name."""
    with transaction(engine) as session:
        draft, frozen = (
            _version(session, VersionStatus.DRAFT),
            _version(session, VersionStatus.FROZEN),
        )
        annotated, traces = _annotate(session, frozen)
        evaluated = _evaluate(session)
        clustered = _cluster(session, draft)
        open_study, done_study = _studies(session, frozen, people)
        in_review, approved = _versions(session, draft)
        anchors = _disputes(session, draft, people)
        places = _places(session, open_study, people)
        key = get_review_state(session, draft.id).categories[0].key
    settings = ExportSettings(annotated, fitting=FitSettings("paper"), replicates=0)
    exported = export_training_set(engine, folder, settings)
    export_id = exported.export_id
    with transaction(engine) as session:
        trained = _train(session, export_id)
    numbers = {
        "version_id": draft.id, "frozen_id": frozen.id, "in_review_id": in_review,
        "approved_id": approved, "trace_id": traces[0], "run_id": trained,
        "annotate_run": annotated, "export_id": export_id, "other_clusters": clustered,
        "evaluate_run": evaluated, "cluster_run": draft.cluster_run_id, "study_id": open_study.id,
        "done_study": done_study.id, "export_run": exported.run_id, "person_id": 1, **places,
    }  # fmt: skip
    return {"anchor": anchors[0], "other": anchors[1], "key": key} | {
        name: str(number) for name, number in numbers.items()
    }


def _version(session: Session, status: VersionStatus) -> TaxonomyVersion:
    query = select(TaxonomyVersion).where(col(TaxonomyVersion.status) == status)
    return session.exec(query.order_by(col(TaxonomyVersion.id).desc()).limit(1)).one()


def _run(session: Session, kind: RunKind, **fields: Any) -> Run:
    run = Run(kind=kind, status=RunStatus.SUCCEEDED, code_version="-", ended_at=datetime.now(UTC),
              **fields)  # fmt: skip
    session.add(run)
    session.flush()
    return run


def _annotate(session: Session, version: TaxonomyVersion) -> tuple[int, list[int]]:
    """A run of two annotators who differ on each third segment, with a trace left."""
    run = _run(session, RunKind.ANNOTATE, model="model", tokens=123_456, cost_usd=1.25,
               parameters={"version_id": version.id})  # fmt: skip
    ids = {row.key: row.id for row in list_categories(session, version.id)}
    keys = list(ids)
    traces = _polar(session)
    for trace in traces:
        places = range(studies.count_positions(session, trace))
        for shift, source in enumerate(("annotator_a", "annotator_b", "consensus")):
            steps = [
                StepRow(p, p + 1, ((keys[(p + shift * (p % 3 == 0)) % len(keys)], 8.0),))
                for p in places
            ]
            add_steps(session, run.id, trace, source, steps, ids)
    failed = {"status": ItemStatus.FAILED, "detail": "no reply after 5 tries"}
    put_item(session, run.id, traces[0], "consensus", **failed)
    return run.id, traces


def _polar(session: Session) -> list[int]:
    """Traces with thinking, segments and a polarity, of either kind."""
    pieces = sa.select(col(Segment.trace_id)).distinct()
    query = sa.select(col(TracePair.on_trace_id)).where(col(TracePair.on_trace_id).in_(pieces))
    found: list[int] = []
    for polarity in Polarity:
        some = query.where(col(TracePair.polarity) == polarity).order_by(col(TracePair.id))
        found += session.execute(some.limit(TRACES // 2)).scalars().all()
    return found


def _train(session: Session, export_id: int) -> int:
    """A policy with its curve."""
    run = _run(session, RunKind.TRAIN, seed=7, tokens=9_876,
               parameters={"beta": 0.1, "export": "export", "output": "out"})  # fmt: skip
    curve = [{"step": float(n), "loss": 0.5 - 0.09 * n / (n + 5)} for n in range(1, 41)]
    session.add(TrainingRun(run_id=run.id, export_id=export_id, policy="policy",
                            checkpoint="out", loss_curve=curve))  # fmt: skip
    return run.id


def _cluster(session: Session, version: TaxonomyVersion) -> int:
    """The labels of the version's clustering once more, all of them in two clusters."""
    before = session.get_one(Run, version.cluster_run_id)
    run = _run(session, RunKind.CLUSTER, seed=1, parameters=dict(before.parameters))
    clusters = [
        Cluster(run_id=run.id, number=number, name=name, cohesion=0.5)
        for number, name in enumerate(("what is asked", "what is known"))
    ]
    session.add_all(clusters)
    session.flush()
    own = select(ClusterMembership).where(ClusterMembership.run_id == before.id)
    for place, member in enumerate(session.exec(own).all()):
        again = member.model_dump(exclude={"id", "shares", "phrase_id", "nearest_cluster_id"})
        again |= {"run_id": run.id, "cluster_id": clusters[place % 2].id}
        session.add(ClusterMembership(**again))
    session.flush()
    return run.id


def _evaluate(session: Session) -> int:
    """Acc and Mis of an arm."""
    scores = {"how": "plain", "n": 4, "acc": FIGURE, "mis": FIGURE, "em_thinking": FIGURE,
              "em_answer": FIGURE, "hit_gap": FIGURE}  # fmt: skip
    arms = {"policy · thinking on": {"plain": scores, "squad": {**scores, "how": "squad"}}}
    run = _run(session, RunKind.EVALUATE, metrics=arms)
    session.add(EvaluationRun(run_id=run.id, dataset="imported questions", metrics=arms))
    session.flush()
    return run.id


def _studies(session: Session, version: TaxonomyVersion, people: People) -> tuple[Study, Study]:
    """One in which the first still labels, and one that all are through with."""
    made = []
    for name, proposals in (("under way", True), ("labelled", False)):
        plan = Plan(name, (people.first, people.second), per_stratum=2, proposals=proposals,
                    facets=("polarity",), taxonomy=version.name)  # fmt: skip
        made.append(create_study(session, plan, by=get_person(session, people.curator))[0])
    keys = [row.key for row in list_categories(session, version.id)]
    for study in made:
        for shift, name in enumerate((people.first, people.second)):
            person = get_person(session, name)
            own = studies.list_assignments(session, study.id, person_id=person.id)
            for one in own[: 1 if study is made[0] and not shift else None]:
                _label(session, study, person, one.trace_id, keys, shift)
    return made[0], made[1]


def _label(
    session: Session, study: Study, person: Person, trace: int, keys: Sequence[str], shift: int
) -> None:
    for place in range(studies.count_positions(session, trace)):
        key = keys[(place + shift * (place % 2)) % len(keys)]
        put_labels(session, study, person, trace, place, ((key, 8.0),))
    finish_trace(session, study, person, trace)


def _places(session: Session, study: Study, people: People) -> dict[str, int]:
    """A trace that the first has left, and one that both have finished."""
    person = get_person(session, people.first)
    own = studies.list_assignments(session, study.id, person_id=person.id)
    return {"adjudicated": own[0].trace_id, "unlabelled": own[-1].trace_id}


def _versions(session: Session, draft: TaxonomyVersion) -> tuple[int, int]:
    """One in review, one approved."""
    made = []
    for name in ("in review", "approved"):
        made.append(lifecycle.create_draft(session, name, cluster_run_id=draft.cluster_run_id,
                                          preset="mr-align-15").id)  # fmt: skip
        lifecycle.submit(session, made[-1], person=None, reason="ready")
    lifecycle.approve(session, made[1], person=None, reason="agreed")
    return made[0], made[1]


def _disputes(session: Session, draft: TaxonomyVersion, people: People) -> tuple[str, str]:
    """Two reviewers differ on one cluster; another is flagged and remarked on."""
    state = get_review_state(session, draft.id)
    groups, keys = state.groups, [one.key for one in state.categories]
    verdicts.set_rules(session, draft, verdicts.Rules(2, "Ask what the step does."), by=None)
    numbers = tuple(label.open_label_id for label in groups[0].labels)
    for name, key in ((people.first, keys[0]), (people.second, keys[1])):
        judge(session, draft.id, Assign(label_ids=numbers, category=key),
              person=get_person(session, name), seen_revision=None)  # fmt: skip
    for kind, text in (("comment", "two meanings"), ("flag", "")):
        remark = Remark(groups[1].anchor, kind, text)
        decide(session, draft.id, remark, person=get_person(session, people.curator),
               seen_revision=None)  # fmt: skip
    _suggest(session, draft, people, [group.anchor for group in groups[:3]])
    return groups[0].anchor, groups[1].anchor


def _suggest(
    session: Session, draft: TaxonomyVersion, people: People, anchors: Sequence[str]
) -> None:
    """Both would merge two clusters, each into another; a name was declined, another waits."""
    first, second = (get_person(session, name) for name in (people.first, people.second))
    a, b, c = anchors
    name = suggest(session, draft.id, Rename(a, "a worse name"), person=first, seen_revision=None)
    curator = get_person(session, people.curator)
    decline(session, draft.id, [name], person=curator, reason="it fits as it is")
    for person, merge in ((first, Merge((a, b))), (second, Merge((b, a)))):
        suggest(session, draft.id, merge, person=person, seen_revision=None)
    better = Rename(c, "a better name", "with a definition")
    suggest(session, draft.id, better, person=first, seen_revision=None)
