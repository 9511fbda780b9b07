"""The claims of long answers, whether each is supported, and F1@K over them."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from alignment.measures.estimates import Mean, mean
from alignment.measures.judging import (
    Ask,
    RawReply,
    Rendering,
    ReplyError,
    closed,
    hear,
    read_flag,
    read_items,
    shortened,
)

MOST_CLAIMS = 200
MAX_CLAIM_CHARACTERS = 1_000
CLAIMS_A_REQUEST = 20
MAX_EVIDENCE_CHARACTERS = 60_000
NO_EVIDENCE = "the evidence file has nothing for this question"

CLAIMS_SCHEMA = closed(
    "claims",
    claims={"type": "array", "items": {"type": "string"}, "maxItems": MOST_CLAIMS},
)


@dataclass(frozen=True)
class Claim:
    """One claim of an answer, and whether it is supported."""

    text: str
    supported: bool


@dataclass(frozen=True)
class Checked:
    """The claims of one answer; None and the trouble where a reply could not be used."""

    claims: tuple[Claim, ...] | None
    note: str | None = None
    replies: tuple[RawReply, ...] = ()

    @property
    def supported(self) -> int:
        """S: how many claims are supported."""
        return sum(claim.supported for claim in self.claims or ())


@dataclass(frozen=True)
class LongForm:
    """VeriScore's figures; `precision` leaves out answers that claim nothing."""

    k: float
    f1: Mean
    precision: Mean | None
    recall: Mean
    claims: Mean
    without_claim: int
    unjudged: int


@dataclass(frozen=True)
class Checker:
    """What checks claims: the judge, its prompts, and whether it goes by evidence."""

    ask: Ask
    extraction: Rendering
    support: Rendering
    by_evidence: bool = False

    def check(self, question: str, answer: str, evidence: Sequence[str] = ()) -> Checked:
        """Take an answer apart, then have its claims checked, twenty at a time.

        Source: VeriScore, arXiv 2406.19276; MR-ALIGN 4.1.
        """
        if not answer.strip():
            return Checked((), "an empty answer claims nothing")
        if self.by_evidence and not evidence:
            return Checked(None, NO_EVIDENCE)
        data: dict[str, str | Sequence[str]] = {"question": question, "answer": shortened(answer)}
        messages = self.extraction.render({"most": MOST_CLAIMS}, data)
        heard = hear(self.ask, self.extraction, messages, CLAIMS_SCHEMA, _read_claims)
        if heard.value is None:
            return Checked(None, heard.trouble, heard.replies)
        return self._supported(heard.value, evidence, heard.replies)

    def _supported(
        self, texts: Sequence[str], evidence: Sequence[str], replies: tuple[RawReply, ...]
    ) -> Checked:
        found: list[Claim] = []
        for start in range(0, len(texts), CLAIMS_A_REQUEST):
            part = texts[start : start + CLAIMS_A_REQUEST]
            data: dict[str, str | Sequence[str]] = {"claims": part}
            data |= {"evidence": within(evidence)} if self.by_evidence else {}
            counts = {"claim_count": len(part), "last_claim": len(part) - 1}
            messages = self.support.render(counts, data)
            read = partial(_read_verdicts, count=len(part))
            heard = hear(self.ask, self.support, messages, support_schema(len(part)), read)
            replies += heard.replies
            if heard.value is None:
                return Checked(None, heard.trouble, replies)
            found += [Claim(text, held) for text, held in zip(part, heard.value, strict=True)]
        return Checked(tuple(found), replies=replies)


def support_schema(count: int) -> dict[str, Any]:
    """A verdict on each of `count` claims."""
    number = {"type": "integer", "minimum": 0, "maximum": count - 1}
    verdict = closed(claim=number, supported={"type": "boolean"})
    listed = {"type": "array", "items": verdict, "minItems": count, "maxItems": count}
    return closed("support", verdicts=listed)


def within(evidence: Sequence[str], most: int = MAX_EVIDENCE_CHARACTERS) -> list[str]:
    """The first pieces of evidence that fit into a request, the last of them cut."""
    kept, left = [], most
    for piece in evidence:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept


def f1_at_k(claims: int, supported: int, k: float) -> float:
    """F1@K = 2 P R_K / (P + R_K) with P = S/|C| and R_K = min(S/K, 1); 0 where S = 0.

    Identity: 1 if and only if every claim is supported and there are K or more.
    Source: VeriScore, eq. 1 to 3.
    """
    if not supported:
        return 0.0
    precision, recall = supported / claims, recall_at_k(supported, k)
    return 2.0 * precision * recall / (precision + recall)


def recall_at_k(supported: int, k: float) -> float:
    """R_K = min(S/K, 1), and 1 where K = 0: with nothing to recall nothing is missed."""
    return min(supported / k, 1.0) if k > 0 else 1.0


def score_claims(
    checked: Sequence[Checked],
    questions: Sequence[Hashable] | None = None,
    k: float | None = None,
) -> LongForm | None:
    """The means of F1@K, P, R_K and #Claims over the answers that were judged.

    K is the median claim count of these answers unless it is given, as it must be where two
    policies are compared. None where no answer was judged.
    """
    names = range(len(checked)) if questions is None else questions
    judged = [(c, name) for c, name in zip(checked, names, strict=True) if c.claims is not None]
    if not judged:
        return None
    sizes, right = [len(c.claims or ()) for c, _ in judged], [c.supported for c, _ in judged]
    of = [name for _, name in judged]
    at = float(statistics.median(sizes)) if k is None else k
    precise = [(s / n, name) for n, s, name in zip(sizes, right, of, strict=True) if n]
    return LongForm(
        k=at,
        f1=mean([f1_at_k(n, s, at) for n, s in zip(sizes, right, strict=True)], of),
        precision=mean(*zip(*precise, strict=True)) if precise else None,
        recall=mean([recall_at_k(s, at) for s in right], of),
        claims=mean([float(n) for n in sizes], of),
        without_claim=sizes.count(0),
        unjudged=len(checked) - len(judged),
    )


def _read_claims(document: dict[str, Any]) -> tuple[str, ...]:
    """The claims, each once, on one line."""
    found: dict[str, None] = {}
    for item in read_items(document, "claims"):
        if not isinstance(item, str):
            raise ReplyError("a claim must be text")
        text = " ".join(item.split())
        if len(text) > MAX_CLAIM_CHARACTERS:
            raise ReplyError(f"a claim has more than {MAX_CLAIM_CHARACTERS} characters: split it")
        if text:
            found.setdefault(text)
    if len(found) > MOST_CLAIMS:
        raise ReplyError(f"expected at most {MOST_CLAIMS} claims, got {len(found)}")
    return tuple(found)


def _read_verdicts(document: dict[str, Any], count: int) -> tuple[bool, ...]:
    given: dict[int, bool] = {}
    for item in read_items(document, "verdicts"):
        if not isinstance(item, dict):
            raise ReplyError("a verdict must be an object")
        number = item.get("claim")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
            raise ReplyError(f"there is no such claim; they go from 0 to {count - 1}")
        held = read_flag(item, "supported")
        if given.setdefault(number, held) != held:
            raise ReplyError(f"claim {number} has two verdicts")
    if missing := [number for number in range(count) if number not in given]:
        raise ReplyError(f"claims {missing} have no verdict; give one for each")
    return tuple(given[number] for number in range(count))
