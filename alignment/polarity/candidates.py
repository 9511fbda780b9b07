"""Which sampled traces train the policy: polarity, agreement of draws, duplicates, length."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

TOKENS_A_WORD = 1.39  # what Qwen3's tokenizer spends on English thinking, as measured

PolarityName = Literal["positive", "negative"]
TokenCounter = Callable[[str], int]


@dataclass(frozen=True)
class Draw:
    """A thinking-on trace and how it and its thinking-off partner were judged.

    z_on and z_off say whether the answer is right; None means that nobody judged it. Draws of one
    `model` on one question are the N samples that must agree.
    """

    trace_id: str
    question: str
    model: str
    z_on: bool | None
    z_off: bool | None
    dataset: str | None = None


@dataclass(frozen=True)
class Size:
    """How long a thinking part is."""

    segments: int
    tokens: int


@dataclass(frozen=True)
class Fault:
    """Why a trace is left out: a reason that many share, and what is its own."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class LengthFilter:
    """Open intervals for the length of a thinking part. Source: 3.1.1 of arXiv 2510.24794v2."""

    above_segments: int = 4
    below_segments: int = 15
    above_tokens: int = 450
    below_tokens: int = 1_000

    def find_fault(self, size: Size) -> Fault | None:
        """Why a thinking part of this size is outside, or None if it is inside."""
        return _outside(
            size.segments, self.above_segments, self.below_segments, "segments"
        ) or _outside(size.tokens, self.above_tokens, self.below_tokens, "tokens")


def _outside(count: int, above: int, below: int, what: str) -> Fault | None:
    if above < count < below:
        return None
    size = "few" if count <= above else "many"
    wanted = f"expected more than {above} and fewer than {below}"
    return Fault(f"too {size} {what}", f"{count} {what}, {wanted}")


@dataclass(frozen=True)
class Candidate:
    """A polar trace, the one of its normalised question."""

    draw: Draw
    polarity: PolarityName
    question_key: str
    size: Size
    length_fault: Fault | None  # why it is outside the length filter; None inside


@dataclass(frozen=True)
class FunnelStep:
    """How many traces and questions are left after a step."""

    name: str
    traces: int
    questions: int


@dataclass(frozen=True)
class Drop:
    """A trace that a step dropped, and why: a reason that many share, and what is its own."""

    trace_id: str
    step: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class DropCount:
    """How many traces a step dropped for one reason."""

    step: str
    reason: str
    traces: int


@dataclass(frozen=True)
class Funnel:
    """The way from all traces to the training candidates, step by step."""

    steps: tuple[FunnelStep, ...]
    drops: tuple[Drop, ...]

    def reasons(self) -> tuple[DropCount, ...]:
        """The drops counted by step and reason, in the order of the steps, the commonest first."""
        counts = Counter((drop.step, drop.reason) for drop in self.drops)
        places = {step: place for place, step in enumerate(dict.fromkeys(s for s, _ in counts))}
        found = [DropCount(*key, traces) for key, traces in counts.items()]
        return tuple(sorted(found, key=lambda one: (places[one.step], -one.traces, one.reason)))


@dataclass(frozen=True)
class CandidateCounts:
    """The row of a source of questions: thinking-on traces by polarity after each step."""

    questions: int
    draws: int
    polar: Counter[PolarityName]
    distinct: Counter[PolarityName]
    inside: Counter[PolarityName]


@dataclass(frozen=True)
class Selection:
    """The candidates, inside the length filter or not, and how they were found."""

    candidates: tuple[Candidate, ...]
    funnel: Funnel

    def counts(self, draws: Sequence[Draw]) -> CandidateCounts:
        """How many of these draws, which it was made from, came how far, by polarity."""
        early = {drop.trace_id for drop in self.funnel.drops if drop.step in ("judged", "polar")}
        polar = [polarity_of(bool(d.z_on), bool(d.z_off)) for d in draws if d.trace_id not in early]
        return CandidateCounts(
            questions=len({question_key(draw.question) for draw in draws}),
            draws=len(draws),
            polar=Counter(each for each in polar if each),
            distinct=Counter(one.polarity for one in self.candidates),
            inside=Counter(one.polarity for one in self.inside_length_filter()),
        )

    def inside_length_filter(self) -> tuple[Candidate, ...]:
        """The candidates that the length filter admits."""
        return tuple(one for one in self.candidates if one.length_fault is None)


def question_key(question: str) -> str:
    """The question as duplicates are told by: compatibility forms, case and white space folded.

    Closing marks (".", "?", "!", and the like) do not count.
    """
    folded = " ".join(unicodedata.normalize("NFKC", question).casefold().split())
    return folded.rstrip(" .?!…") or folded


