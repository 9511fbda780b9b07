"""Judged responses of one arm: one model in one thinking mode, its rows, and their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alignment.measures.claims import Checked, Claim, LongForm, f1_at_k, score_claims
from alignment.measures.contrast import Outcomes
from alignment.measures.gold_position import GoldPositions, gold_positions
from alignment.measures.scores import NORMALISATIONS, Judgment, Response, Scores, judge, score
from alignment.measures.truthfulness import Truthfulness, Verdict, score_truth
from alignment.polarity.matching import Normalisation, Position, find_position

Judgments = dict[str, Any]
CUT_OFF, REFUSED = "truncated", "refused"


@dataclass(frozen=True)
class Row:
    """One response with every judgment that figures are made of, as it is kept.

    `judgments` holds {normalisation: EM_t, EM_a, position}, or the judge's two booleans, or the
    counts of claims; `detail` what led to them.
    """

    id: str
    question: str
    question_key: str
    golds: tuple[str, ...]
    thinking: str | None
    answer: str
    draw: int = 0
    response: str | None = None
    judgments: Judgments = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """How many responses there are, and what befell them."""

    responses: int
    questions: int
    truncated: int
    without_answer: int
    unanswered: int


@dataclass(frozen=True)
class Figures:
    """What the rows of an arm come to; what a task does not measure is empty or None."""

    counts: Counts
    scores: tuple[Scores, ...] = ()
    positions: tuple[GoldPositions, ...] = ()
    truth: Truthfulness | None = None
    long_form: LongForm | None = None


def exact_judgments(response: Response) -> Judgments:
    """EM_t, EM_a and where the gold stands in the thinking, under each normalisation."""
    found: Judgments = {}
    for how in NORMALISATIONS:
        position = None
        if response.thinking is not None:
            position = find_position(response.thinking, response.golds, how)
        found[how] = asdict(judge(response, how)) | {"position": position and asdict(position)}
    return found


def truth_judgments(verdict: Verdict) -> tuple[Judgments, dict[str, Any]]:
    """The judge's two booleans, and its replies as they came."""
    judged = {"truthful": verdict.truthful, "informative": verdict.informative}
    return judged, _said(verdict)


def claim_judgments(checked: Checked) -> tuple[Judgments, dict[str, Any]]:
    """How many claims there are and how many are supported; the claims, and the replies."""
    if checked.claims is None:
        return {"claims": None, "supported": None}, _said(checked)
    judged = {"claims": len(checked.claims), "supported": checked.supported}
    return judged, _said(checked) | {"claims": [asdict(claim) for claim in checked.claims]}


def _said(heard: Verdict | Checked) -> dict[str, Any]:
    return {"note": heard.note, "replies": [asdict(reply) for reply in heard.replies]}


def figures_of(rows: Sequence[Row], unanswered: int = 0, k: float | None = None) -> Figures:
    """The figures that the rows' judgments allow.

    Identity: from the rows alone, so rows that were read back give the same figures.
    """
    counts = _counts(rows, unanswered)
    questions = [row.question_key for row in rows]
    first = rows[0].judgments if rows else {}
    if "truthful" in first:
        return Figures(counts, truth=score_truth([_verdict(row) for row in rows], questions))
    if "claims" in first:
        checked = [_checked(row) for row in rows]
        return Figures(counts, long_form=score_claims(checked, questions, k))
    scores = tuple(score(_matches(rows, how), how, questions) for how in NORMALISATIONS)
    return Figures(counts, scores, _positions(rows))


def _counts(rows: Sequence[Row], unanswered: int) -> Counts:
    return Counts(
        responses=len(rows),
        questions=len({row.question_key for row in rows}),
        truncated=sum(bool(row.detail.get(CUT_OFF)) for row in rows),
        without_answer=sum(not row.answer for row in rows),
        unanswered=unanswered,
    )


def _matches(rows: Sequence[Row], how: Normalisation) -> list[Judgment]:
    return [
        Judgment(row.judgments[how]["in_thinking"], row.judgments[how]["in_answer"]) for row in rows
    ]


def _positions(rows: Sequence[Row]) -> tuple[GoldPositions, ...]:
    if any(row.judgments[how]["in_thinking"] is None for row in rows for how in NORMALISATIONS):
        return ()
    return tuple(
        gold_positions(
            [_position(row.judgments[how]["position"]) for row in rows],
            [row.judgments[how]["in_answer"] for row in rows],
            how,
        )
        for how in NORMALISATIONS
    )


def _position(document: dict[str, float] | None) -> Position | None:
    return None if document is None else Position(**document)


def _verdict(row: Row) -> Verdict:
    return Verdict(row.judgments["truthful"], row.judgments["informative"], row.detail.get("note"))


def _checked(row: Row) -> Checked:
    claims = row.judgments["claims"]
    if claims is None:
        return Checked(None)
    supported = row.judgments["supported"]
    return Checked(tuple(Claim("", number < supported) for number in range(claims)))


def outcomes_of(rows: Sequence[Row], k: float = 0.0) -> dict[str, Outcomes]:
    """By figure and question the value of each draw; what was not judged is left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for figure, value in _values(row.judgments, k).items():
            found.setdefault(figure, {}).setdefault(row.question_key, []).append(value)
    return dict(found)


def _values(judgments: Judgments, k: float) -> dict[str, float]:
    if "truthful" in judgments:
        named = {"truthful": judgments["truthful"], "informative": judgments["informative"]}
        return {name: float(value) for name, value in named.items() if value is not None}
    if "claims" in judgments:
        claims, supported = judgments["claims"], judgments["supported"]
        if claims is None:
            return {}
        return {"F1@K": f1_at_k(claims, supported, k), "claims": float(claims)}
    return {
        f"{name} · {how}": value
        for how in NORMALISATIONS
        for name, value in _match_values(judgments[how]).items()
    }


def _match_values(judgment: dict[str, Any]) -> dict[str, float]:
    thinking, answer = judgment["in_thinking"], judgment["in_answer"]
    if thinking is None:
        return {"EM_a": float(answer)}  # which is its Acc, and no other arm's
    return {
        "Acc": float(thinking and answer),
        "Mis": float(thinking != answer),
        "hit gap": float(thinking and not answer),
        "EM_t": float(thinking),
        "EM_a": float(answer),
    }


def draws_of(rows: Sequence[Row], how: Normalisation) -> dict[str, list[tuple[bool, bool]]]:
    """By question the draws as (gold in thinking, gold is answer); only those with thinking."""
    found: dict[str, list[tuple[bool, bool]]] = {}
    for row in rows:
        judgment = row.judgments.get(how)
        if judgment is not None and judgment["in_thinking"] is not None:
            pair = (judgment["in_thinking"], judgment["in_answer"])
            found.setdefault(row.question_key, []).append(pair)
    return found
