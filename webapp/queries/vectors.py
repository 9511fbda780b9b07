"""The vectors of labels, as the clustering computed and kept them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col

from store.tables import ClusterMembership, Embedding, OpenLabel, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 500


def list_points(
    session: Session, cluster_run_ids: Sequence[int], open_label_ids: Sequence[int]
) -> "NDArray[np.floating]":
    """Where labels lie: their vectors where all of them are kept, else their places on the map.

    The vectors are of the model that the clusterings were made with; a label has its place from the
    last of them that knows it.
    Shapes: n labels to (n, d).
    """
    import numpy as np

    from gateway.embeddings import text_hash
    from taxonomy.labels.inventory import InventoryLabel, label_text

    rows: dict[int, tuple[str, str, str | None, float, float]] = {}
    for run_id in cluster_run_ids:
        for start in range(0, len(open_label_ids), AT_ONCE):
            rows |= _rows(session, run_id, open_label_ids[start : start + AT_ONCE])
    hashes = [
        text_hash(label_text(InventoryLabel(number, key, text, definition, 1)))
        for number, (key, text, definition, _, _) in rows.items()
    ]
    vectors = _vectors(session, _find_model(session, cluster_run_ids), hashes)
    if all(key in vectors for key in hashes):
        kept = dict(zip(rows, hashes, strict=True))
        return np.stack(
            [np.frombuffer(vectors[kept[number]], dtype="<f4") for number in open_label_ids]
        )
    return np.array([rows[number][3:] for number in open_label_ids], dtype=np.float64)


def _find_model(session: Session, cluster_run_ids: Sequence[int]) -> str:
    """The encoder of the clusterings, which is one; the packaged one where none was written down.

    Labels go over in portions between clusterings of one encoder alone.
    """
    from gateway.embeddings import MODEL_NAME

    query = sa.select(col(Run.model)).where(col(Run.id).in_(cluster_run_ids))
    found = session.execute(query.where(col(Run.model).is_not(None)).limit(1)).scalar_one_or_none()
    return found or MODEL_NAME


def _rows(
    session: Session, run_id: int, ids: Sequence[int]
) -> dict[int, tuple[str, str, str | None, float, float]]:
    query = (
        sa.select(
            col(OpenLabel.id),
            col(OpenLabel.key),
            col(OpenLabel.text),
            col(OpenLabel.definition),
            col(ClusterMembership.x),
            col(ClusterMembership.y),
        )
        .join(ClusterMembership, col(ClusterMembership.open_label_id) == col(OpenLabel.id))
        .where(col(ClusterMembership.run_id) == run_id, col(OpenLabel.id).in_(ids))
    )
    return {row[0]: row[1:] for row in session.execute(query).tuples()}


def _vectors(session: Session, model: str, hashes: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for start in range(0, len(hashes), AT_ONCE):
        query = sa.select(col(Embedding.text_hash), col(Embedding.vector)).where(
            col(Embedding.model) == model,
            col(Embedding.text_hash).in_(hashes[start : start + AT_ONCE]),
        )
        found |= {row[0]: row[1] for row in session.execute(query)}
    return found