def approximate_tokens(text: str) -> int:
    """The count of tokens estimated from words, for when the policy's tokenizer is not at hand."""
    return round(TOKENS_A_WORD * len(text.split()))


def polarity_of(z_on: bool, z_off: bool) -> PolarityName | None:
    """Positive if thinking alone is right, negative if thinking alone is wrong, else None."""
    if z_on == z_off:
        return None
    return "positive" if z_on else "negative"


def select(
    draws: Iterable[Draw],
    measure: Callable[[Draw], Size],
    length_filter: LengthFilter | None = None,
    wanted_draws: int = 1,
) -> Selection:
    """The polar traces whose draws all agree, one a normalised question, with the funnel.

    A question with fewer than `wanted_draws` judged draws says too little to agree on anything.
    The draw that stands for a question is the first that passes the length filter, else the first.
    `measure` is called for polar draws only.
    Source: arXiv 2510.24794v2, 3.1.1. Differs: duplicates are told by the normalised question.
    """
    limits = length_filter or LengthFilter()
    asked = list(draws)
    drops: list[Drop] = []
    judged = [draw for draw in asked if _is_judged(draw, drops)]
    polar = _agreeing(judged, wanted_draws, drops)
    sized = [_candidate(draw, polarity, measure, limits) for draw, polarity in polar]
    distinct = _one_a_question(sized, drops)
    inside = [one for one in distinct if one.length_fault is None]
    drops += [
        Drop(one.draw.trace_id, "inside the length filter", *astuple(one.length_fault))
        for one in distinct
        if one.length_fault is not None
    ]
    steps = (
        _step("asked", asked),
        _step("judged", judged),
        _step("polar", [draw for draw, _ in polar]),
        _step("deduplicated", [one.draw for one in distinct]),
        _step("inside the length filter", [one.draw for one in inside]),
    )
    return Selection(tuple(distinct), Funnel(steps, tuple(drops)))


def _is_judged(draw: Draw, drops: list[Drop]) -> bool:
    judged = draw.z_on is not None and draw.z_off is not None
    if not judged:
        drops.append(Drop(draw.trace_id, "judged", "no judgment of both answers"))
    return judged


def _agreeing(
    draws: Sequence[Draw], wanted: int, drops: list[Drop]
) -> list[tuple[Draw, PolarityName]]:
    """The draws of the questions whose every draw has the same polarity, in the given order."""
    found: dict[tuple[str, str], list[PolarityName | None]] = defaultdict(list)
    polarities = [polarity_of(bool(draw.z_on), bool(draw.z_off)) for draw in draws]
    for draw, polarity in zip(draws, polarities, strict=True):
        found[_sampled(draw)].append(polarity)
    kept: list[tuple[Draw, PolarityName]] = []
    for draw, polarity in zip(draws, polarities, strict=True):
        siblings = found[_sampled(draw)]
        if len(siblings) < wanted:
            reason = f"fewer than {wanted} judged draws of its question"
        elif len(set(siblings)) > 1:
            reason = "the draws of its question disagree"
        elif polarity is None:
            reason = _no_polarity(draw)
        else:
            kept.append((draw, polarity))
            continue
        drops.append(Drop(draw.trace_id, "polar", reason))
    return kept


def _sampled(draw: Draw) -> tuple[str, str]:
    """What the N draws that must agree have in common."""
    return question_key(draw.question), draw.model


def _no_polarity(draw: Draw) -> str:
    return "right with and without thinking" if draw.z_on else "wrong with and without thinking"


def _candidate(
    draw: Draw, polarity: PolarityName, measure: Callable[[Draw], Size], limits: LengthFilter
) -> Candidate:
    size = measure(draw)
    return Candidate(draw, polarity, question_key(draw.question), size, limits.find_fault(size))


def _one_a_question(candidates: Sequence[Candidate], drops: list[Drop]) -> list[Candidate]:
    """The first candidate of each question that passes the length filter, else its first."""
    chosen: dict[str, Candidate] = {}
    for one in candidates:
        held = chosen.get(one.question_key)
        if held is None or (held.length_fault is not None and one.length_fault is None):
            chosen[one.question_key] = one
    for one in candidates:
        if chosen[one.question_key] is not one:
            kept = chosen[one.question_key].draw.trace_id
            reason = "another trace stands for its question"
            drops.append(Drop(one.draw.trace_id, "deduplicated", reason, kept))
    return list(chosen.values())


def _step(name: str, draws: Sequence[Draw]) -> FunnelStep:
    return FunnelStep(name, len(draws), len({question_key(draw.question) for draw in draws}))
