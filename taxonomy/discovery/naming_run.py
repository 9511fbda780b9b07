"""`mralign cluster name`: describe the clusters of a run, offline or by a language model."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlmodel import Session, col, select

from gateway.prompts import load_prompt
from store.engine import reading, transaction
from store.errors import Conflict, InvalidInput
from store.runs import get_run
from store.states import RunKind, RunStatus
from store.tables import Cluster, ClusterDescription, Run, TaxonomyVersion
from store.taxonomies import list_clusters
from taxonomy.clusters.namer import Ask, Material, Named, ask_name, gather
from taxonomy.clusters.naming import Description, describe_clusters
from taxonomy.discovery.checkup import OnRepetition, read_clustered, require_model
from taxonomy.events.decisions import NAME_LIMIT
from taxonomy.labels.embedding import Embed, embed_texts
from taxonomy.labels.folding import fold_text
from taxonomy.labels.inventory import label_text

PROMPT = "name_cluster_v1"
OFFLINE = "offline"


@dataclass(frozen=True)
class Namer:
    """A language model that names clusters, some at once."""

    ask: Ask
    model: str
    at_once: int = 8


def describe_run(
    engine: sa.Engine,
    run_id: int,
    embed: Embed,
    namer: Namer | None = None,
    on_named: OnRepetition = lambda done, total: None,
) -> list[Named]:
    """Name and describe the clusters of a run that no version uses yet; in their order.

    Without a namer, and where its replies will not do, names come from the labels alone. What
    replies cost is added to the run.

    Raises:
        NotFound: there is no such cluster run.
        InvalidInput: it is not finished, has no cluster, or was made with another encoder.
        Conflict: a version uses it; its names are changed by decisions.
    """
    with reading(engine) as session:
        run = get_run(session, run_id, RunKind.CLUSTER)
        require_unused(session, run)
        labels, numbers = read_clustered(session, run_id)
    if run.status != RunStatus.SUCCEEDED or not (numbers >= 0).any():
        raise InvalidInput(f"expected a finished cluster run with clusters, got run {run_id}")
    require_model(run, embed)
    vectors = embed_texts([label_text(label) for label in labels], embed)
    offline = describe_clusters(labels, vectors, numbers)
    if namer is None:
        named = [Named(each, by_model=False) for each in offline]
    else:
        named = _ask_all(namer, gather(labels, vectors, numbers, offline), offline, on_named)
    with transaction(engine) as session:
        _write(session, get_run(session, run_id), named, namer)
    return named


def require_unused(session: Session, run: Run) -> None:
    """Raise where a version uses the run: what reviewers saw does not change under them.

    Raises:
        Conflict: a version does.
    """
    used = select(TaxonomyVersion.name).where(col(TaxonomyVersion.cluster_run_id) == run.id)
    name = session.exec(used.limit(1)).first()
    if name is not None:
        raise Conflict(
            f"expected a cluster run that no version uses, but {name} uses run {run.id}; rename "
            "its groups in review, or cluster again"
        )


def _ask_all(
    namer: Namer,
    materials: Sequence[Material],
    offline: Sequence[Description],
    on_named: OnRepetition,
) -> list[Named]:
    """Every cluster once, some at a time; those whose names meet are asked again, one by one."""
    prompt = load_prompt("taxonomy", PROMPT)

    def ask(number: int, taken: Iterable[str] = ()) -> Named:
        return ask_name(namer.ask, prompt, materials[number], offline[number], sorted(taken))

    with ThreadPoolExecutor(namer.at_once) as pool:
        found = []
        for each in pool.map(ask, range(len(materials))):
            found.append(each)
            on_named(len(found), len(materials))
    for number in _repeated(found):
        taken = [each.description.name for n, each in enumerate(found) if n != number]
        again = ask(number, taken)
        apart = _apart(again.description, taken)
        found[number] = Named(apart, again.by_model, again.problem)
    return found


def _repeated(found: Sequence[Named]) -> Iterator[int]:
    seen: set[str] = set()
    for number, each in enumerate(found):
        folded = fold_text(each.description.name)
        if folded in seen:
            yield number
        seen.add(folded)


def _apart(description: Description, taken: Sequence[str]) -> Description:
    """The description under the first of its names that nobody else has."""
    folded = {fold_text(name) for name in taken}
    free = (n for n in (description.name, *description.proposals) if fold_text(n) not in folded)
    return replace(description, name=next(free, description.name))


def _write(session: Session, run: Run, named: Sequence[Named], namer: Namer | None) -> None:
    require_unused(session, run)
    clusters = list_clusters(session, run.id)
    for cluster, each in zip(clusters, named, strict=True):
        by = namer.model if namer is not None and each.by_model else OFFLINE
        _describe(session, cluster, each.description, clusters, by)
    by_model = sum(each.by_model for each in named)
    run.prompt_hash = load_prompt("taxonomy", PROMPT).sha256 if namer is not None else None
    run.metrics = {
        **run.metrics,
        "naming": {"model": namer.model if namer else OFFLINE, "by_model": by_model,
                   "kept_offline": len(named) - by_model},
    }  # fmt: skip
    session.add(run)


def _describe(
    session: Session, cluster: Cluster, said: Description, clusters: Sequence[Cluster], by: str
) -> None:
    cluster.name, cluster.definition = said.name[:NAME_LIMIT], said.definition
    row = session.get(ClusterDescription, cluster.id) or ClusterDescription(
        cluster_id=cluster.id, named_by=by
    )
    row.named_by, row.scope_note, row.difference = by[:200], said.scope_note, said.difference
    row.examples, row.proposals = list(said.examples), list(said.proposals)
    row.sibling_id = clusters[said.sibling].id if said.sibling is not None else None
    session.add_all([cluster, row])
