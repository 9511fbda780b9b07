"""`mralign traces sample`: draws of a policy with thinking on and off, from a live endpoint."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.ending import PARTIAL_EXIT
from mralign.endpoint import (
    BaseUrl,
    Concurrency,
    ConfigFile,
    DryRun,
    Given,
    Limit,
    MaxTokens,
    MaxUsd,
    PriceIn,
    PriceOut,
    chosen_roles,
    rehearsal,
    show_forecasts,
    spending_cap,
    watched,
)
from mralign.terminal import say, show_table
from store.errors import InvalidInput

if TYPE_CHECKING:
    import sqlalchemy as sa

    from alignment.sampling.draws import Sampling, Switch
    from alignment.sampling.questions import AskedQuestion
    from gateway.budget import Budget
    from gateway.roles import RoleSettings

POLICY = "policy"
PAPERS = {"temperature": 0.2, "max_tokens": 8192}  # where nobody says otherwise


def sample(
    questions: Annotated[
        Path, typer.Option(help="JSONL of {id, question, gold_answers}, plain or gz.")
    ],
    n: Annotated[
        int, typer.Option("--n", min=1, max=64, help="Draws with thinking, and as many without.")
    ] = 3,
    model: Annotated[str | None, typer.Option(help="The policy's name at the endpoint.")] = None,
    base_url: BaseUrl = None,
    switch: Annotated[
        str, typer.Option(help="How thinking is turned off: chat-template, or no-think.")
    ] = "chat-template",
    thinking_on_body: Annotated[
        str | None, typer.Option(help="JSON for the request's body that turns thinking on.")
    ] = None,
    thinking_off_body: Annotated[
        str | None, typer.Option(help="JSON for the request's body that turns thinking off.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="By default the role's, or 0.2.")
    ] = None,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="Nucleus of a draw.")] = 0.9,
    dataset: Annotated[
        str | None, typer.Option(help="The questions' source; by default the file's name.")
    ] = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    concurrency: Concurrency = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Sample a policy on questions with gold answers, with thinking on and with thinking off.

    Every draw is a trace; what was drawn before is neither asked nor paid for again, so a run
    that was cut short goes on by being started again. chat-template is what vLLM and SGLang take
    (chat_template_kwargs), no-think ends the question with Qwen's /no_think; other servers by
    the two bodies. Then `mralign traces pair` judges the pairs, and `mralign traces funnel`
    counts the candidates. The exit code is 3 where a draw failed.
    """
    engine = open_database()
    given = Given(config, base_url, concurrency, price_in, price_out)
    roles = chosen_roles(
        False, given, {POLICY: {"model": model, "temperature": temperature}}, POLICY
    )
    if not roles:
        raise InvalidInput("expected an endpoint: give --base-url, or set OPENAI_BASE_URL")
    role = next(iter(roles.values()))
    cap = spending_cap(max_usd, max_tokens, roles)
    sampling = _sampling(
        role, _switch(switch, thinking_on_body, thinking_off_body), draws=n, top_p=top_p
    )
    asked = _questions(questions, limit)
    if dry_run:
        _rehearse(engine, role, cap, asked, sampling)
        return
    _run(engine, role, cap, asked, sampling, dataset or questions.name.partition(".")[0])


def _switch(name: str, on_body: str | None, off_body: str | None) -> "Switch":
    from alignment.sampling.draws import SWITCHES, Switch

    if on_body or off_body:
        return Switch(_body(on_body), _body(off_body))
    if name not in SWITCHES:
        raise InvalidInput(f"expected a switch of {', '.join(SWITCHES)}, got {name[:100]!r}")
    return SWITCHES[name]


def _body(text: str | None) -> dict[str, Any]:
    try:
        body = json.loads(text) if text else {}
    except ValueError as error:
        raise InvalidInput(f"expected a JSON object for the body, got {error}") from error
    if not isinstance(body, dict):
        raise InvalidInput(f"expected a JSON object for the body, got {type(body).__name__}")
    return body


def _sampling(role: "RoleSettings", switch: "Switch", **given: Any) -> "Sampling":
    from alignment.export.run import mendable
    from alignment.sampling.draws import Sampling

    own: dict[str, Any] = {
        name: getattr(role, name) if name in role.sources else paper
        for name, paper in PAPERS.items()
    }
    with mendable():
        return Sampling(role.model or "", switch=switch, extra=dict(role.extra_body or {}),
                        deployment=role.deployment, **own, **given)  # fmt: skip


def _questions(path: Path, limit: int | None) -> "list[AskedQuestion]":
    from alignment.export.run import mendable
    from alignment.sampling.questions import read_questions

    with mendable():
        return read_questions(path, limit)


def _rehearse(
    engine: "sa.Engine",
    role: "RoleSettings",
    cap: "Budget",
    asked: "list[AskedQuestion]",
    sampling: "Sampling",
) -> None:
    from alignment.sampling.draws import MODES
    from alignment.sampling.run import door_of, rehearse_sampling
    from gateway.door import open_role

    with open_role(engine, role, cap) as door:
        each = {mode: rehearsal(door_of(door, sampling, mode), role) for mode in MODES}
        questions = rehearse_sampling(engine, each, asked, sampling)
    forecasts = {f"{POLICY}, thinking {mode}": one.forecast() for mode, one in each.items()}
    show_forecasts(questions, forecasts)


def _run(
    engine: "sa.Engine",
    role: "RoleSettings",
    cap: "Budget",
    asked: "list[AskedQuestion]",
    sampling: "Sampling",
    dataset: str,
) -> None:
    from alignment.sampling.run import sample_traces
    from annotator.traces.segmentation import segment
    from gateway.door import open_role

    with watched("sample", cap) as advance, open_role(engine, role, cap) as door:
        report = sample_traces(
            engine, door, asked, sampling, segment, role.at_once, dataset[:200], advance
        )
    show_table(
        ("questions", "draws stored", "already there", "failed"),
        [(report.questions, report.stored, report.already, report.no_draws.total())],
        f"{sampling.draws} draws a mode of {sampling.model}",
    )
    if report.no_draws:
        show_table(("failed because", "draws"), report.no_draws.most_common(20))
        raise typer.Exit(PARTIAL_EXIT)


def funnel(
    policy: Annotated[
        str | None,
        typer.Option(help="A policy's folder or name; its tokenizer counts the tokens."),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Judged draws that a question must have.")] = 1,
) -> None:
    """Count the candidates of each dataset, step by step, thinking that helped and that hurt.

    polar: all draws of a question agree; distinct: one trace a question; in length: inside the
    paper's length filter.
    """
    from alignment.export.pool import APPROXIMATE, open_tokenizer
    from alignment.export.run import count_candidates, mendable

    with mendable():
        tokenizer = open_tokenizer(policy) if policy else APPROXIMATE
    rows = []
    for name, counts in count_candidates(open_database(), tokenizer, draws).items():
        steps = (counts.polar, counts.distinct, counts.inside)
        signs = [step[sign] for step in steps for sign in ("positive", "negative")]
        rows.append((name, counts.questions, counts.draws, *signs))
    show_table(
        ("questions of", "questions", "draws", "polar +", "polar −", "distinct +", "distinct −",
         "in length +", "in length −"),
        rows,
    )  # fmt: skip
    say(f"tokens counted by {tokenizer.name}")
