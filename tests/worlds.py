"""A small project that the pages can show: traces, labels, clusters, a draft, runs and people."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, select

from store.engine import get_engine, transaction
from store.runs import get_run
from store.states import Polarity, Role, RunKind, ThinkingMode, VersionStatus
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    Export,
    OpenLabel,
    Run,
    Segment,
    TaxonomyVersion,
    Trace,
    TrainingRun,
)
from store.taxonomies import list_categories
from tests import builders
from tests.builders import Member

HOSTILE = '<script>alert("x")</script>'
HOSTILE_LINK = "javascript:alert(1)"
FORMULA = '=HYPERLINK("http://example.org","x")'
HOSTILE_TEXTS = (
    HOSTILE,
    HOSTILE_LINK,
    FORMULA,
    "'\"><img src=x onerror=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe right to left",
)

# name, proposed category, labels, place on the map
CLUSTERS = (
    ("Framing the question", "framing", ("problem framing", "restating the task", "scoping"), 0, 5),
    ("Recalling facts", "retrieval", ("knowledge retrieval", "recall of a fact"), 4, 4),
    ("Checking oneself", "self_verification", ("double-checking", "sanity check"), 1, 1),
    ("Going back", "backtracking", ("changing course", "reconsidering"), 1.5, 1.8),
    ("Cause and effect", "causal_reasoning", ("causal inference", "explaining why"), 5, 3),
    ("Weighing candidates", "comparison", ("comparing options", "ruling out"), 4.5, 1.5),
    ("Breaking it down", "decomposition", ("splitting into parts", "sub-goal setting"), 2, 4.5),
    ("Step by step", "chaining", ("deduction", "following a chain"), 2.8, 3.6),
    ("Telling the answer", "summarization", ("final answer", "wrapping up"), 5.5, 0.5),
    ("Rare odds and ends", None, ("humour", "self-talk"), 0.3, 0.2),
)
QUESTIONS = (
    (
        "Which river runs through the city where the painter Vermeer was born?",
        ("Schie", "the Schie"),
    ),
    ("Who wrote the novel that the film Blade Runner is based on?", ("Philip K. Dick",)),
    (f"Hostile question {HOSTILE}", (HOSTILE, FORMULA)),
)
THOUGHTS = (
    "Okay, so the question is about a place and a person. Let me restate what is being asked.\n\n",
    "I recall that the person was born in a small town, and that the town lies on a river.\n\n",
    "Wait, let me check that again, because there are two towns with nearly the same name.\n\n",
    "If the first reading were right, the dates would not fit; so the second one it must be.\n\n",
    "Compared with the other candidate this one fits both the name and the century.\n\n",
    f"A trace may hold anything: {HOSTILE} {HOSTILE_LINK} {FORMULA}\n\n",
    "So the answer is clear now.",
)


@dataclass(frozen=True)
class World:
    """The numbers of what was made."""

    version_id: int
    frozen_id: int
    trace_id: int
    cluster_run_id: int
    training_run_id: int
    label_ids: tuple[int, ...]


def build_world(engine: sa.Engine) -> World:
    """Make the project; everybody's password is `builders.PASSWORD`."""
    with transaction(engine) as session:
        for name, role in (
            ("Ada", Role.ANNOTATOR),
            ("Rhea", Role.RESEARCHER),
            ("Cora", Role.CURATOR),
        ):
            builders.add_person(session, name, role)
        traces, segments = _add_traces(session)
        label_run = builders.add_run(session, RunKind.LABEL, model="offline", seed=0, done_items=3)
        labels = _add_labels(session, label_run, segments)
        cluster_run = builders.add_run(
            session, RunKind.CLUSTER, seed=0, parameters={"label_run": label_run.id}
        )
        _add_clusters(session, cluster_run, labels)
        frozen = _add_frozen(session, cluster_run)
        draft = builders.add_draft(session, cluster_run, "v1")
        _add_annotations(session, frozen, traces)
        training = _add_training(session, frozen)
    return World(
        draft.id,
        frozen.id,
        traces[0].id,
        cluster_run.id,
        training.id,
        tuple(label.id for label in labels.values()),
    )


