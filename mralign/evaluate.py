"""`mralign evaluate`: accuracy and misleading rate of a policy, or of imported traces."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mralign.database import open_database
from mralign.terminal import progress, say, show_table
from store.errors import InvalidInput

if TYPE_CHECKING:
    from alignment.evaluation import Share
    from alignment.evaluation_run import Evaluated
    from alignment.generation import Decoding

app = typer.Typer(add_completion=False)

HEADINGS = ("of", "think", "match", "n", "Acc %", "Mis %", "EM_t", "EM_a", "gap")


@app.command()
def evaluate(
    policy: Annotated[str | None, typer.Option(help="The policy's folder or name.")] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="A checkpoint folder; it knows its policy.")
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="JSONL of {id, question, gold_answers}; else the imported questions."),
    ] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="Score the imported traces instead, by model.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Take at most so many.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write figures and judgments as JSON.")] = None,
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.6,
    top_p: Annotated[float, typer.Option()] = 0.95,
    top_k: Annotated[int, typer.Option(help="0 is no limit.")] = 20,
    max_new_tokens: Annotated[int, typer.Option()] = 8192,
    batch_size: Annotated[int, typer.Option()] = 8,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Measure Acc = mean(EM_t ∧ EM_a) and Mis = mean(EM_t ⊕ EM_a), with 95 % intervals.

    Without --policy and --adapter it is the policy that was trained last. Every figure is given
    for the plain match and for the SQuAD-normalised one.
    """
    from alignment.evaluation_run import choose_policy, evaluate_policy, evaluate_traces

    if traces and (policy or adapter or questions):
        raise InvalidInput("--traces stands alone: it scores what was imported, without a policy.")
    engine = open_database()
    if traces:
        with progress("score traces") as advance:
            evaluated = evaluate_traces(engine, limit, advance)
    else:
        choice = choose_policy(engine, policy, adapter)
        decoding = _decoding(temperature, top_p, top_k, max_new_tokens, batch_size, seed)
        with progress("generate") as advance:
            evaluated = [evaluate_policy(engine, choice, questions, decoding, limit, advance)]
    _show(evaluated)
    if out is not None:
        _write(out, evaluated)


def _decoding(
    temperature: float, top_p: float, top_k: int, max_new_tokens: int, batch_size: int, seed: int
) -> "Decoding":
    from alignment.generation import Decoding, GenerationError

    try:
        return Decoding(temperature, top_p, top_k, max_new_tokens, batch_size, seed)
    except GenerationError as error:
        raise InvalidInput(str(error)) from error


def _show(evaluated: Sequence["Evaluated"]) -> None:
    rows = [
        (each.name, each.thinking, scores.how, scores.n, _interval(scores.acc),
         _interval(scores.mis), _percent(scores.em_thinking), _percent(scores.em_answer),
         _percent(scores.hit_gap))
        for each in evaluated
        for scores in each.scores
    ]  # fmt: skip
    title = f"{evaluated[0].dataset}, in percent, with 95 % intervals; gap: EM_t without EM_a"
    show_table(HEADINGS, rows, title)


def _interval(share: "Share | None") -> str:
    if share is None:
        return "–"
    return f"{100 * share.value:.2f} ({100 * share.low:.1f}–{100 * share.high:.1f})"


def _percent(share: "Share | None") -> str:
    return "–" if share is None else f"{100 * share.value:.2f}"


def _write(path: Path, evaluated: Sequence["Evaluated"]) -> None:
    try:
        path.write_text(
            json.dumps([asdict(each) for each in evaluated], indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error}") from error
    say(f"written: {path}")
