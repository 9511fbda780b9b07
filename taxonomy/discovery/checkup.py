"""`mralign cluster stability`: cluster the labels of a run again, and keep how far it agrees."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session

from store.engine import reading, transaction
from store.errors import InvalidInput
from store.runs import get_run
from store.states import RunKind, RunStatus
from store.tables import Run
from store.taxonomies import list_clusters, list_memberships
from taxonomy.clusters.clustering import Method, Numbers
from taxonomy.clusters.solidity import StabilityReport, repeat, report
from taxonomy.labels.embedding import Embed, embed_texts
from taxonomy.labels.inventory import InventoryLabel, label_text

OnRepetition = Callable[[int, int], None]


def read_clustered(session: Session, run_id: int) -> tuple[list[InventoryLabel], Numbers]:
    """The labels of a cluster run in its order, and the number of the cluster of each."""
    numbers = {cluster.id: cluster.number for cluster in list_clusters(session, run_id)}
    rows = list_memberships(session, run_id)
    labels = [
        InventoryLabel(label.id, label.key, label.text, label.definition, membership.instances)
        for membership, label in rows
    ]
    found = [numbers.get(membership.cluster_id or 0, -1) for membership, _ in rows]
    return labels, np.array(found, dtype=np.int64)


def check_stability(
    engine: sa.Engine,
    run_id: int,
    embed: Embed,
    *,
    seeds: int = 2,
    drops: int = 3,
    others: Sequence[Embed] = (),
    on_repetition: OnRepetition = lambda done, total: None,
) -> StabilityReport:
    """Cluster the labels of a run again under other seeds, without a tenth, and by other models.

    What comes out is kept with the run's metrics, under `stability`.

    Raises:
        NotFound: there is no such cluster run.
        InvalidInput: it is not finished, has no cluster, or nothing is to be repeated.
    """
    with reading(engine) as session:
        run = get_run(session, run_id, RunKind.CLUSTER)
        labels, numbers = read_clustered(session, run_id)
    total = seeds + drops + len(others)
    _require(run, numbers, total)
    require_model(run, embed)
    texts = [label_text(label) for label in labels]
    least = int(run.metrics.get("min_count") or 1)
    frequent = np.flatnonzero([label.instances >= least for label in labels])
    repetitions = []
    method = Method(run.parameters["method"])
    vectors, further = embed_texts(texts, embed), [embed_texts(texts, each) for each in others]
    for each in repeat(vectors, frequent, method, run.seed or 0, seeds, drops, further):
        repetitions.append(each)
        on_repetition(len(repetitions), total)
    found = report(numbers, repetitions)
    with transaction(engine) as session:
        run = get_run(session, run_id)
        run.metrics = {**run.metrics, "stability": as_document(found)}
        session.add(run)
    return found


def _require(run: Run, numbers: Numbers, total: int) -> None:
    if run.status != RunStatus.SUCCEEDED:
        raise InvalidInput(f"expected a finished cluster run, got run {run.id}, {run.status.value}")
    if not (numbers >= 0).any():
        raise InvalidInput(f"expected clusters in run {run.id}, found none; cluster again")
    if total < 1:
        raise InvalidInput("expected at least one repetition, got none")


def require_model(run: Run, embed: Embed) -> None:
    """Raise unless the encoder is the one that the run was clustered with.

    Raises:
        InvalidInput: it is another one.
    """
    name = getattr(embed, "name", None)
    if run.model != name:
        raise InvalidInput(
            f"expected the model that run {run.id} was clustered with, {run.model}, got {name}; "
            "give it with --embedding-model"
        )


def as_document(found: StabilityReport) -> dict[str, Any]:
    """The report as it is kept: `clusters` has each cluster's solidity by its number."""
    return {
        "agreements": {name: asdict(each) for name, each in found.agreements.items()},
        "clusters": {
            str(each.number): {"mean": each.mean, "verdict": each.verdict, **each.by_change}
            for each in found.clusters
        },
    }
