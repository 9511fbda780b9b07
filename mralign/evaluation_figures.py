"""An evaluation shown: tables in the terminal, one JSON document, one HTML file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mralign.terminal import say, show_table
from store.errors import InvalidInput

if TYPE_CHECKING:
    import sqlalchemy as sa

    from alignment.evaluation.comparison import Comparison
    from alignment.evaluation.run import Evaluated, Evaluation
    from alignment.measures.estimates import Mean, Share

MATCH_HEADINGS = ("of", "think", "match", "n", "Acc %", "Mis %", "EM_t", "EM_a", "gap")


def show_evaluation(done: "Evaluation") -> None:
    """Print the figures of every arm, and what changed from a base."""
    _show_matches(done.arms)
    _show_truth(done.arms)
    _show_claims(done.arms)
    for arm in done.arms:
        counts = arm.figures.counts
        odd = {"cut off": counts.truncated, "without an answer": counts.without_answer,
               "not answered": counts.unanswered}  # fmt: skip
        said = ", ".join(f"{count:,} {what}" for what, count in odd.items() if count)
        say(f"{arm.title}: {counts.responses:,} responses to {counts.questions:,} questions"
            + (f"; {said}" if said else ""))  # fmt: skip
        if arm.comparison is not None:
            _show_comparison(arm, arm.comparison)
    say(f"evaluate run {done.run_id}; `mralign evaluate --base {done.run_id}` compares with it")


def _show_matches(arms: "Sequence[Evaluated]") -> None:
    rows = [
        (arm.name, arm.thinking, scores.how, scores.n, interval(scores.acc), interval(scores.mis),
         percent(scores.em_thinking), percent(scores.em_answer), percent(scores.hit_gap))
        for arm in arms
        for scores in arm.figures.scores
    ]  # fmt: skip
    if rows:
        title = f"{arms[0].dataset}, in percent, with 95 % intervals; gap: EM_t without EM_a"
        show_table(MATCH_HEADINGS, rows, title)


def _show_truth(arms: "Sequence[Evaluated]") -> None:
    rows = [
        (arm.name, arm.thinking, truth.truthful.n, interval(truth.truthful),
         interval(truth.informative), interval(truth.both), truth.unjudged)
        for arm in arms
        if (truth := arm.figures.truth) is not None
    ]  # fmt: skip
    if rows:
        columns = ("of", "think", "n", "truthful %", "informative %", "both %", "unjudged")
        show_table(columns, rows, f"{arms[0].dataset}, by the judge, with 95 % intervals")


def _show_claims(arms: "Sequence[Evaluated]") -> None:
    rows = [
        (arm.name, arm.thinking, form.f1.n, f"{form.k:g}", interval(form.f1),
         interval(form.precision), interval(form.recall), interval(form.claims, 1), form.unjudged)
        for arm in arms
        if (form := arm.figures.long_form) is not None
    ]  # fmt: skip
    if rows:
        columns = ("of", "think", "n", "K", "F1@K %", "P %", "R_K %", "#Claims", "unjudged")
        show_table(columns, rows, f"{arms[0].dataset}, by the judge, with 95 % intervals")


def _show_comparison(arm: "Evaluated", comparison: "Comparison") -> None:
    rows = [
        (one.figure, one.stratum, one.questions, f"{scale * one.before:.2f}",
         f"{scale * one.after:.2f}",
         f"{scale * one.difference:+.2f} ({scale * one.low:+.2f} to {scale * one.high:+.2f})",
         one.gained, one.lost, one.p_value)
        for one in comparison.contrasts
        for scale in (1 if one.figure == "claims" else 100,)
    ]  # fmt: skip
    columns = ("figure", "base was", "questions", "base", "here", "change", "gained", "lost", "p")
    show_table(columns, rows, f"{arm.title} beside {comparison.base}; exact McNemar")
    say(f"{comparison.questions:,} questions of both; {comparison.only_base:,} only of the base, "
        f"{comparison.only_here:,} only here")  # fmt: skip


def interval(estimate: "Share | Mean | None", scale: float = 100) -> str:
    """An estimate with the ends of its interval."""
    if estimate is None:
        return "–"
    return (f"{scale * estimate.value:.2f} "
            f"({scale * estimate.low:.1f}–{scale * estimate.high:.1f})")  # fmt: skip


def percent(share: "Share | None") -> str:
    """A share alone."""
    return "–" if share is None else f"{100 * share.value:.2f}"


def write_evaluation(
    engine: "sa.Engine",
    done: "Evaluation",
    command: str,
    report: Path | None,
    out: Path | None,
) -> None:
    """Write the files that were asked for, and keep the report with the run.

    Raises:
        InvalidInput: a file cannot be written.
    """
    if out is not None:
        text = json.dumps(document(done, command), indent=1, ensure_ascii=False)
        _write(out, text + "\n")
    from alignment.evaluation.report import report_html
    from alignment.evaluation.run import report_of
    from store.runs import keep_report

    html = report_html(report_of(done, command))
    keep_report(engine, done.run_id, html)
    if report is not None:
        _write(report, html)


def document(done: "Evaluation", command: str) -> dict[str, Any]:
    """All figures and every judgment, so that each number can be walked back."""
    return {
        "command": command,
        "run": done.run_id,
        "status": done.status.value,
        "parameters": dict(done.parameters),
        "arms": [
            {
                "name": arm.name,
                "dataset": arm.dataset,
                "thinking": arm.thinking,
                "figures": asdict(arm.figures),
                "comparison": asdict(arm.comparison) if arm.comparison else None,
                "responses": [asdict(row) for row in arm.rows],
            }
            for arm in done.arms
        ],
        "transitions": done.transitions.document() if done.transitions else None,
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error}") from error
    say(f"written: {path}")
