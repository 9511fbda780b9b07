"""What a cluster run found, as rows: clusters, phrases, and where every label is."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import get_run
from store.tables import Cluster, ClusterMembership, Folding, Phrase
from taxonomy.discovery.named_clusters import Discovery
from taxonomy.discovery.shares import Guidance
from taxonomy.events.decisions import NAME_LIMIT
from taxonomy.guidance.starting import pack
from taxonomy.labels.embedding import Vectors
from taxonomy.labels.folding import Folder, Moves
from taxonomy.labels.inventory import InventoryLabel
from taxonomy.labels.representation import Representation

RARITY_BYTES = "<f4"


def write_findings(
    session: Session, run_id: int, labels: Sequence[InventoryLabel], found: Discovery
) -> None:
    """Write the clusters, what was folded, and the place and shares of every label."""
    clusters = [_cluster(run_id, number, found) for number in range(len(found.names))]
    session.add_all(clusters)
    session.flush()
    inventory = found.guidance.inventory
    phrases = write_folding(
        session, run_id, inventory.folder, inventory.representation, inventory.phrases,
        inventory.vectors,
    )  # fmt: skip
    _write_members(session, run_id, labels, found, [cluster.id for cluster in clusters], phrases)
    _note_categories(session, run_id, found.guidance)


def _cluster(run_id: int, number: int, found: Discovery) -> Cluster:
    proposal = found.proposals[number]
    return Cluster(
        run_id=run_id,
        number=number,
        name=found.names[number].name[:NAME_LIMIT],
        definition=found.names[number].definition,
        cohesion=found.cohesions[number],
        proposed_category=proposal.category,
        proposal_similarity=proposal.similarity,
        centre=pack(found.centres[number : number + 1])[0],
    )


def write_folding(
    session: Session,
    run_id: int,
    folder: Folder,
    representation: Representation,
    phrases: Sequence[Moves],
    vectors: Vectors,
) -> list[int]:
    """Write what was learned of an inventory and its phrases; the phrases' numbers."""
    rules = {
        "leading": sorted(folder.leading),
        "trailing": sorted(folder.trailing),
        "spelling": dict(sorted(folder.spelling.items())),
    }
    folding = Folding(
        run_id=run_id, rules=rules, rarity=representation.rarity.astype(RARITY_BYTES).tobytes()
    )
    session.add(folding)
    session.flush()
    return write_phrases(session, folding.id, phrases, vectors)


def write_phrases(
    session: Session, folding_id: int, phrases: Sequence[Moves], vectors: Vectors
) -> list[int]:
    """Write phrases with their vectors; their numbers, in order."""
    if not phrases:
        return []
    rows = [
        {"folding_id": folding_id, "moves": list(moves), "vector": vector}
        for moves, vector in zip(phrases, pack(vectors), strict=True)
    ]
    insert = sa.insert(Phrase).returning(col(Phrase.id), sort_by_parameter_order=True)
    return list(session.execute(insert, rows).scalars())


def read_folding(row: Folding) -> tuple[Folder, Representation]:
    """What was learned, ready for use."""
    folder = Folder(
        frozenset(row.rules["leading"]), frozenset(row.rules["trailing"]), row.rules["spelling"]
    )
    return folder, Representation(np.frombuffer(row.rarity, dtype=RARITY_BYTES))


def _write_members(
    session: Session,
    run_id: int,
    labels: Sequence[InventoryLabel],
    found: Discovery,
    clusters: Sequence[int],
    phrases: Sequence[int],
) -> None:
    shares = pack(found.guidance.shares)
    rows: list[dict[str, Any]] = []
    for index, (label, row) in enumerate(
        zip(labels, found.guidance.inventory.row_of.tolist(), strict=True)
    ):
        number, nearest = int(found.numbers[index]), int(found.places.nearest[index])
        rows.append({
            "run_id": run_id,
            "open_label_id": label.open_label_id,
            "cluster_id": clusters[number] if number >= 0 else None,
            "nearest_cluster_id": clusters[nearest] if nearest >= 0 else None,
            "distance": float(found.places.distances[index]),
            "probability": float(found.strengths[index]),
            "instances": label.instances,
            "x": float(found.points[index, 0]),
            "y": float(found.points[index, 1]),
            "phrase_id": phrases[row],
            "shares": shares[row],
        })  # fmt: skip
    insert_members(session, rows)


def insert_members(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write where labels are."""
    if rows:
        session.execute(sa.insert(ClusterMembership), rows)


def _note_categories(session: Session, run_id: int, guidance: Guidance) -> None:
    """Write down which categories the shares are of, whole where the run proposed them."""
    run = get_run(session, run_id)
    noted: dict[str, Any] = {
        "categories": [category.key for category in guidance.categories],
        "origin": guidance.origin,
    }
    if guidance.origin == "cluster":
        noted["proposal"] = [asdict(category) for category in guidance.categories]
    run.parameters = {**run.parameters, **noted}
    session.add(run)
