"""`mralign cluster propose`: the clusters of a discovery run as a tree of about 15 categories."""

from typing import TYPE_CHECKING

from mralign.cluster_naming import ClusterRun, EncoderOfRun, NamerModel, namer_role
from mralign.database import open_database
from mralign.ending import chosen_run
from mralign.endpoint import (
    BaseUrl,
    ConfigFile,
    DryRun,
    Given,
    MaxTokens,
    MaxUsd,
    Offline,
    PriceIn,
    PriceOut,
    rehearsal,
    show_forecasts,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store.states import RunKind

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.embeddings import CachedEncoder
    from gateway.roles import RoleSettings
    from taxonomy.discovery.arranging_run import Outcome


def propose(
    run: ClusterRun = None,
    offline: Offline = False,
    model: NamerModel = None,
    base_url: BaseUrl = None,
    config: ConfigFile = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    embedding_model: EncoderOfRun = None,
    dry_run: DryRun = False,
) -> None:
    """Propose the categories of a discovery run by the namer, or offline by the graph of labels.

    The namer is shown the clusters by their sizes, central labels and distinctive phrases. A reply
    with clusters that do not exist, come twice or are missing is asked for again; what then still
    has no place goes where the offline tree has it. A run that a version uses keeps its proposal.
    """
    from gateway.door import open_role
    from gateway.embeddings import cached_encoder
    from taxonomy.discovery.arranging_run import propose_for_run
    from taxonomy.discovery.naming_run import Namer

    engine = open_database()
    number = chosen_run(engine, RunKind.CLUSTER, run).id
    roles = namer_role(offline, Given(config, base_url, None, price_in, price_out), model)
    encoder = cached_encoder(engine, embedding_model)
    if roles is None:
        show_outcome(propose_for_run(engine, number, encoder))
        return
    (role,) = roles.values()
    if dry_run:
        _rehearse(engine, number, encoder, role)
        return
    cap = spending_cap(max_usd, max_tokens, roles)
    with watched("propose", cap), open_role(engine, role, cap) as door:
        door.run_id = number  # the clustering pays for its tree
        found = propose_for_run(engine, number, encoder, Namer(door.ask, door.model))
    show_outcome(found)


def _rehearse(
    engine: "sa.Engine", number: int, encoder: "CachedEncoder", role: "RoleSettings"
) -> None:
    from gateway.door import open_role
    from taxonomy.discovery.arranging_run import ask_for, read_ground
    from taxonomy.discovery.naming_run import Namer

    with open_role(engine, role) as door:
        stand_in = rehearsal(door, role)
        ground = read_ground(engine, number, encoder)
        ask_for(ground, encoder, Namer(stand_in.ask, door.model))
    show_forecasts(int(ground.numbers.max()) + 1, {role.role: stand_in.forecast()}, "clusters")


def show_outcome(found: "Outcome") -> None:
    """The categories under their macro-strategies, and who placed the clusters."""
    rows = [
        (category.macro_strategy, category.key, category.definition, ", ".join(category.examples))
        for category in sorted(found.categories, key=lambda one: one.macro_strategy)
    ]
    show_table(("macro-strategy", "proposed category", "definition", "labels such as"), rows)
    say(f"{found.by_model} of {found.clusters} clusters placed by the model, the others offline")
    if found.problem is not None:
        say(f"the last reply was not whole: {found.problem[:300]}")
    say("make a draft of them: `mralign taxonomy draft NAME --proposed`")