def copy_world(empty: Path, target: Path) -> World:
    """Build the project once, in a copy of an empty database, for tests to copy in their turn."""
    shutil.copy(empty, target)
    engine = get_engine(f"sqlite:///{target}")
    world = build_world(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return world


def _add_traces(session: Session) -> tuple[list[Trace], list[Segment]]:
    traces, segments = [], []
    for number, (text, golds) in enumerate(QUESTIONS):
        question = builders.add_question(session, text, golds)
        on, pieces = builders.add_trace(
            session, question, THOUGHTS, external_id=f"q{number}-on", answer=f"{golds[0]}, I think."
        )
        off, _ = builders.add_trace(
            session, question, (), external_id=f"q{number}-off", mode=ThinkingMode.OFF
        )
        polarity = (Polarity.POSITIVE, Polarity.NEGATIVE, None)[number]
        builders.add_pair(session, on, off, polarity, hit_gap=number == 1)
        traces.append(on)
        segments += pieces
    return traces, segments


def _add_labels(session: Session, run: Run, segments: list[Segment]) -> dict[str, OpenLabel]:
    texts = [text for _, _, labels, *_ in CLUSTERS for text in labels] + list(HOSTILE_TEXTS)
    labels = {}
    for number, text in enumerate(texts):
        carriers = segments[number % len(segments) :: 5][: 1 + number % 4]
        labels[text] = builders.add_label(
            session, run, text, carriers, confidence=9.0 - number % 5, definition=f"means {text}"
        )
    return labels


def _add_clusters(session: Session, run: Run, labels: dict[str, OpenLabel]) -> None:
    for number, (name, category, texts, x, y) in enumerate(CLUSTERS):
        members = [
            Member(labels[text], 40 - 3 * number + place, x + 0.1 * place, y)
            for place, text in enumerate(texts)
        ]
        builders.add_cluster(session, run, number, name, members, proposed_category=category)
    hostile = [Member(labels[text], 3, 3.0, 2.2) for text in HOSTILE_TEXTS[:4]]
    builders.add_cluster(session, run, len(CLUSTERS), HOSTILE, hostile)
    builders.add_memberships(session, run, [Member(labels[text], 1) for text in HOSTILE_TEXTS[4:]])


def _add_frozen(session: Session, run: Run) -> TaxonomyVersion:
    """An earlier version, made the way that people make one."""
    from taxonomy.versions import lifecycle

    version = builders.add_draft(session, run, "v0")
    for move in (lifecycle.submit, lifecycle.approve, lifecycle.freeze):
        move(session, version.id, person=None, reason="the first vocabulary")
    assert version.status == VersionStatus.FROZEN
    return version


def _add_annotations(session: Session, version: TaxonomyVersion, traces: list[Trace]) -> None:
    run = builders.add_run(session, RunKind.ANNOTATE, parameters={"version_id": version.id})
    categories = list_categories(session, version.id)
    for shift, trace in enumerate(traces):
        for position in range(len(THOUGHTS)):
            step = AnnotatedStep(
                run_id=run.id,
                trace_id=trace.id,
                source="consensus",
                first_segment=position,
                end_segment=position + 1,
                rule="agreed",
            )
            session.add(step)
            session.flush()
            _add_controlled(session, step, categories[(3 * position + shift) % len(categories)])


def _add_controlled(session: Session, step: AnnotatedStep, category: Category) -> None:
    session.add(ControlledLabel(step_id=step.id, category_id=category.id, confidence=8.5))
    session.flush()


def _add_training(session: Session, version: TaxonomyVersion) -> Run:
    export_run = builders.add_run(session, RunKind.EXPORT, parameters={"folder": "out"})
    export = Export(
        run_id=export_run.id,
        version_id=version.id,
        annotate_run_id=export_run.id,
        folder="out",
        content_hash="0" * 64,
        manifest={},
    )
    session.add(export)
    session.flush()
    run = builders.add_run(
        session,
        RunKind.TRAIN,
        seed=7,
        parameters={"beta": 0.1, "lora": {"rank": 32}, "schedule": ["warm", "cool"]},
        metrics={"final_loss": 0.41},
    )
    curve = [{"step": float(n), "loss": 0.5 - 0.09 * n / (n + 5)} for n in range(1, 41)]
    session.add(
        TrainingRun(
            run_id=run.id, export_id=export.id, policy=HOSTILE, checkpoint="out", loss_curve=curve
        )
    )
    return run


def add_later_clustering(engine: sa.Engine, world: World) -> int:
    """A newer cluster run: one cluster split, two merged, one gone, and new labels; its number."""
    with transaction(engine) as session:
        run = builders.add_run(
            session,
            RunKind.CLUSTER,
            seed=0,
            message=f"later {HOSTILE}",
            parameters={
                "label_run": get_run(session, world.cluster_run_id).parameters["label_run"]
            },
        )
        labels = {label.text: label for label in session.exec(select(OpenLabel))}
        new = ("setting the scene", f"new {HOSTILE}")
        labels |= {text: builders.add_label(session, run, text, ()) for text in new}
        places = [
            ("Framing", "framing", ("problem framing", "restating the task", new[0])),
            ("Scoping", "decomposition", ("scoping", "splitting into parts", "sub-goal setting")),
            ("Looking again", "backtracking",
             ("double-checking", "sanity check", "changing course", "reconsidering")),
            (HOSTILE, "analogy", (new[1], *HOSTILE_TEXTS[:2])),
            ("Recalling facts", "retrieval", CLUSTERS[1][2]),
        ]  # fmt: skip
        for number, (name, category, texts) in enumerate(places):
            members = [Member(labels[text], 30 - 2 * number, number, 2.0) for text in texts]
            builders.add_cluster(session, run, number, name, members, proposed_category=category)
        return run.id
