"""What the pipeline holds, counted once for as long as nothing came in and no run ended."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import sqlalchemy as sa
from sqlmodel import Session, col

from store.review_tables import Suggestion, Verdict
from store.tables import EvaluationRun, Export, TrainingRun
from taxonomy.review.judging import list_disputes
from taxonomy.suggestions.suggesting import list_matters
from webapp.queries import counts, outcomes
from webapp.queries.counts import Annotated, Inputs, Labelled, RunHead
from webapp.queries.outcomes import Evaluated, Exported, Trained

T = TypeVar("T")


@dataclass(frozen=True)
class Outcomes:
    """How many training sets, policies and evaluations there are, and the newest of each."""

    exports: int
    trainings: int
    evaluations: int
    exported: Exported | None
    trained: Trained | None
    evaluated: Evaluated | None


@dataclass(frozen=True)
class Holdings:
    """What every stage holds; a stage without a run that ended holds nothing."""

    inputs: Inputs
    label_run: RunHead | None
    labelled: Labelled | None
    cluster_run: RunHead | None
    clusters: int
    annotate_run: RunHead | None
    annotated: Annotated | None
    outcomes: Outcomes


class Tallies:
    """Keeps each count with what it hangs on, and counts again once that has changed."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, object]] = {}

    def get(self, name: str, key: Hashable, count: Callable[[], T]) -> T:
        """What was counted under this key, else what is counted now."""
        held = self._kept.get(name)
        if held is None or held[0] != key:
            held = self._kept[name] = key, count()
        return cast(T, held[1])

    def read(self, session: Session) -> Holdings:
        """What every stage holds now."""
        standing = counts.read_standing(session)
        label, cluster, annotate = (standing.runs.get(kind) for kind in counts.NEWEST)
        return Holdings(
            self.get("inputs", standing.inputs, lambda: counts.count_inputs(session)),
            label,
            self._labelled(session, label) if label else None,
            cluster,
            counts.count_clusters(session, cluster.id) if cluster else 0,
            annotate,
            self._annotated(session, standing, annotate) if annotate else None,
            self.get("outcomes", outcomes.outcome_key(session), lambda: _outcomes(session)),
        )

    def _labelled(self, session: Session, run: RunHead) -> Labelled:
        return self.get("labelled", run.key, lambda: counts.count_labels(session, run.id))

    def _annotated(self, session: Session, standing: counts.Standing, run: RunHead) -> Annotated:
        """The polarity of a trace may change after its labels were written."""
        key = (*run.key, *standing.inputs)
        return self.get("annotated", key, lambda: counts.count_annotation(session, run))

    def disputes(self, session: Session, version_id: int, revision: int) -> int:
        """How many disagreements of a review wait for a curator."""
        own = col(Verdict.version_id) == version_id
        query = sa.select(sa.func.max(col(Verdict.id)), sa.func.count(col(Verdict.withdrawn_at)))
        stamp = tuple(session.execute(query.where(own)).one())
        key = (version_id, revision, *stamp)
        return self.get("disputes", key, lambda: len(list_disputes(session, version_id)))

    def suggestions(self, session: Session, version_id: int, revision: int) -> int:
        """How many suggestions of a review wait for a curator; what several suggest is one."""
        own = col(Suggestion.version_id) == version_id
        query = sa.select(
            sa.func.max(col(Suggestion.id)), sa.func.count(col(Suggestion.withdrawn_at))
        )
        stamp = tuple(session.execute(query.where(own)).one())
        if stamp[0] is None:
            return 0
        key = (version_id, revision, *stamp)
        return self.get("suggestions", key, lambda: len(list_matters(session, version_id)))


def _outcomes(session: Session) -> Outcomes:
    tables = (Export, TrainingRun, EvaluationRun)
    exports, trainings, evaluations = (outcomes.count_rows(session, table) for table in tables)
    return Outcomes(
        exports,
        trainings,
        evaluations,
        _first(outcomes.list_exports(session, 1)),
        _first(outcomes.list_trained(session, 1)),
        _first(outcomes.list_evaluated(session, 1)),
    )


def _first(rows: Sequence[T]) -> T | None:
    return rows[0] if rows else None
