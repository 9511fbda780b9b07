"""`mralign cluster name`: names, definitions, examples, and what the nearest cluster is not."""

from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.ending import chosen_run
from mralign.endpoint import (
    BaseUrl,
    Concurrency,
    ConfigFile,
    Given,
    MaxTokens,
    MaxUsd,
    Offline,
    PriceIn,
    PriceOut,
    chosen_roles,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store.states import RunKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.roles import Role, RoleSettings
    from taxonomy.clusters.namer import Named


ClusterRun = Annotated[int | None, typer.Option(help="The cluster run; the newest by default.")]
NamerModel = Annotated[str | None, typer.Option(help="The namer's model.")]
EncoderOfRun = Annotated[
    str | None, typer.Option(help="The model of the run, where it is not the packaged one.")
]


def name(
    run: ClusterRun = None,
    offline: Offline = False,
    model: NamerModel = None,
    base_url: BaseUrl = None,
    config: ConfigFile = None,
    concurrency: Concurrency = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    embedding_model: EncoderOfRun = None,
) -> None:
    """Name and describe the clusters of a run, by the namer or offline by their own labels.

    Each gets a name, a definition, a scope note, examples, other names, and how it differs from
    its nearest sibling. A reply that holds no name is asked for again; then the offline name
    stays. A run that a version uses keeps its names.
    """
    from gateway.door import open_role
    from gateway.embeddings import cached_encoder
    from taxonomy.discovery.naming_run import Namer, describe_run

    engine = open_database()
    number = chosen_run(engine, RunKind.CLUSTER, run).id
    given = Given(config, base_url, concurrency, price_in, price_out)
    roles = namer_role(offline, given, model)
    encoder = cached_encoder(engine, embedding_model)
    if roles is None:
        show_names(describe_run(engine, number, encoder))
        return
    cap = spending_cap(max_usd, max_tokens, roles)
    (role,) = roles.values()
    with watched("name", cap) as advance, open_role(engine, role, cap) as door:
        door.run_id = number  # the clustering pays for its names
        namer = Namer(door.ask, door.model, role.at_once)
        named = describe_run(engine, number, encoder, namer, advance)
    show_names(named)


def namer_role(offline: bool, given: Given, model: str | None) -> "dict[Role, RoleSettings] | None":
    """The namer's settings, or None for the offline way."""
    from gateway.roles import Role

    return chosen_roles(offline, given, {Role.NAMER: {"model": model}}, Role.NAMER)


def show_names(named: "Sequence[Named]") -> None:
    """The names with their nearest siblings, and which of them stayed offline ones, and why."""
    rows = [
        (number, each.description.name, each.description.definition, each.description.difference)
        for number, each in enumerate(named)
    ]
    show_table(("cluster", "name", "definition", "nearest sibling"), rows)
    for number, each in enumerate(named):
        if each.problem is not None:
            say(f"cluster {number} keeps its offline name: {each.problem[:300]}")
