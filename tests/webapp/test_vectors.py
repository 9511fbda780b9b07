"""Where labels lie: the vectors of the encoder that clustered them, else their places."""

import numpy as np
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from gateway.embeddings import MODEL_NAME, text_hash
from store.engine import reading, transaction
from store.tables import ClusterMembership, Embedding, OpenLabel, Run
from taxonomy.labels.inventory import InventoryLabel, label_text
from tests.worlds import World, add_later_clustering
from webapp.queries.vectors import list_points

OTHER = "another-encoder@0123456789abcdef"
VECTORS = {MODEL_NAME: (1.0, 0.0), OTHER: (0.0, 1.0)}


def keep(session: Session, numbers: tuple[int, ...], model: str) -> None:
    """A vector of each label by a model."""
    for number in numbers:
        label = session.get_one(OpenLabel, number)
        text = label_text(InventoryLabel(number, label.key, label.text, label.definition, 1))
        vector = np.array(VECTORS[model], dtype="<f4").tobytes()
        session.add(Embedding(model=model, text_hash=text_hash(text), vector=vector))


@pytest.mark.parametrize("model", [None, MODEL_NAME, OTHER])
def test_the_vectors_are_those_of_the_encoder_that_clustered(
    world: World, world_engine: sa.Engine, model: str | None
) -> None:
    """Of a run that wrote none down they are the packaged one's."""
    numbers = world.label_ids[:3]
    with transaction(world_engine) as session:
        session.get_one(Run, world.cluster_run_id).model = model
        for known in VECTORS:
            keep(session, numbers, known)
    with reading(world_engine) as session:
        points = list_points(session, [world.cluster_run_id], numbers)
    assert points.tolist() == [list(VECTORS[model or MODEL_NAME])] * 3


def test_without_vectors_a_label_has_its_place_of_the_clustering_laid_over(
    world: World, world_engine: sa.Engine
) -> None:
    """Those that only the one below knows have theirs."""
    later = add_later_clustering(world_engine, world)
    with reading(world_engine) as session:
        query = sa.select(
            ClusterMembership.open_label_id,
            ClusterMembership.run_id,
            ClusterMembership.x,
            ClusterMembership.y,
        )  # type: ignore[call-overload]
        places = {(label, run): [x, y] for label, run, x, y in session.execute(query)}
        points = list_points(session, [world.cluster_run_id, later], world.label_ids)
    wanted = [places.get((label, later), places[label, world.cluster_run_id])
              for label in world.label_ids]  # fmt: skip
    assert points.tolist() == wanted
    assert {(label, later) in places for label in world.label_ids} == {True, False}
