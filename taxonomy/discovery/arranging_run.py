"""`mralign cluster propose`: the clusters of a run as a tree of categories, by a language model.

A tree is proposed for a run that no version uses yet. What the model leaves without a place goes
where the tree that comes from the labels alone has it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session

from gateway.prompts import load_prompt
from store.clusterings import set_shares
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.runs import get_run
from store.states import RunKind, RunStatus
from store.tables import Run
from store.taxonomies import list_clusters
from taxonomy.clusters.assignment import propose
from taxonomy.clusters.clustering import Numbers
from taxonomy.clusters.namer import gather
from taxonomy.clusters.naming import describe_clusters
from taxonomy.discovery.arranging import (
    Arranged,
    Arrangement,
    ask_arrangement,
    complete,
    describe_all,
)
from taxonomy.discovery.checkup import read_clustered, require_model
from taxonomy.discovery.merging import CATEGORIES, Tree
from taxonomy.discovery.naming_run import Namer, require_unused
from taxonomy.discovery.proposing import (
    arrange_rows,
    count_groups,
    pick_examples,
    propose_rows,
    share_out,
)
from taxonomy.events.state import CategoryText
from taxonomy.guidance.starting import Starting, pack
from taxonomy.labels.embedding import Embed, embed_texts
from taxonomy.labels.inventory import InventoryLabel, label_text
from taxonomy.review.clusterings import read_clustering

PROMPT = "arrange_clusters_v1"
OFFLINE = "offline"


@dataclass(frozen=True)
class Ground:
    """A clustering with what its run thought, and its offline tree."""

    labels: tuple[InventoryLabel, ...]
    numbers: Numbers
    starting: Starting
    tree: Tree
    offline: tuple[CategoryText, ...]

    @property
    def cluster_of_row(self) -> Numbers:
        """The cluster of most instances of each row, −1 without one. Shapes: (rows,)."""
        weights = np.array([label.instances for label in self.labels], dtype=np.float64)
        return _heaviest(self.starting.row_of, self.numbers, weights, len(self.starting.vectors))

    @property
    def group_of_cluster(self) -> Numbers:
        """The offline category of most instances of each cluster. Shapes: (clusters,)."""
        weights = np.array([label.instances for label in self.labels], dtype=np.float64)
        inside = self.numbers >= 0
        groups = self.tree.group_of[self.starting.row_of]
        count = int(self.numbers.max()) + 1
        return _heaviest(self.numbers[inside], groups[inside], weights[inside], count)


def _heaviest(owners: Numbers, values: Numbers, weights: Any, count: int) -> Numbers:
    """The value of most weight of each owner, −1 where it has none but −1."""
    totals = np.zeros((count, int(values.max(initial=0)) + 1))
    known = values >= 0
    np.add.at(totals, (owners[known], values[known]), weights[known] + 1e-9)
    return np.where(totals.sum(axis=1) > 0, totals.argmax(axis=1), -1)


@dataclass(frozen=True)
class Outcome:
    """What was proposed, how many clusters the model placed, and why it was not all of them."""

    categories: tuple[CategoryText, ...]
    by_model: int
    clusters: int
    problem: str | None


def propose_for_run(
    engine: sa.Engine, run_id: int, embed: Embed, namer: Namer | None = None
) -> Outcome:
    """Propose the categories of a discovered clustering anew, offline or by a language model.

    What replies cost is added to the run.

    Raises:
        NotFound: there is no such cluster run.
        InvalidInput: it is not finished, was given categories, or was made with another encoder.
        Conflict: a version uses it.
    """
    ground = read_ground(engine, run_id, embed)
    found = Arrangement()
    if namer is not None:
        found = ask_for(ground, embed, namer)
    arranged = _complete(ground, found)
    tree, categories = _lay_out(ground, arranged, found)
    with transaction(engine) as session:
        _write(session, get_run(session, run_id), ground, tree, categories, found, namer)
    return Outcome(categories, found.placed, len(arranged.place_of), found.problem)


def read_ground(engine: sa.Engine, run_id: int, embed: Embed) -> Ground:
    """A discovery run that no version uses, with its tree from the labels alone.

    Raises:
        NotFound, InvalidInput, Conflict: as `propose_for_run` does.
    """
    with reading(engine) as session:
        run = get_run(session, run_id, RunKind.CLUSTER)
        require_unused(session, run)
        _require_discovered(run)
        require_model(run, embed)
        labels, numbers = read_clustered(session, run_id)
        starting = read_clustering(session, run_id).starting
    if starting is None or not (numbers >= 0).any():
        raise InvalidInput(f"expected clusters and guesses in run {run_id}; cluster again")
    tree, offline = propose_rows(labels, starting)
    return Ground(tuple(labels), numbers, starting, tree, offline)


def _require_discovered(run: Run) -> None:
    if run.status != RunStatus.SUCCEEDED or "proposal" not in run.parameters:
        raise InvalidInput(
            f"expected a finished run that proposes categories, got run {run.id}; run `mralign "
            "cluster run --discover`"
        )


def ask_for(ground: Ground, embed: Embed, namer: Namer) -> Arrangement:
    """Show the model the clusters, and read its tree."""
    labels, numbers = ground.labels, ground.numbers
    vectors = embed_texts([label_text(label) for label in labels], embed)
    materials = gather(labels, vectors, numbers, describe_clusters(labels, vectors, numbers))
    lines = describe_all(labels, numbers, [material.texts for material in materials])
    wanted = min(CATEGORIES, max(2, count_groups(len(ground.starting.vectors))))
    return ask_arrangement(namer.ask, load_prompt("taxonomy", PROMPT), lines, wanted)


def _complete(ground: Ground, found: Arrangement) -> Arranged:
    inside = ground.numbers >= 0
    instances = np.array([label.instances for label in ground.labels])
    sizes = np.bincount(ground.numbers[inside], weights=instances[inside])
    return complete(
        found, sizes.astype(int).tolist(), ground.group_of_cluster.tolist(), ground.offline
    )


def _lay_out(
    ground: Ground, arranged: Arranged, found: Arrangement
) -> tuple[Tree, tuple[CategoryText, ...]]:
    """Every row in a category, those of no cluster after their neighbours.

    Without a tree by a model it is the offline one.
    """
    if not found.branches:
        return ground.tree, ground.offline
    clusters = ground.cluster_of_row
    told = np.where(clusters >= 0, arranged.place_of[clusters], -1)
    tree = arrange_rows(ground.starting.vectors, told, len(arranged.categories))
    numbers = tree.group_of[ground.starting.row_of]
    categories = tuple(
        replace(text, examples=tuple(pick_examples(ground.labels, numbers, number)))
        for number, text in enumerate(arranged.categories)
    )
    return tree, categories


def _write(
    session: Session,
    run: Run,
    ground: Ground,
    tree: Tree,
    categories: Sequence[CategoryText],
    found: Arrangement,
    namer: Namer | None,
) -> None:
    require_unused(session, run)
    shares = share_out(tree, len(categories))
    packed, rows = pack(shares), ground.starting.row_of.tolist()
    ids = [label.open_label_id for label in ground.labels]
    set_shares(session, run.id, {n: packed[row] for n, row in zip(ids, rows, strict=True)})
    by_label = shares[ground.starting.row_of, :-1]
    proposals = propose(by_label, ground.numbers, categories)
    for cluster, proposal in zip(list_clusters(session, run.id), proposals, strict=True):
        cluster.proposed_category = proposal.category
        cluster.proposal_similarity = proposal.similarity
        session.add(cluster)
    run.parameters = {
        **run.parameters,
        "categories": [category.key for category in categories],
        "proposal": [asdict(category) for category in categories],
    }
    told: dict[str, Any] = {
        "model": namer.model if namer is not None and found.branches else OFFLINE,
        "prompt_hash": load_prompt("taxonomy", PROMPT).sha256 if namer is not None else None,
        "placed_by_model": found.placed,
        "placed_offline": int(ground.numbers.max()) + 1 - found.placed,
        "problem": found.problem,
    }
    run.metrics = {
        **run.metrics,
        "tree": told,
        "proposed": sum(proposal.category is not None for proposal in proposals),
    }
    run.prompt_hash = run.prompt_hash or told["prompt_hash"]
    session.add(run)
