"""`mralign cluster add`: new labels join a clustering; nothing of the known ones is recomputed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session

from store.clusterings import (
    copy_clustering,
    get_folding,
    list_members,
    list_phrase_moves,
    set_instances,
)
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.progress import Teller, both
from store.runs import failing_run, finish_run, get_latest_run, get_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Cluster, Run
from store.taxonomies import list_clusters, list_phrases
from taxonomy.clusters.assignment import NEAREST_LIMIT, Places, place
from taxonomy.discovery.findings import insert_members, read_folding, write_phrases
from taxonomy.discovery.named_clusters import Stage
from taxonomy.discovery.run import hash_inventory, read_inventory
from taxonomy.guidance.attaching import attach
from taxonomy.guidance.spreading import Probabilities
from taxonomy.guidance.starting import Rows, pack, unpack, unpack_shares, unpack_vectors
from taxonomy.labels.embedding import Embed, Vectors, embed_texts
from taxonomy.labels.folding import Folder, Moves
from taxonomy.labels.inventory import InventoryLabel, gloss_of, label_text
from taxonomy.labels.representation import Representation

STAGES = ("reading", "embedding", "attaching", "writing")


@dataclass(frozen=True)
class Known:
    """What a cluster run knows of its labels, and how it folds and represents others.

    Shapes: `vectors` (rows, d), `values` (rows, categories + 3): shares, noise, x and y.
    """

    folding_id: int
    folder: Folder
    representation: Representation
    phrases: Mapping[Moves, int]  # by number
    rows: Mapping[int, int]  # the row of a phrase by its number
    vectors: Vectors
    values: Probabilities
    clusters: Sequence[Cluster]
    instances: Mapping[int, int]


@dataclass(frozen=True)
class Fresh:
    """New labels: the phrase of each, which is known or one of `phrases`, and what it gets.

    Shapes: `of` (labels,) counts known rows first; `vectors` (phrases, d), `values` as of Known.
    """

    labels: Sequence[InventoryLabel]
    phrases: Sequence[Moves]
    of: Rows
    vectors: Vectors
    values: Probabilities
    places: Places


def add_labels(
    engine: sa.Engine,
    embed: Embed,
    *,
    cluster_run_id: int | None = None,
    label_run_id: int | None = None,
    on_stage: Stage = lambda stage: None,
) -> Run:
    """A cluster run like another one, with the new labels of a label run beside the others.

    Clusters, shares and places of known labels stay as they are; their counts follow the label
    run where that is the one that was clustered, and grow by it where it is another. A new label
    takes the shares of those nearest to it, and the nearest cluster with its distance.

    Raises:
        NotFound: there is no such run.
        InvalidInput: the cluster run kept no guesses or had another embedding model, or the label
            run brings nothing new.
    """
    on_stage("reading")
    with reading(engine) as session:
        base = _get_base(session, cluster_run_id)
        _require_model(base, embed)
        known = _read_known(session, base)
    labels, source = read_inventory(engine, label_run_id)
    counts = _count(base, source, labels, known.instances)
    new = [label for label in labels if label.open_label_id not in known.instances]
    if counts == known.instances:
        raise InvalidInput(f"expected labels that cluster run {base.id} lacks, found none; label")
    run = start_run(
        engine,
        RunKind.CLUSTER,
        seed=base.seed,
        model=base.model,
        input_hash=hash_inventory(labels),
        total_items=len(counts),
        parameters={**base.parameters, "label_run": source, "base_run": base.id},
    )
    on_stage = both(Teller(engine, run.id).stage, on_stage)
    with failing_run(engine, run.id):
        fresh = _join(new, known, embed, on_stage)
        on_stage("writing")
        metrics = _measure(base, fresh, counts)
        with transaction(engine) as session:
            _write(session, base, run.id, known, fresh)
            set_instances(session, run.id, _differing(known.instances, counts))
            finish_run(
                session,
                run.id,
                RunStatus.SUCCEEDED,
                _sentence(metrics, base.id),
                done_items=len(counts),
                metrics=metrics,
            )
    with reading(engine) as session:
        return get_run(session, run.id)


def _get_base(session: Session, run_id: int | None) -> Run:
    if run_id is None:
        return get_latest_run(session, RunKind.CLUSTER)
    return get_run(session, run_id, RunKind.CLUSTER)


def _require_model(base: Run, embed: Embed) -> None:
    name = getattr(embed, "name", None)
    if base.model != name:
        raise InvalidInput(
            f"expected the embedding model of cluster run {base.id}, {base.model}, got {name}; "
            "name it with --embedding-model"
        )


def _read_known(session: Session, base: Run) -> Known:
    folding = get_folding(session, base.parameters.get("folding_run", base.id))
    members = list_members(session, base.id)
    if folding is None or not members:
        raise InvalidInput(
            f"expected a cluster run that kept its guesses, but run {base.id} did not; "
            "run `mralign cluster run` again"
        )
    first: dict[int, Any] = {}
    for member in members:
        first.setdefault(member.phrase_id, member)
    vectors = list_phrases(session, base.id)
    shares = unpack_shares([member.shares for member in first.values()])
    points = np.array([(member.x, member.y) for member in first.values()])
    folder, representation = read_folding(folding)
    return Known(
        folding.id,
        folder,
        representation,
        {tuple(moves): number for number, moves in list_phrase_moves(session, folding.id)
         if number in first},
        {number: row for row, number in enumerate(first)},
        unpack_vectors([vectors[number] for number in first]),
        np.hstack([shares, points]),
        list_clusters(session, base.id),
        {member.open_label_id: member.instances for member in members},
    )  # fmt: skip


def _count(
    base: Run, source: int, labels: Sequence[InventoryLabel], before: Mapping[int, int]
) -> dict[int, int]:
    """The instances of every label by its number: counted anew, or added to."""
    again = source == base.parameters.get("label_run")
    found = {label.open_label_id: label.instances for label in labels}
    grown = {number: before.get(number, 0) + count for number, count in found.items()}
    return {**before, **(found if again else grown)}


def _differing(before: Mapping[int, int], after: Mapping[int, int]) -> dict[int, int]:
    return {number: after[number] for number, count in before.items() if after[number] != count}


def _join(labels: Sequence[InventoryLabel], known: Known, embed: Embed, on_stage: Stage) -> Fresh:
    """Fold and represent the new labels as the run does, and let those nearest to them speak."""
    on_stage("embedding")
    moves = [known.folder(label.text) for label in labels]
    glosses: dict[Moves, str] = {}
    for phrase, label in zip(moves, labels, strict=True):
        if phrase not in known.phrases:
            glosses[phrase] = glosses.get(phrase) or gloss_of(label)
    phrases = list(glosses)
    size = known.vectors.shape[1]
    vectors = np.zeros((0, size), dtype=np.float32)
    if phrases:
        vectors = known.representation(phrases, embed, list(glosses.values()))
    on_stage("attaching")
    values = attach(known.vectors, vectors).mean(known.values)
    new_rows = {phrase: len(known.vectors) + row for row, phrase in enumerate(phrases)}
    of = [
        known.rows[known.phrases[phrase]] if phrase in known.phrases else new_rows[phrase]
        for phrase in moves
    ]
    places = _place(labels, known.clusters, embed)
    return Fresh(labels, phrases, np.array(of, dtype=np.int64), vectors, values, places)


def _place(labels: Sequence[InventoryLabel], clusters: Sequence[Cluster], embed: Embed) -> Places:
    """The nearest cluster of each label by the vectors that were clustered."""
    outside = np.full(len(labels), -1, dtype=np.int64)
    centres = [cluster.centre for cluster in clusters if cluster.centre is not None]
    if not labels or len(centres) < len(clusters) or not centres:
        return Places(outside, np.ones(len(labels)))
    vectors = embed_texts([label_text(label) for label in labels], embed)
    return place(vectors, outside, unpack(centres))


def _write(session: Session, base: Run, run_id: int, known: Known, fresh: Fresh) -> None:
    copy_clustering(session, base.id, run_id)
    run = get_run(session, run_id)
    run.parameters = {
        **run.parameters, "folding_run": base.parameters.get("folding_run", base.id)
    }  # fmt: skip
    session.add(run)
    written = write_phrases(session, known.folding_id, fresh.phrases, fresh.vectors)
    numbers = [*known.rows, *written]
    values = np.vstack([known.values, fresh.values])
    clusters = [cluster.id for cluster in list_clusters(session, run_id)]
    shares = pack(values[fresh.of, :-2])
    insert_members(
        session,
        [
            {
                "run_id": run_id,
                "open_label_id": label.open_label_id,
                "cluster_id": None,
                "nearest_cluster_id": clusters[nearest] if nearest >= 0 else None,
                "distance": distance,
                "probability": 0.0,
                "instances": label.instances,
                "x": float(values[row, -2]),
                "y": float(values[row, -1]),
                "phrase_id": numbers[row],
                "shares": share,
            }
            for label, row, nearest, distance, share in zip(
                fresh.labels,
                fresh.of.tolist(),
                fresh.places.nearest.tolist(),
                fresh.places.distances.tolist(),
                shares,
                strict=True,
            )
        ],
    )


def _measure(base: Run, fresh: Fresh, counts: Mapping[int, int]) -> dict[str, Any]:
    near = int(((fresh.places.nearest >= 0) & (fresh.places.distances <= NEAREST_LIMIT)).sum())
    return {
        **base.metrics,
        "labels": len(counts),
        "instances": sum(counts.values()),
        "added": len(fresh.labels),
        "added_near": near,
        "outside": base.metrics.get("outside", 0) + len(fresh.labels),
        "near": base.metrics.get("near", 0) + near,
    }


def _sentence(metrics: Mapping[str, Any], base_id: int) -> str:
    return (
        f"{metrics['added']} new labels beside those of run {base_id}, "
        f"{metrics['added_near']} of them near a cluster; {metrics['labels']} labels in all"
    )
