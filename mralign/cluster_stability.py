"""`mralign cluster stability`: which clusters come back when the labels are clustered again."""

from typing import Annotated

import typer

from mralign.database import open_database
from mralign.ending import chosen_run
from mralign.terminal import progress, say, show_table
from store.engine import reading
from store.states import RunKind
from store.taxonomies import list_clusters

FIRST = 30


def stability(
    run: Annotated[int | None, typer.Option(help="The cluster run; the newest by default.")] = None,
    seeds: Annotated[int, typer.Option(min=0, help="How many other seeds.")] = 2,
    drops: Annotated[int, typer.Option(min=0, help="How often to drop a tenth of labels.")] = 3,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Another embedding model, by folder or name, or `letters`; repeat it for more."
        ),
    ] = None,
    embedding_model: Annotated[
        str | None, typer.Option(help="The model of the run, where it is not the packaged one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Clusters shown, doubtful first.")] = FIRST,
) -> None:
    """Cluster the labels of a run again and show which clusters come back.

    A cluster is solid where its labels are together again in 0.75 of the mean (Jaccard), doubtful
    down to 0.5, and dissolves below. The report is kept with the run, and the cards of clusters
    show it. `letters` stands for a model that sees what letters labels share and nothing else.
    """
    from gateway.embeddings import cached_encoder
    from taxonomy.discovery.checkup import check_stability
    from taxonomy.labels.representation import LettersAlone

    engine = open_database()
    chosen = chosen_run(engine, RunKind.CLUSTER, run)
    with reading(engine) as session:
        names = {each.number: each.name for each in list_clusters(session, chosen.id)}
    with progress("stability") as advance:
        found = check_stability(
            engine,
            chosen.id,
            cached_encoder(engine, embedding_model),
            seeds=seeds,
            drops=drops,
            others=[
                LettersAlone() if name == LettersAlone.name else cached_encoder(engine, name)
                for name in model or ()
            ],
            on_repetition=advance,
        )
    show_table(
        ("changed", "repetitions", "mean ARI", "lowest", "labels in clusters again"),
        [(name, each.repetitions, each.ari, each.lowest, f"{each.kept:.1%}")
         for name, each in found.agreements.items()],
    )  # fmt: skip
    show_table(
        ("cluster", "name", "labels", "mean", *found.agreements, "verdict"),
        [(each.number, names.get(each.number, ""), each.labels, each.mean,
          *(each.by_change.get(name) for name in found.agreements), each.verdict)
         for each in found.clusters[:limit]],
    )  # fmt: skip
    verdicts = [each.verdict for each in found.clusters]
    counts = ", ".join(
        f"{verdicts.count(word)} {word}" for word in ("solid", "doubtful", "dissolves")
    )
    say(f"run {chosen.id}: {counts}")
