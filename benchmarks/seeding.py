"""A review of the paper's size: 80 clusters of 2,473 labels with 23,878 instances, and people."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from store import people
from store.engine import transaction
from store.states import Role, RunKind, RunStatus, ThinkingMode
from store.tables import (
    Cluster,
    ClusterMembership,
    LabelInstance,
    OpenLabel,
    Question,
    Run,
    Segment,
    Trace,
)
from taxonomy.versions.lifecycle import create_draft

INSTANCES, LABELS, CLUSTERS, NOISE = 23_878, 2_473, 80, 120
SEGMENTS_A_TRACE = 14
PASSWORD = "a benchmark's password"
WORDS = (
    "checking recalling framing comparing weighing chaining restating planning guessing naming "
    "doubting testing listing linking sorting tracing opening closing turning looking"
)
WORD_LIST = tuple(WORDS.split(" "))


@dataclass(frozen=True)
class Seeded:
    """Numbers of what was made."""

    version_id: int
    label_run_id: int


def seed(
    engine: sa.Engine, reviewers: int, proposals: Sequence[str | None] = (), versions: int = 1
) -> Seeded:
    """Write it all, the same every time; the clusters with these proposed categories, in turn."""
    random.seed(0)
    with transaction(engine) as session:
        hashed = people.hash_password(PASSWORD)
        for number in range(reviewers):
            people.add_person(session, f"reviewer {number}", Role.CURATOR, hashed)
        label_run = _add_run(session, RunKind.LABEL, {})
        cluster_run = _add_run(session, RunKind.CLUSTER, {"label_run": label_run.id})
        counts = _counts()
        labels = _add_labels(session)
        _add_instances(session, label_run, labels, counts)
        _add_clusters(session, cluster_run, labels, counts, proposals or _PROPOSED)
        drafts = [
            create_draft(session, f"v{number}", cluster_run_id=cluster_run.id, preset="mr-align-15")
            for number in range(1, versions + 1)
        ]
        return Seeded(drafts[0].id, label_run.id)


def _counts() -> list[int]:
    """How often each label was given: a few often, most once or twice; they sum to INSTANCES."""
    weights = [1 / (rank + 3) for rank in range(LABELS)]
    spare = INSTANCES - LABELS
    counts = [1 + int(spare * weight / sum(weights)) for weight in weights]
    counts[0] += INSTANCES - sum(counts)
    return counts


def _add_run(session: Session, kind: RunKind, parameters: dict[str, int]) -> Run:
    run = Run(kind=kind, status=RunStatus.SUCCEEDED, code_version="-", parameters=parameters)
    session.add(run)
    session.flush()
    return run


def _add_labels(session: Session) -> list[OpenLabel]:
    pick = random.choice
    texts = [f"{pick(WORD_LIST)} {pick(WORD_LIST)} {number}" for number in range(LABELS)]
    labels = [
        OpenLabel(key=text, text=text.title(), definition=f"what {text} means") for text in texts
    ]
    session.add_all(labels)
    session.flush()
    return labels


def _add_instances(session: Session, run: Run, labels: list[OpenLabel], counts: list[int]) -> None:
    """Each segment carries two labels; a trace has a question of its own."""
    given = [label for label, count in zip(labels, counts, strict=True) for _ in range(count)]
    random.shuffle(given)
    pieces = [given[at : at + 2] for at in range(0, len(given), 2)]
    for number in range(0, len(pieces), SEGMENTS_A_TRACE):
        held = pieces[number : number + SEGMENTS_A_TRACE]
        trace = _add_trace(session, number, len(held))
        segments = [
            Segment(trace_id=trace.id, position=place, start=60 * place, end=60 * (place + 1))
            for place in range(len(held))
        ]
        session.add_all(segments)
        session.flush()
        session.add_all(
            LabelInstance(
                run_id=run.id,
                segment_id=segment.id,
                open_label_id=label_id,
                step=segment.position,
                confidence=8.0,
            )
            for segment, pair in zip(segments, held, strict=True)
            for label_id in {label.id for label in pair}
        )


def _add_trace(session: Session, number: int, segments: int) -> Trace:
    text = f"Which answer is number {number}?"
    question = Question(key=f"{number:064d}", text=text, gold_answers=["x"])
    session.add(question)
    session.flush()
    trace = Trace(
        external_id=f"trace {number}",
        question_id=question.id,
        model="seed",
        thinking_mode=ThinkingMode.ON,
        thinking="Let me think about this once more, step by step, and then.\n\n" * segments,
        answer="x",
        content_hash=f"{number:064d}",
    )
    session.add(trace)
    session.flush()
    return trace


def _add_clusters(
    session: Session,
    run: Run,
    labels: list[OpenLabel],
    counts: list[int],
    proposals: Sequence[str | None],
) -> None:
    clusters = [
        Cluster(
            run_id=run.id,
            number=number,
            name=f"{WORD_LIST[number % len(WORD_LIST)]} {number}",
            definition=f"what cluster {number} means",
            cohesion=0.7,
            proposed_category=proposals[number % len(proposals)],
        )
        for number in range(CLUSTERS)
    ]
    session.add_all(clusters)
    session.flush()
    for place, (label, count) in enumerate(zip(labels, counts, strict=True)):
        noise = place >= LABELS - NOISE
        session.add(
            ClusterMembership(
                run_id=run.id,
                open_label_id=label.id,
                cluster_id=None if noise else clusters[place % CLUSTERS].id,
                distance=0.1 + random.random() * 0.4,
                probability=0.0 if noise else random.random(),
                instances=count,
                x=random.random() * 10,
                y=random.random() * 10,
            )
        )


_PROPOSED = (
    "framing",
    "retrieval",
    "self_verification",
    "backtracking",
    "causal_reasoning",
    "comparison",
    "decomposition",
    "chaining",
    "summarization",
    None,
)
