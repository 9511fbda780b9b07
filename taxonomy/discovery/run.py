"""`mralign cluster run`: read an inventory, discover clusters, write them down."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from store.engine import reading, transaction
from store.errors import InvalidInput
from store.labels import list_inventory
from store.progress import Teller, both
from store.runs import failing_run, finish_run, get_latest_run, get_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Run
from taxonomy.clusters.assignment import NEAREST_LIMIT
from taxonomy.clusters.clustering import Method
from taxonomy.discovery.findings import write_findings
from taxonomy.discovery.guides import guide_of_preset, guide_of_version
from taxonomy.discovery.named_clusters import Discovery, Settings, Stage, discover, seed_agreement
from taxonomy.labels.embedding import Embed
from taxonomy.labels.inventory import InventoryLabel, label_text
from taxonomy.vocabulary.presets import DEFAULT_PRESET


def run_clustering(
    engine: sa.Engine,
    embed: Embed,
    *,
    label_run_id: int | None = None,
    seed: int = 0,
    method: str = Method.HDBSCAN,
    min_count: int | None = None,
    preset: str | None = DEFAULT_PRESET,
    version: str | int | None = None,
    stability: bool = False,
    on_stage: Stage = lambda stage: None,
) -> Run:
    """Cluster the labels of a label run, by default of the newest; the finished run.

    The same inventory and seed give the same rows. Every label is placed in the categories of
    an earlier version, of the preset, or without either of a tree that is proposed from the
    labels. With `stability` the agreement with the next seed is measured.

    Raises:
        NotFound: there is no such label run, preset or version.
        InvalidInput: the label run gave no labels, or an option is out of range.
    """
    settings = _settings(method, seed, min_count)
    guide = guide_of_version(engine, version) if version is not None else guide_of_preset(preset)
    labels, source = read_inventory(engine, label_run_id)
    run = start_run(
        engine,
        RunKind.CLUSTER,
        seed=settings.seed,
        model=getattr(embed, "name", None),
        input_hash=hash_inventory(labels),
        total_items=len(labels),
        parameters={
            "label_run": source,
            "method": settings.method.value,
            "min_count": settings.min_count,
            "preset": preset if version is None else None,
            "version": version,
            "nearest_limit": NEAREST_LIMIT,
        },
    )
    on_stage = both(Teller(engine, run.id).stage, on_stage)
    with failing_run(engine, run.id):
        found = discover(labels, embed, guide.categories, settings, on_stage, guide.known)
        metrics = measure(labels, found)
        if stability:
            on_stage("stability")
            metrics["seed_ari"] = seed_agreement(labels, embed, found, settings)
        with transaction(engine) as session:
            write_findings(session, run.id, labels, found)
            finish_run(
                session,
                run.id,
                RunStatus.SUCCEEDED,
                _sentence(metrics),
                done_items=len(labels),
                metrics=metrics,
            )
    with reading(engine) as session:
        return get_run(session, run.id)


def _settings(method: str, seed: int, min_count: int | None) -> Settings:
    if method not in set(Method):
        raise InvalidInput(f"expected one of {', '.join(Method)}, got method {method[:50]!r}")
    if min_count is not None and min_count < 1:
        raise InvalidInput(f"expected a count of at least 1, got {min_count}")
    if not 0 <= seed < 2**31:
        raise InvalidInput(f"expected a seed from 0 to 2147483647, got {seed}")
    return Settings(Method(method), seed, min_count)


def read_inventory(engine: sa.Engine, label_run_id: int | None) -> tuple[list[InventoryLabel], int]:
    """The labels of a label run, by default of the newest, and its number.

    Raises:
        NotFound: there is no such label run. InvalidInput: it gave no labels.
    """
    with reading(engine) as session:
        if label_run_id is None:
            label_run_id = get_latest_run(session, RunKind.LABEL).id
        else:
            get_run(session, label_run_id, RunKind.LABEL)
        rows = list_inventory(session, label_run_id)
    if not rows:
        raise InvalidInput(f"expected labels from run {label_run_id}, found none; label first")
    labels = [
        InventoryLabel(row.open_label_id, row.key, row.text, row.definition, row.instances)
        for row in rows
    ]
    return sorted(labels, key=lambda label: (-label.instances, label.key)), label_run_id


def hash_inventory(labels: Sequence[InventoryLabel]) -> str:
    """The sha256 of what is clustered: keys, texts and counts."""
    document = [[label.key, label_text(label), label.instances] for label in labels]
    return hashlib.sha256(json.dumps(document, ensure_ascii=True).encode()).hexdigest()


def measure(labels: Sequence[InventoryLabel], found: Discovery) -> dict[str, float | None]:
    """Counts of a discovery: labels, instances, clusters, noise, labels near a cluster.

    `coverage` is the share of labels that are clustered, of all that were to be: of those of the
    least count and more. The silhouette speaks of these alone.
    """
    outside = found.numbers < 0
    tried = np.array([label.instances >= found.min_count for label in labels])
    near = outside & (found.places.nearest >= 0) & (found.places.distances <= NEAREST_LIMIT)
    return {
        "labels": len(labels),
        "instances": sum(label.instances for label in labels),
        "min_count": found.min_count,
        "clusters": len(found.names),
        "outside": int(outside.sum()),
        "near": int(near.sum()),
        "silhouette": found.silhouette,
        "coverage": float((~outside[tried]).mean()) if tried.any() else 0.0,
        "proposed": sum(proposal.category is not None for proposal in found.proposals),
    }


def _sentence(metrics: dict[str, float | None]) -> str:
    return (
        f"{metrics['labels']} labels in {metrics['clusters']} clusters; {metrics['outside']} "
        f"labels outside, {metrics['near']} of them near one"
    )
