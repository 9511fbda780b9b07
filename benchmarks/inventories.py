"""Inventories of open labels in a store, with a clustering that takes no time to find."""

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from store.engine import transaction
from store.labels import get_or_add_open_labels
from store.runs import finish_run, start_run
from store.states import RunKind, RunStatus, ThinkingMode
from store.tables import LabelInstance, Question, Run, Segment, Trace
from taxonomy.clusters.assignment import place, propose
from taxonomy.clusters.naming import ClusterName
from taxonomy.discovery.findings import write_findings
from taxonomy.discovery.guides import guide_of_preset
from taxonomy.discovery.named_clusters import Discovery
from taxonomy.discovery.shares import Guidance, guide
from taxonomy.labels.embedding import Embed, Vectors, embed_texts
from taxonomy.labels.graph import divide
from taxonomy.labels.inventory import InventoryLabel, label_text
from taxonomy.vocabulary.presets import DEFAULT_PRESET


def write_labels(
    engine: sa.Engine, labels: Sequence[tuple[str, str | None]], counts: Sequence[int]
) -> Run:
    """A label run that gave each label (text, definition) so often; spellings of one are one."""
    run = start_run(engine, RunKind.LABEL)
    with transaction(engine) as session:
        ids = get_or_add_open_labels(session, labels)
        totals: dict[int, int] = {}
        for number, count in zip(ids, counts, strict=True):
            totals[number] = totals.get(number, 0) + count
        question = Question(key="q", text="q", gold_answers=[])
        session.add(question)
        session.flush()
        trace = Trace(external_id="t", question_id=question.id, model="m", thinking="x", answer="",
                      thinking_mode=ThinkingMode.ON, content_hash="")  # fmt: skip
        session.add(trace)
        session.flush()
        most = max(totals.values())
        segments = [Segment(trace_id=trace.id, position=n, start=0, end=1) for n in range(most)]
        session.add_all(segments)
        session.flush()
        rows = [
            {"run_id": run.id, "segment_id": segments[place].id, "open_label_id": number,
             "step": place, "confidence": 5.0}
            for number, count in totals.items() for place in range(count)
        ]  # fmt: skip
        session.execute(sa.insert(LabelInstance), rows)
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    return run


def guide_by_preset(labels: Sequence[InventoryLabel], embed: Embed) -> Guidance:
    """What a run computes of every label beside its clusters: folded, represented, spread."""
    guided = guide_of_preset(DEFAULT_PRESET)
    return guide(labels, guided.categories, guided.known, embed)


def write_cells(
    engine: sa.Engine,
    label_run: Run,
    labels: Sequence[InventoryLabel],
    guidance: Guidance,
    embed: Embed,
) -> Run:
    """A cluster run over the labels whose clusters are cells of like labels."""
    vectors: Vectors = embed_texts([label_text(label) for label in labels], embed)
    centres, numbers = divide(vectors)
    names = [ClusterName(f"cell {number}", "") for number in range(len(centres))]
    found = Discovery(
        numbers=numbers,
        strengths=np.ones(len(labels)),
        places=place(vectors, numbers, centres),
        points=np.zeros((len(labels), 2)),
        names=names,
        cohesions=[0.5] * len(names),
        centres=centres,
        proposals=propose(guidance.by_label, numbers, guidance.categories),
        min_count=1,
        guidance=guidance,
    )
    run = start_run(engine, RunKind.CLUSTER, parameters={"label_run": label_run.id})
    with transaction(engine) as session:
        write_findings(session, run.id, labels, found)
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    return run
