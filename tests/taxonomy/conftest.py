"""A clustering of a dozen labels in the store, for reviews and versions."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from store.engine import transaction
from store.runs import finish_run, start_run
from store.states import Role, RunKind, RunStatus
from store.tables import Cluster, ClusterMembership, OpenLabel, Person

# (label, instances, cluster, nearest cluster, distance)
PLACES: list[tuple[str, int, int | None, int, float]] = [
    ("problem framing", 40, 0, 0, 0.1),
    ("goal setting", 20, 0, 0, 0.2),
    ("restating the question", 10, 0, 0, 0.3),
    ("fact recall", 30, 1, 1, 0.1),
    ("memory search", 15, 1, 1, 0.2),
    ("knowledge lookup", 5, 1, 1, 0.1),
    ("error check", 12, 2, 2, 0.1),
    ("verifying a date", 8, 2, 2, 0.1),
    ("recalling", 3, None, 1, 0.3),
    ("weather small talk", 2, None, 0, 0.9),
]
PROPOSALS = {0: "framing", 1: "retrieval", 2: None}


@dataclass(frozen=True)
class Clustered:
    """A store with a cluster run in it."""

    engine: sa.Engine
    run_id: int
    ids: dict[str, int]


def write_clustering(engine: sa.Engine) -> Clustered:
    """Write a finished cluster run: three clusters, a near label and a far one."""
    run = start_run(engine, RunKind.CLUSTER, parameters={"nearest_limit": 0.5}, seed=0)
    with transaction(engine) as session:
        clusters = {
            number: Cluster(
                run_id=run.id,
                number=number,
                name=f"cluster {number}",
                cohesion=0.8,
                proposed_category=proposal,
            )
            for number, proposal in PROPOSALS.items()
        }
        labels = {place[0]: OpenLabel(key=place[0], text=place[0].title()) for place in PLACES}
        session.add_all([*clusters.values(), *labels.values()])
        session.flush()
        for key, instances, cluster, nearest, distance in PLACES:
            session.add(
                ClusterMembership(
                    run_id=run.id,
                    open_label_id=labels[key].id,
                    cluster_id=None if cluster is None else clusters[cluster].id,
                    nearest_cluster_id=clusters[nearest].id,
                    distance=distance,
                    probability=1.0,
                    instances=instances,
                    x=float(nearest),
                    y=0.0,
                )
            )
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    return Clustered(engine, run.id, {key: label.id for key, label in labels.items()})


@pytest.fixture
def clustered(engine: sa.Engine) -> Clustered:
    """The clustering, once on each store."""
    return write_clustering(engine)


@pytest.fixture
def curator(engine: sa.Engine) -> Person:
    """Somebody who decides."""
    with transaction(engine) as session:
        person = Person(name="Ada", role=Role.CURATOR, password_hash="-")
        session.add(person)
    return person
