"""Which language model a command asks, if any, and what it may spend there."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.terminal import Advance, duration, progress, say, show_table
from store.errors import InvalidInput

if TYPE_CHECKING:
    from gateway.budget import Budget
    from gateway.door import Door
    from gateway.forecast import Forecast, Rehearsal
    from gateway.gathering import Gathering
    from gateway.roles import Layer, Role, RoleSettings, Settings
    from store.tables import Run

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of models; else MRALIGN_CONFIG.")
]
BaseUrl = Annotated[
    str | None, typer.Option(help="An OpenAI-compatible endpoint; else OPENAI_BASE_URL.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no language model.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only the first traces.")]
Resume = Annotated[
    int | None, typer.Option(min=1, help="Go on with this run, which was cut short.")
]
Concurrency = Annotated[
    int | None, typer.Option(min=1, max=256, help="Requests at once; else the role's, or 8.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Send nothing: show requests, tokens, cost and time.")
]
MaxUsd = Annotated[
    float | None, typer.Option(min=0.0, help="Stop before this is spent; needs the two prices.")
]
MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Stop before this many tokens are used.")
]
PriceIn = Annotated[
    float | None, typer.Option(min=0.0, help="USD for a million prompt tokens; else the role's.")
]
PriceOut = Annotated[
    float | None, typer.Option(min=0.0, help="USD for a million reply tokens; else the role's.")
]
Batch = Annotated[
    bool, typer.Option("--batch", help="Send files to the Batch API: cheaper, within a day.")
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="With --batch: stay until the replies are there.")
]
PollSeconds = Annotated[
    float, typer.Option(min=0.01, help="With --batch: seconds from one look to the next.")
]


@dataclass(frozen=True)
class Waiting:
    """Whether a command waits for batches, and how often it looks."""

    wait: bool = True
    poll_s: float = 60.0


@dataclass(frozen=True)
class Given:
    """What the command line says of every role."""

    config: Path | None = None
    base_url: str | None = None
    concurrency: int | None = None
    price_in: float | None = None
    price_out: float | None = None

    def options(self) -> dict[str, Any]:
        """The same as settings of roles."""
        return {"base_url": self.base_url, "at_once": self.concurrency,
                "price_in_usd": self.price_in, "price_out_usd": self.price_out}  # fmt: skip


def load_roles(
    config: Path | None = None,
    options: "Settings | None" = None,
    own: "Mapping[str, Settings] | None" = None,
    fallback: "Mapping[str, Layer] | None" = None,
) -> "dict[Role, RoleSettings]":
    """Every role as it is in force: `options` for all of them, `own` for one.

    Raises:
        InvalidInput: the config file or a variable makes no sense.
    """
    from gateway.roles import Role
    from gateway.settings import load_role

    return {
        role: load_role(
            role, config, {**(options or {}), **(own or {}).get(role, {})},
            (fallback or {}).get(role),
        )
        for role in Role
    }  # fmt: skip


def chosen_roles(
    offline: bool, given: Given, own: "Mapping[str, Settings]", first: str
) -> "dict[Role, RoleSettings] | None":
    """The roles to ask, or None for the offline way, saying why where nobody chose it.

    `own` has an entry for every role of the command; those without a model of their own take the
    option of the role `first`.

    Raises:
        InvalidInput: the options contradict each other, or a role has no endpoint.
    """
    from gateway.door import role_has_endpoint

    named = any(settings.get("model") for settings in own.values())
    if offline and (given.base_url or named):
        raise InvalidInput("expected --offline or a model, got both; leave one of them out")
    if offline:
        return None
    behind = ("option of " + first, {"model": own[first].get("model")})
    every = load_roles(given.config, given.options(), own, {r: behind for r in own if r != first})
    roles = {role: settings for role, settings in every.items() if role in own}
    without = [role for role, settings in roles.items() if not role_has_endpoint(settings)]
    if not without:
        return roles
    if named or len(without) < len(roles):
        raise InvalidInput(
            f"expected an endpoint for {', '.join(without)}: set OPENAI_API_KEY, or give "
            "--base-url, or both; `mralign models show` lists what is in force"
        )
    say("No OPENAI_API_KEY or OPENAI_BASE_URL is set: working offline, without a language model.")
    return None


def spending_cap(
    max_usd: float | None,
    max_tokens: int | None,
    roles: "Mapping[Role, RoleSettings] | None",
) -> "Budget":
    """The cap of a run.

    Raises:
        InvalidInput: a cap in USD without prices would never be reached.
    """
    from gateway.budget import Budget

    free = [r for r, s in (roles or {}).items() if not (s.price_in_usd or s.price_out_usd)]
    if max_usd is not None and (free or not roles):
        raise InvalidInput(
            "expected --price-in and --price-out beside --max-usd, or prices in the config file, "
            f"for {' and '.join(free) or 'the model'}: without prices nothing has a cost, and "
            "the cap would never be reached"
        )
    return Budget(max_tokens, max_usd)


def in_batch(roles: "Mapping[Role, RoleSettings] | None") -> "dict[Role, RoleSettings]":
    """The roles at the prices of the Batch API."""
    return {
        role: replace(
            each,
            price_in_usd=each.price_in_usd * each.batch_price_share,
            price_out_usd=each.price_out_usd * each.batch_price_share,
        )
        for role, each in (roles or {}).items()
    }


def paid_by(*doors: "Door") -> "Callable[[Run], None]":
    """Let what these doors pay be added to a run, once it has a row, and its cap be said there."""
    from store.runs import set_cap

    def prepare(run: "Run") -> None:
        for door in doors:
            door.run_id = run.id
        for door in doors[:1]:
            set_cap(door.engine, run.id, door.budget.max_tokens, door.budget.max_usd)

    return prepare


def answer_in_batches(
    gathering: "Gathering",
    run: "Run",
    rehearse: "Callable[[], object]",
    waiting: Waiting,
    on_progress: "Callable[[int, int], None]",
) -> None:
    """Have all that a rehearsal asks answered in batches, before the run itself begins.

    Raises:
        RepliesPending: nobody wants to wait; the message names the command that goes on.
    """
    from gateway.faults import RepliesPending

    gathering.poll_s = waiting.poll_s
    try:
        gathering.answer_all(rehearse, waiting.wait, on_progress)
    except RepliesPending as pending:
        raise RepliesPending(
            f"{pending}; `mralign {run.kind.value} run --batch --resume {run.id}` fetches the "
            "replies and goes on, `mralign batches` lists what is under way"
        ) from None


def rehearsal(door: "Door", role: "RoleSettings") -> "Rehearsal":
    """What stands for the door of a role in a dry run."""
    from gateway.forecast import Rehearsal

    return Rehearsal(door, role.at_once, role.requests_per_minute, role.tokens_per_minute)


def show_forecasts(items: int, forecasts: "Mapping[str, Forecast]", of: str = "traces") -> None:
    """What a run would send; its roles work side by side, so the slowest sets the time."""
    every = list(forecasts.values())
    show_table(
        ("role", "model", "requests", "kept", "prompt tokens", "reply tokens", "USD", "at most"),
        [(role, f.model, f.requests, f.kept, f.prompt_tokens, f.reply_tokens, f.cost_usd,
          f.most_usd) for role, f in forecasts.items()],
        title=f"dry run over {items:,} {of}; nothing was sent",
    )  # fmt: skip
    tokens = sum(f.prompt_tokens + f.reply_tokens for f in every)
    say(
        f"{sum(f.requests for f in every):,} requests, about {tokens:,} tokens and "
        f"{sum(f.cost_usd for f in every):.4f} USD (at most {sum(f.most_usd for f in every):.4f} "
        f"before second tries), about {duration(max(f.seconds for f in every))}"
    )


def report_spend(cap: "Budget", seconds: float) -> None:
    """The last word of a run: what was sent, what failed, what was there already."""
    spend = cap.spend
    if spend.requests or spend.faults or spend.kept:
        say(
            f"{spend.requests:,} replies paid for, {spend.kept:,} kept ones used, "
            f"{spend.faults:,} attempts failed, {spend.tokens:,} tokens, "
            f"{spend.cost_usd:.4f} USD, {duration(seconds)}"
        )


@contextmanager
def watched(stage: str, cap: "Budget | None") -> "Iterator[Advance]":
    """Progress with spend, rate and errors, and the summary at the end, error or not.

    Without a cap nothing is asked of anybody, so nothing is said of spending. A run that waits
    for batches ends the command here.
    """
    from gateway.faults import RepliesPending

    began = time.monotonic()

    def note(cap: "Budget") -> str:
        spend, passed = cap.spend, max(time.monotonic() - began, 1e-9)
        return (
            f"{spend.requests:,} replies, {spend.requests / passed:.1f}/s, "
            f"{spend.cost_usd:.4f} USD, {spend.faults:,} errors"
        )

    try:
        with progress(stage, (lambda: note(cap)) if cap else lambda: "offline") as advance:
            yield advance
    except RepliesPending as pending:
        say(str(pending))
        raise typer.Exit from None
    finally:
        if cap is not None:
            report_spend(cap, time.monotonic() - began)
