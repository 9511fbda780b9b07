"""`mralign cluster run`: read an inventory, discover clusters, write them down."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session

from store.engine import reading, transaction
from store.errors import InvalidInput, NotFound
from store.labels import list_inventory
from store.runs import failing_run, finish_run, get_latest_run, get_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Cluster, ClusterMembership, Run
from taxonomy.anchors import PRESET_LABELS, KnownLabels, get_preset_labels
from taxonomy.assignment import NEAREST_LIMIT
from taxonomy.clustering import Method
from taxonomy.decisions import NAME_LIMIT, UnknownNameError
from taxonomy.discovery import Discovery, Settings, Stage, discover, seed_agreement
from taxonomy.embedding import Embed
from taxonomy.inventory import InventoryLabel, label_text
from taxonomy.replay import CategoryText
from taxonomy.vocabulary import DEFAULT_PRESET, get_preset


def run_clustering(
    engine: sa.Engine,
    embed: Embed,
    *,
    label_run_id: int | None = None,
    seed: int = 0,
    method: str = Method.HDBSCAN,
    min_count: int | None = None,
    preset: str | None = DEFAULT_PRESET,
    stability: bool = False,
    on_stage: Stage = lambda stage: None,
) -> Run:
    """Cluster the labels of a label run, by default of the newest; the finished run.

    The same inventory and seed give the same rows. Categories are proposed from the preset,
    or not at all without one. With `stability` the agreement with the next seed is measured.

    Raises:
        NotFound: there is no such label run, or no such preset.
        InvalidInput: the label run gave no labels, or an option is out of range.
    """
    settings = _settings(method, seed, min_count)
    categories = _categories(preset)
    labels, source = _read_inventory(engine, label_run_id)
    run = start_run(
        engine,
        RunKind.CLUSTER,
        seed=settings.seed,
        model=getattr(embed, "name", None),
        input_hash=_hash(labels),
        total_items=len(labels),
        parameters={
            "label_run": source,
            "method": settings.method.value,
            "min_count": settings.min_count,
            "preset": preset,
            "nearest_limit": NEAREST_LIMIT,
        },
    )
    with failing_run(engine, run.id):
        found = discover(labels, embed, categories, settings, on_stage, _known(preset))
        metrics = measure(labels, found)
        if stability:
            on_stage("stability")
            metrics["seed_ari"] = seed_agreement(labels, embed, found, settings)
        with transaction(engine) as session:
            _write(session, run.id, labels, found)
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


def _read_inventory(
    engine: sa.Engine, label_run_id: int | None
) -> tuple[list[InventoryLabel], int]:
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


def _categories(preset: str | None) -> tuple[CategoryText, ...]:
    try:
        return get_preset(preset) if preset is not None else ()
    except UnknownNameError as error:
        raise NotFound(str(error)) from error


def _known(preset: str | None) -> KnownLabels:
    """The labels that ship with a preset; one without any is guided by its texts alone."""
    return get_preset_labels(preset) if preset in PRESET_LABELS else KnownLabels()


def _hash(labels: Sequence[InventoryLabel]) -> str:
    document = [[label.key, label_text(label), label.instances] for label in labels]
    return hashlib.sha256(json.dumps(document, ensure_ascii=True).encode()).hexdigest()


def _write(
    session: Session, run_id: int, labels: Sequence[InventoryLabel], found: Discovery
) -> None:
    clusters = [_cluster(run_id, number, found) for number in range(len(found.names))]
    session.add_all(clusters)
    session.flush()
    ids = [cluster.id for cluster in clusters]
    session.add_all(
        _membership(run_id, index, label, ids, found) for index, label in enumerate(labels)
    )


def _cluster(run_id: int, number: int, found: Discovery) -> Cluster:
    proposal = found.proposals[number] if found.proposals else None
    return Cluster(
        run_id=run_id,
        number=number,
        name=found.names[number].name[:NAME_LIMIT],
        definition=found.names[number].definition,
        cohesion=found.cohesions[number],
        proposed_category=proposal.category if proposal else None,
        proposal_similarity=proposal.similarity if proposal else None,
    )


def _membership(
    run_id: int, index: int, label: InventoryLabel, ids: Sequence[int], found: Discovery
) -> ClusterMembership:
    number, nearest = int(found.numbers[index]), int(found.places.nearest[index])
    return ClusterMembership(
        run_id=run_id,
        open_label_id=label.open_label_id,
        cluster_id=ids[number] if number >= 0 else None,
        nearest_cluster_id=ids[nearest] if nearest >= 0 else None,
        distance=float(found.places.distances[index]),
        probability=float(found.strengths[index]),
        instances=label.instances,
        x=float(found.points[index, 0]),
        y=float(found.points[index, 1]),
    )


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
