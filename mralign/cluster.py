"""`mralign cluster`: cluster the open labels, and look at the clusters."""

from typing import Annotated

import typer

from mralign.cluster_naming import name
from mralign.cluster_proposing import propose
from mralign.cluster_stability import stability as stability_
from mralign.database import open_database
from mralign.ending import chosen_run
from mralign.terminal import progress, say, show_table
from mralign.version_names import name_or_number
from store.engine import reading
from store.errors import InvalidInput
from store.states import RunKind
from store.tables import Run
from store.taxonomies import list_clusters, list_memberships
from taxonomy.clusters.clustering import Method
from taxonomy.vocabulary.presets import DEFAULT_PRESET

app = typer.Typer(
    help="Cluster the open labels, and look at the clusters.",
    no_args_is_help=True,
    add_completion=False,
)

app.command("stability")(stability_)
app.command("name")(name)
app.command("propose")(propose)
EmbeddingModel = Annotated[
    str | None,
    typer.Option(
        help="A sentence-transformers model, by folder or name; else MRALIGN_EMBEDDING_MODEL."
    ),
]
STAGES = ("embedding", "clustering", "naming", "proposing", "mapping", "stability")


@app.command()
def run(
    label_run: Annotated[
        int | None, typer.Option(help="The label run; the newest by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same rows.")] = 0,
    method: Annotated[Method, typer.Option(help="OPTICS is what the paper had.")] = Method.HDBSCAN,
    min_count: Annotated[
        int | None,
        typer.Option(min=1, help="Cluster labels of this count and more; 5 with OPTICS."),
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Whose categories the labels are placed in.")
    ] = DEFAULT_PRESET,
    version: Annotated[
        str | None,
        typer.Option(help="Place them in a version's categories instead, by what people decided."),
    ] = None,
    discover: Annotated[
        bool, typer.Option("--discover", help="Propose categories from the labels alone instead.")
    ] = False,
    embedding_model: EmbeddingModel = None,
    stability: Annotated[
        bool, typer.Option("--stability", help="Also measure the agreement with the next seed.")
    ] = False,
) -> None:
    """Embed, cluster and name the labels, and say of each how likely it is in which category."""
    if discover and version is not None:
        raise InvalidInput("expected a version's categories or new ones, got both; choose one")
    from gateway.embeddings import cached_encoder
    from taxonomy.discovery.run import run_clustering

    engine = open_database()
    with progress("cluster") as advance:
        finished = run_clustering(
            engine,
            cached_encoder(engine, embedding_model),
            label_run_id=label_run,
            seed=seed,
            method=method,
            min_count=min_count,
            preset=None if discover else preset,
            version=name_or_number(version) if version is not None else None,
            stability=stability,
            on_stage=lambda stage: advance(STAGES.index(stage), len(STAGES)),
        )
    say(f"run {finished.id}: {finished.message}")
    if discover:
        _show_proposal(finished)
    say(f"silhouette {_figure(finished.metrics['silhouette'])} over the "
        f"{finished.metrics['coverage']:.1%} of labels that are in a cluster")  # fmt: skip
    if stability:
        say(f"agreement with seed {seed + 1}: ARI {_figure(finished.metrics['seed_ari'])}")


def _show_proposal(run: Run) -> None:
    rows = [
        (category["key"], category["macro_strategy"], ", ".join(category["examples"]))
        for category in run.parameters["proposal"]
    ]
    show_table(("proposed category", "macro-strategy", "labels such as"), rows)
    say("make a draft of them: `mralign taxonomy draft NAME --proposed`; let a language model "
        "arrange the clusters first: `mralign cluster propose`")  # fmt: skip


@app.command()
def add(
    run: Annotated[
        int | None, typer.Option(help="The cluster run to add to; the newest by default.")
    ] = None,
    label_run: Annotated[
        int | None, typer.Option(help="The label run with new labels; the newest by default.")
    ] = None,
    embedding_model: EmbeddingModel = None,
) -> None:
    """Add new labels to a clustering without computing anything of the known ones again.

    The result is a cluster run of its own; `mralign taxonomy recluster` puts a version on it.
    """
    from gateway.embeddings import cached_encoder
    from taxonomy.discovery.addition import STAGES as steps
    from taxonomy.discovery.addition import add_labels

    engine = open_database()
    with progress("add") as advance:
        finished = add_labels(
            engine,
            cached_encoder(engine, embedding_model),
            cluster_run_id=run,
            label_run_id=label_run,
            on_stage=lambda stage: advance(steps.index(stage), len(steps)),
        )
    say(f"run {finished.id}: {finished.message}")


def _figure(value: float | None) -> str:
    return "undefined (too few clusters)" if value is None else f"{value:.3f}"


@app.command()
def show(
    run: Annotated[int | None, typer.Option(help="The cluster run; the newest by default.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many clusters, largest first.")] = 50,
) -> None:
    """List the clusters of a run with their size, cohesion and proposed category."""
    engine = open_database()
    found = chosen_run(engine, RunKind.CLUSTER, run)
    with reading(engine) as session:
        clusters = list_clusters(session, found.id)
        memberships = list_memberships(session, found.id)
    sizes: dict[int | None, list[int]] = {}
    for membership, _ in memberships:
        sizes.setdefault(membership.cluster_id, []).append(membership.instances)
    rows = [
        (
            cluster.number,
            cluster.name,
            len(sizes.get(cluster.id, [])),
            sum(sizes.get(cluster.id, [])),
            cluster.cohesion,
            cluster.proposed_category,
        )
        for cluster in clusters[:limit]
    ]
    columns = ("number", "name", "labels", "instances", "cohesion", "proposed category")
    show_table(columns, rows, title=f"Clusters of run {found.id}")
    outside = sizes.get(None, [])
    say(f"outside every cluster: {len(outside)} labels, {sum(outside)} instances")
