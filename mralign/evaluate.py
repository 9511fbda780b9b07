"""`mralign evaluate`: how right, misleading, truthful or supported a policy's responses are."""

import shlex
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.ending import PARTIAL_EXIT
from mralign.endpoint import (
    Concurrency,
    ConfigFile,
    Given,
    MaxTokens,
    MaxUsd,
    PriceIn,
    PriceOut,
    paid_by,
    spending_cap,
    watched,
)
from mralign.evaluation_doors import Asked, appraiser, chosen_policy, open_doors
from mralign.evaluation_figures import show_evaluation, write_evaluation
from mralign.terminal import say
from store.errors import InvalidInput

if TYPE_CHECKING:
    from alignment.policies.decoding import Decoding

app = typer.Typer(add_completion=False)


class TaskName(StrEnum):
    """What is measured."""

    EXACT = "exact"
    TRUTHFUL = "truthful"
    LONG_FORM = "long-form"


@app.command()
def evaluate(
    policy: Annotated[
        str | None, typer.Option(help="The policy's folder or name; its model at the endpoint.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="A checkpoint folder; it knows its policy.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Ask the policy at this OpenAI-compatible address.")
    ] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="Judge the imported traces instead, by model.")
    ] = False,
    questions: Annotated[
        Path | None,
        typer.Option(help="JSONL of {id, question, gold_answers}; else the imported questions."),
    ] = None,
    task: Annotated[
        TaskName, typer.Option(help="Exact match, or what a judge says of the answers.")
    ] = TaskName.EXACT,
    limit: Annotated[int | None, typer.Option(min=1, help="Take at most so many.")] = None,
    draws: Annotated[int, typer.Option(min=1, max=1000, help="Responses a question.")] = 1,
    snippets: Annotated[
        Path | None,
        typer.Option(help="JSONL of {id, snippets}; five a question go into the prompt."),
    ] = None,
    judge: Annotated[str | None, typer.Option(help="The judge's model; else the role's.")] = None,
    judge_url: Annotated[
        str | None, typer.Option(help="The judge's address; else OPENAI_BASE_URL.")
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="JSONL of {id, evidence}; else the judge goes by what it knows."),
    ] = None,
    k: Annotated[
        float | None, typer.Option("--k", min=0, help="K of F1@K; else the median claim count.")
    ] = None,
    base: Annotated[
        int | None, typer.Option(min=1, help="Hold against this evaluate run, by question.")
    ] = None,
    base_name: Annotated[
        str | None, typer.Option(help="Which model of the base run, where it has several.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Annotated traces before, such as run=3: compare moves.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(help="Annotated traces after, such as run=5.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report as one HTML file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write figures and judgments as JSON.")] = None,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.6,
    top_p: Annotated[float, typer.Option()] = 0.95,
    top_k: Annotated[int, typer.Option(help="0 is no limit, and is not sent.")] = 20,
    max_new_tokens: Annotated[int, typer.Option()] = 8192,
    batch_size: Annotated[int, typer.Option(help="Of a policy that is loaded here.")] = 8,
    seed: Annotated[int, typer.Option()] = 0,
    config: ConfigFile = None,
    concurrency: Concurrency = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Measure a policy's responses, or imported traces, with 95 % intervals.

    exact: Acc = mean(EM_t ∧ EM_a) and Mis = mean(EM_t ⊕ EM_a), for the plain match and for the
    SQuAD-normalised one, and where in the thinking the gold answer stands. truthful: the judge's
    two booleans an answer (TruthfulQA). long-form: claims, which of them are supported, F1@K
    (VeriScore). Without --policy and --adapter it is the policy that was trained last. With
    --endpoint replies are kept: the same command goes on where it was cut short. The exit code is
    3 where a question got no answer.
    """
    from alignment.evaluation.plan import Plan
    from alignment.evaluation.run import evaluate_policy, evaluate_traces

    _check(traces, policy, adapter, endpoint, (before, after), (draws, temperature))
    plan = Plan(task.value, questions, limit, draws, snippets, evidence, k, base, base_name,
                before, after)  # fmt: skip
    decoding = _decoding(temperature, top_p, top_k, max_new_tokens, batch_size, seed)
    command = shlex.join(["mralign", "evaluate", *_arguments()])
    given = Given(config, None, concurrency, price_in, price_out)
    asked = Asked(given, policy if endpoint else None, endpoint, judge, judge_url)
    roles = asked.roles(decoding, task != TaskName.EXACT)
    cap = spending_cap(max_usd, max_tokens, roles) if roles else None
    engine = open_database()
    with ExitStack() as doors, watched("evaluate", cap) as advance:
        opened = open_doors(doors, engine, roles, cap)
        job: dict[str, Any] = {
            "plan": plan,
            "judge": appraiser(opened, roles, plan),
            "on_progress": advance,
            "prepare": paid_by(*opened.values()),
        }
        if traces:
            done = evaluate_traces(engine, **job)
        else:
            who = chosen_policy(engine, (policy, adapter), opened, roles, decoding)
            done = evaluate_policy(engine, who, **job)
    show_evaluation(done)
    write_evaluation(engine, done, command, report, out)
    if done.status == "partial":
        say("some responses are missing; the same command asks for them again", err=True)
        raise typer.Exit(PARTIAL_EXIT)


def _arguments() -> list[str]:
    """The words behind `mralign evaluate`, as they were typed; none where nobody typed them."""
    return sys.argv[2:] if sys.argv[1:2] == ["evaluate"] else []


def _check(
    traces: bool,
    policy: str | None,
    adapter: Path | None,
    endpoint: str | None,
    groups: tuple[str | None, str | None],
    drawn: tuple[int, float],
) -> None:
    """Refuse options that contradict each other.

    Raises:
        InvalidInput: the message says which, and what to leave out.
    """
    if traces and (policy or adapter or endpoint):
        raise InvalidInput("--traces stands alone: it judges what was imported, without a policy.")
    if endpoint and adapter:
        raise InvalidInput("--adapter is loaded here: an endpoint serves its own; leave one out.")
    if (groups[0] is None) != (groups[1] is None):
        raise InvalidInput("--before and --after go together: name both groups, or none.")
    if drawn[0] > 1 and drawn[1] == 0:
        raise InvalidInput("expected --temperature above 0 with --draws: greedy draws are one.")


def _decoding(
    temperature: float, top_p: float, top_k: int, max_new_tokens: int, batch_size: int, seed: int
) -> "Decoding":
    from alignment.policies.decoding import Decoding, DecodingError

    try:
        return Decoding(temperature, top_p, top_k, max_new_tokens, batch_size, seed)
    except DecodingError as error:
        raise InvalidInput(str(error)) from error
