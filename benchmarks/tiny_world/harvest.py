"""Training traces: sampled from the policy itself, judged with thinking on and off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alignment.measures.scores import Judgment, judge, response_of
from alignment.polarity.candidates import PolarityName, polarity_of
from benchmarks.tiny_world.world import END, Fact, label_of, prompt_ids, segment_spans, text, word

Sample = Callable[[Sequence[Sequence[int]], tuple[int, ...]], list[list[int]]]


@dataclass(frozen=True)
class PolarTrace:
    """An on-policy trace whose thinking helped or hurt, with its segments and their labels."""

    trace_id: str
    fact: Fact
    completion: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    labels: tuple[tuple[int, ...], ...]
    polarity: PolarityName


def harvest(
    facts: Sequence[Fact], draws: int, sample: Sample, seed: tuple[int, ...]
) -> list[PolarTrace]:
    """Ask each question so often with thinking on and off, and keep the polar pairs' traces.

    A trace that a subject gave before, or that never ends, is left out.
    """
    asked = [fact for fact in facts for _ in range(draws)]
    thought = sample([prompt_ids(fact, True) for fact in asked], (*seed, 1))
    direct = sample([prompt_ids(fact, False) for fact in asked], (*seed, 0))
    found: dict[tuple[int, tuple[int, ...]], PolarTrace] = {}
    for fact, on, off in zip(asked, thought, direct, strict=True):
        z_on = judged(fact, on, thinking_on=True).in_answer
        polarity = polarity_of(z_on, judged(fact, off, thinking_on=False).in_answer)
        key = (fact.subject, tuple(on))
        if polarity is not None and on[-1] == END and key not in found:
            found[key] = _polar(f"trace{len(found)}", fact, on, polarity)
    return list(found.values())


def judged(fact: Fact, completion: Sequence[int], thinking_on: bool) -> Judgment:
    """Hold a completion against its subject's gold value, by exact match as written."""
    said = response_of(
        "", text(prompt_ids(fact, thinking_on)), (word(fact.gold),), text(completion), thinking_on
    )
    return judge(said, "plain")


def _polar(
    trace_id: str, fact: Fact, completion: Sequence[int], polarity: PolarityName
) -> PolarTrace:
    spans = tuple(segment_spans(completion))
    labels = tuple(label_of(completion[start:end]) for start, end in spans)
    return PolarTrace(trace_id, fact, tuple(completion), spans, labels, polarity)
