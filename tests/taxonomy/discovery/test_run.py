"""`cluster run` on a store: rows that can be repeated, and runs that fail honestly."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput, NotFound
from store.labels import add_instances, get_or_add_open_labels
from store.runs import finish_run, get_run, start_run
from store.states import RunKind, RunStatus, ThinkingMode
from store.tables import Question, Run, Segment, Trace
from store.taxonomies import list_clusters, list_memberships
from taxonomy.discovery.run import run_clustering
from taxonomy.review.curation import get_review_state
from taxonomy.versions.lifecycle import create_draft

WORDS = {
    "recalling": "recalls a fact from memory",
    "remembering": "recalls a fact from memory",
    "double-checking": "verifies a step",
    "verification": "verifies a step",
    "comparing": "sets two things side by side",
}


def write_labels(engine: sa.Engine, texts: dict[str, str | None], copies: int = 3) -> Run:
    """A finished label run whose labels have `copies` instances each, the first one more."""
    run = start_run(engine, RunKind.LABEL)
    with transaction(engine) as session:
        question = Question(key="q", text="q", gold_answers=[])
        session.add(question)
        session.flush()
        trace = Trace(
            external_id="t",
            question_id=question.id,
            model="m",
            thinking_mode=ThinkingMode.ON,
            thinking="x" * 10,
            answer="",
            content_hash="",
        )
        session.add(trace)
        session.flush()
        segments = [Segment(trace_id=trace.id, position=i, start=i, end=i + 1) for i in range(10)]
        session.add_all(segments)
        session.flush()
        ids = get_or_add_open_labels(session, list(texts.items()))
        add_instances(
            session,
            [
                {
                    "run_id": run.id,
                    "segment_id": segments[copy].id,
                    "open_label_id": label,
                    "step": copy,
                    "confidence": 5.0,
                }
                for place, label in enumerate(ids)
                for copy in range(copies + (place == 0))
            ],
        )
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    return run


@pytest.fixture(scope="module")
def encoder() -> Any:
    """The packaged model, loaded once."""
    from gateway.embeddings import Encoder

    return Encoder()


def rows(engine: sa.Engine, run_id: int) -> tuple[list[Any], list[Any]]:
    """All that a cluster run wrote, without the numbers of the rows."""
    with reading(engine) as session:
        numbers = {cluster.id: cluster.number for cluster in list_clusters(session, run_id)}
        clusters = [
            cluster.model_dump(exclude={"id", "run_id"})
            for cluster in list_clusters(session, run_id)
        ]
        memberships = [
            {
                **membership.model_dump(
                    exclude={"id", "run_id", "cluster_id", "nearest_cluster_id", "phrase_id"}
                ),
                "cluster": numbers.get(membership.cluster_id or 0),
                "nearest": numbers.get(membership.nearest_cluster_id or 0),
            }
            for membership, _ in list_memberships(session, run_id)
        ]
    return clusters, memberships


@pytest.mark.models
def test_the_same_inventory_and_seed_give_the_same_rows(engine: sa.Engine, encoder: Any) -> None:
    """Through UMAP and HDBSCAN: forty labels, twice."""
    kinds = ("fact", "date", "name", "place", "number", "title", "source", "event")
    verbs = ("recalling the", "checking the", "comparing the", "planning the", "summing up the")
    write_labels(engine, {f"{verb} {kind}": None for verb in verbs for kind in kinds})
    first, second = (run_clustering(engine, encoder, seed=7) for _ in range(2))
    assert rows(engine, first.id) == rows(engine, second.id)
    assert first.input_hash == second.input_hash
    assert (first.status, first.seed, first.model) == (RunStatus.SUCCEEDED, 7, encoder.name)
    assert first.parameters["method"] == "hdbscan"
    assert first.metrics["labels"] == 40 and first.metrics["instances"] == 121


@pytest.mark.models
def test_labels_that_mean_the_same_meet_and_get_a_category(sqlite_url: str, encoder: Any) -> None:
    """Five labels, three clusters, the categories of the preset, and a draft made of them."""
    engine = get_engine(sqlite_url)
    write_labels(engine, dict(WORDS))
    run = run_clustering(engine, encoder)
    with transaction(engine) as session:
        version = create_draft(session, "v1", cluster_run_id=run.id, preset="mr-align-15")
        state = get_review_state(session, version.id)
    groups = {frozenset(label.key for label in group.labels): group for group in state.groups}
    assert set(groups) == {
        frozenset({"recalling", "remembering"}),
        frozenset({"double checking", "verification"}),
        frozenset({"comparing"}),
    }
    assert [group.category for group in groups.values()] == [
        "retrieval",
        "self_verification",
        "comparison",
    ]
    assert state.groups[0].definition == "recalls a fact from memory"


@pytest.mark.models
def test_stability_is_measured_when_asked_for(sqlite_url: str, encoder: Any) -> None:
    """The agreement with the next seed; a handful of labels does not depend on it."""
    engine = get_engine(sqlite_url)
    write_labels(engine, dict(WORDS))
    run = run_clustering(engine, encoder, stability=True)
    assert run.metrics["seed_ari"] == pytest.approx(1.0)


def test_a_run_that_fails_says_why(sqlite_url: str) -> None:
    """The run's row stays, failed, with the reason; no cluster is left of it."""
    engine = get_engine(sqlite_url)
    write_labels(engine, dict(WORDS))

    def broken(texts: Any) -> Any:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        run_clustering(engine, broken)
    with reading(engine) as session:
        run = session.exec(select(Run).order_by(col(Run.id).desc())).first()
        assert run is not None
        assert (run.status, run.message) == (RunStatus.FAILED, "RuntimeError: out of memory")
        assert list_clusters(session, run.id) == []


def test_options_out_of_range_and_missing_runs_are_refused(sqlite_url: str) -> None:
    """Before any run is started."""
    engine = get_engine(sqlite_url)

    def never(texts: Any) -> Any:
        raise AssertionError

    with pytest.raises(NotFound, match="label run"):
        run_clustering(engine, never)
    empty = write_labels(engine, {}, copies=0)
    with pytest.raises(InvalidInput, match="found none"):
        run_clustering(engine, never)
    for options in ({"method": "kmeans"}, {"min_count": 0}, {"seed": -1}):
        with pytest.raises(InvalidInput):
            run_clustering(engine, never, **options)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        run_clustering(engine, never, label_run_id=empty.id + 1)
    with pytest.raises(NotFound):
        run_clustering(engine, never, preset="unknown", label_run_id=empty.id)
    with reading(engine) as session:
        assert get_run(session, empty.id).kind == RunKind.LABEL
        assert len(session.exec(select(Run)).all()) == 1
