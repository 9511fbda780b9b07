"""Small functions that make rows: what a test needs, and nothing else."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from store import people
from store.labels import label_key
from store.states import Polarity, Role, RunKind, RunStatus, ThinkingMode
from store.tables import (
    Cluster,
    ClusterMembership,
    LabelInstance,
    OpenLabel,
    Person,
    Question,
    Run,
    Segment,
    TaxonomyVersion,
    Trace,
    TracePair,
)
from taxonomy.versions.lifecycle import create_draft

PASSWORD = "correct horse battery"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def add_person(session: Session, name: str, role: Role) -> Person:
    """Somebody whose password is PASSWORD."""
    return people.add_person(session, name, role, cheap_hash(PASSWORD))


def cheap_hash(password: str) -> str:
    """A hash that the real check accepts, at argon2's lowest cost."""
    from pwdlib.hashers.argon2 import Argon2Hasher

    return Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


def add_question(session: Session, text: str, gold_answers: Sequence[str] = ("gold",)) -> Question:
    """A question."""
    question = Question(key=_sha256(text), text=text, gold_answers=list(gold_answers))
    session.add(question)
    session.flush()
    return question


def add_trace(
    session: Session,
    question: Question,
    pieces: Sequence[str],
    *,
    external_id: str = "trace",
    answer: str = "an answer",
    mode: ThinkingMode = ThinkingMode.ON,
) -> tuple[Trace, list[Segment]]:
    """A trace whose thinking is the pieces, joined; a segment a piece."""
    trace = Trace(
        external_id=external_id,
        question_id=question.id,
        model="test-model",
        thinking_mode=mode,
        thinking="".join(pieces),
        answer=answer,
        content_hash=_sha256(external_id),
    )
    session.add(trace)
    session.flush()
    segments, start = [], 0
    for position, piece in enumerate(pieces):
        end = start + len(piece)
        segments.append(Segment(trace_id=trace.id, position=position, start=start, end=end))
        start = end
    session.add_all(segments)
    session.flush()
    return trace, segments


def add_pair(
    session: Session, on: Trace, off: Trace, polarity: Polarity | None, *, hit_gap: bool = False
) -> TracePair:
    """What the comparison of two traces says."""
    z_on, z_off = {Polarity.POSITIVE: (1, 0), Polarity.NEGATIVE: (0, 1)}.get(
        polarity or Polarity.POSITIVE, (1, 1)
    )
    pair = TracePair(
        on_trace_id=on.id,
        off_trace_id=off.id,
        off_external_id=off.external_id,
        z_on=z_on,
        z_off=z_off,
        judged_by="exact_match:plain",
        polarity=polarity,
        hit_gap=hit_gap,
    )
    session.add(pair)
    session.flush()
    return pair


def add_run(session: Session, kind: RunKind, **fields: Any) -> Run:
    """A run that succeeded."""
    run = Run(kind=kind, status=RunStatus.SUCCEEDED, code_version="test", **fields)
    session.add(run)
    session.flush()
    return run


def add_label(
    session: Session,
    run: Run,
    text: str,
    segments: Sequence[Segment],
    *,
    confidence: float = 8.0,
    definition: str | None = None,
) -> OpenLabel:
    """An open label with an instance on each segment."""
    label = OpenLabel(key=label_key(text), text=text, definition=definition)
    session.add(label)
    session.flush()
    session.add_all(
        LabelInstance(
            run_id=run.id,
            segment_id=segment.id,
            open_label_id=label.id,
            step=segment.position,
            confidence=confidence,
        )
        for segment in segments
    )
    session.flush()
    return label


@dataclass(frozen=True)
class Member:
    """A label in a cluster to be made."""

    label: OpenLabel
    instances: int
    x: float = 0.0
    y: float = 0.0


def add_cluster(
    session: Session,
    run: Run,
    number: int,
    name: str,
    members: Sequence[Member],
    *,
    proposed_category: str | None = None,
) -> Cluster:
    """A cluster with its members, the first nearest its centre."""
    cluster = Cluster(
        run_id=run.id,
        number=number,
        name=name,
        definition=f"what {name} means",
        cohesion=0.8,
        proposed_category=proposed_category,
    )
    session.add(cluster)
    session.flush()
    add_memberships(session, run, members, cluster)
    return cluster


def add_memberships(
    session: Session, run: Run, members: Sequence[Member], cluster: Cluster | None = None
) -> None:
    """Where a cluster run put labels; without a cluster they are noise."""
    session.add_all(
        ClusterMembership(
            run_id=run.id,
            open_label_id=member.label.id,
            cluster_id=cluster.id if cluster else None,
            distance=0.1 + 0.01 * place,
            probability=1.0 if cluster else 0.0,
            instances=member.instances,
            x=member.x,
            y=member.y,
        )
        for place, member in enumerate(members)
    )
    session.flush()


def add_draft(
    session: Session, cluster_run: Run, name: str = "v1", preset: str | None = "mr-align-15"
) -> TaxonomyVersion:
    """A draft on a cluster run."""
    return create_draft(session, name, cluster_run_id=cluster_run.id, preset=preset)
