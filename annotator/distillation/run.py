"""The labels of an annotate run in, a head out, as a run of its own; and the head back in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from annotator.distillation.decoding import Labels
from annotator.distillation.distilled import Annotate, Concurrently, DistilledPanel
from annotator.distillation.features import shape_matrix
from annotator.distillation.head import Head, HeadError, load_head
from annotator.distillation.learning import distill
from annotator.distillation.lessons import LessonError, Lessons
from annotator.embedded.evidence import Embed, read_segments
from annotator.labeling.consensus import Rule
from annotator.labeling.orders import names_of
from annotator.labeling.run import CONSENSUS, Vocabulary
from annotator.labeling.steps import TraceView
from annotator.labeling.work import batches
from store.annotations import StepRow, list_label_sets, list_sources
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.progress import Teller
from store.runs import failing_run, finish_run, get_latest_run, get_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Run

DISTILLED = (Rule.ABSTAINED, Rule.DISTILLED)  # what a head said itself teaches nothing


@dataclass(frozen=True)
class Taught:
    """What the sources of a run say of each segment of a trace; None where one says nothing."""

    votes: tuple[tuple[Labels | None, ...], ...]
    pairs: int = 0  # neighbours with the same labels
    joined: int = 0  # of these, in one step


def run_distillation(
    engine: sa.Engine,
    embed: Embed,
    vocabulary_of: Callable[[str], Vocabulary],
    folder: Path,
    annotate_run: int | None = None,
    sources: Sequence[str] = (CONSENSUS,),
) -> tuple[Run, Head]:
    """Learn a head from what sources of an annotate run said, and write it into a folder.

    Raises:
        InvalidInput: a source is not in the run, or there is too little to learn from.
    """
    with reading(engine) as session:
        teacher = (
            get_latest_run(session, RunKind.ANNOTATE)
            if annotate_run is None
            else get_run(session, annotate_run, RunKind.ANNOTATE)
        )
        known = list_sources(session, teacher.id)
    if not sources or set(sources) - set(known):
        raise InvalidInput(
            f"expected sources of annotate run {teacher.id}, which are "
            f"{', '.join(known) or 'none'}; got {', '.join(sources)[:200] or 'none'}"
        )
    vocabulary = vocabulary_of(teacher.parameters["taxonomy"])
    parameters = {**{key: teacher.parameters[key] for key in ("taxonomy", "version_id",
                     "content_hash")}, "annotate_run": teacher.id, "sources": ",".join(sources),
                  "folder": str(folder)}  # fmt: skip
    run = start_run(engine, RunKind.DISTILL, model=getattr(embed, "name", None),
                    parameters=parameters)  # fmt: skip
    with failing_run(engine, run.id):
        Teller(engine, run.id).stage("learning")
        head = _learnt(engine, embed, vocabulary, teacher, sources)
        head.save(folder)
        with transaction(engine) as session:
            finish_run(session, run.id, RunStatus.SUCCEEDED, _sentence(head),
                       done_items=head.details["traces"],
                       metrics={"sha256": head.sha256, **head.details})  # fmt: skip
            run = get_run(session, run.id)
    return run, head


def _sentence(head: Head) -> str:
    details = head.details
    return (f"{details['segments']:,} segments of {details['traces']:,} traces, "
            f"held-out kappa {details['held_out_kappa']:.3f}")  # fmt: skip


def _learnt(
    engine: sa.Engine, embed: Embed, vocabulary: Vocabulary, teacher: Run, sources: Sequence[str]
) -> Head:
    with reading(engine) as session:
        given = {source: dict(list_label_sets(session, teacher.id, source)) for source in sources}
    numbers = sorted({trace for steps in given.values() for trace in steps})
    texts: list[list[str]] = []
    taught: list[Taught] = []
    for batch in batches(engine, numbers):
        for trace in batch:
            if trace.segments:
                texts.append(trace.texts())
                taught.append(said_of(trace, [given[s].get(trace.id, []) for s in sources]))
    if not texts:
        raise InvalidInput(f"expected labels in annotate run {teacher.id}, found none")
    votes = tuple(
        tuple(labels for each in taught for labels in each.votes[n]) for n in range(len(sources))
    )
    read = read_segments(embed, texts, names_of(vocabulary.categories))
    shapes = shape_matrix([text for each in texts for text in each])
    pairs = sum(each.pairs for each in taught)
    joined = sum(each.joined for each in taught) / max(pairs, 1)
    try:
        keys = [category.key for category in vocabulary.categories]
        return distill(Lessons(read, shapes, votes, joined), keys)
    except LessonError as error:
        raise InvalidInput(str(error)) from error


def said_of(trace: TraceView, sources: Sequence[Sequence[StepRow]]) -> Taught:
    """What the steps of each source say of each segment; what a head said counts as nothing."""
    votes, pairs, joined = [], 0, 0
    for steps in sources:
        labels: list[Labels | None] = [None] * len(trace.segments)
        for step in steps:
            if step.rule not in DISTILLED:
                labels[step.first : step.end] = [step.labels] * (step.end - step.first)
                pairs += step.end - step.first - 1
                joined += step.end - step.first - 1
        pairs += sum(left.end == right.first and _keys(left) == _keys(right)
                     for left, right in pairwise(steps))  # fmt: skip
        votes.append(tuple(labels))
    return Taught(tuple(votes), pairs, joined)


def _keys(step: StepRow) -> set[str]:
    return {key for key, _ in step.labels}


def open_panel(
    embed: Embed,
    folder: Path,
    vocabulary: Vocabulary,
    abstain_below: float = 0.0,
    escalate: Annotate | None = None,
    concurrently: Concurrently | None = None,
) -> DistilledPanel:
    """The panel of a head that was written into a folder.

    Raises:
        InvalidInput: there is no head, it was changed, or it is for other categories.
    """
    try:
        return DistilledPanel(embed, load_head(folder), vocabulary.categories, abstain_below,
                              escalate, concurrently)  # fmt: skip
    except HeadError as error:
        raise InvalidInput(str(error)) from error
