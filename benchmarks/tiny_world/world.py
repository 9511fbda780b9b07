"""A world of facts, and the traces that are written about them, a move a segment.

A subject has a gold value of the kind that is asked for and a distractor of another kind. A trace
recalls one of them, checks it, and then either goes back for the other or concludes. Whether it
should go back depends on which kind of check came before; whether it does is a coin. So going back
is right half of the time, and good and bad traces share every pattern but one: which move follows
which check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.random import Generator

PAD, END, ASK, ON, OFF, OPEN, CLOSE, BREAK = range(8)
_MARKUP = ("<pad>", "<end>", "?", "/think", "/no_think", "<think>", "</think>", "\n\n")
CATEGORIES = (
    "framing", "retrieval", "explanation", "evaluation", "self_verification", "comparison",
    "backtracking", "summarization",
)  # fmt: skip
FRAME, RECALL, EXPLAIN, EVALUATE, VERIFY, COMPARE, BACK, CONCLUDE = range(len(CATEGORIES))
_LABELS = (
    "question", "asked", "recall", "remember", "because", "since", "likely", "plausible",
    "verify", "confirm", "versus", "unlike", "wait", "instead", "so", "therefore",
)  # fmt: skip
_KINDS = ("who", "where")
NOTES = 8
VALUES_A_KIND = 16
_FIRST_KIND = len(_MARKUP)
_FIRST_LABEL = _FIRST_KIND + len(_KINDS)
_FIRST_NOTE = _FIRST_LABEL + len(_LABELS)
_FIRST_VALUE = _FIRST_NOTE + NOTES
_FIRST_SUBJECT = _FIRST_VALUE + len(_KINDS) * VALUES_A_KIND

# How traces are written before alignment.
GOLD_FIRST = 0.5
HONEST_CHECK = 0.85  # a right candidate is verified, a wrong one compared, so often
GOES_BACK = 0.5  # whatever the check
SLIP = 0.03  # the answer is the first candidate after all
FRAMED, FILLED, FILLED_AFTER_CHECK = 0.6, 0.4, 0.25
KNOWN_DIRECTLY = (0.2, 0.8)  # the gold answer without thinking, for either half of the subjects
PROMPT_TOKENS = 4
MOST_SEGMENTS = 9
MAX_NEW_TOKENS = (
    3 * MOST_SEGMENTS + 2 + 4 + 6
)  # a policy may write a little more than the world does

Segment = tuple[int, int]  # category, content token


@dataclass(frozen=True)
class Fact:
    """What is true of a subject, and what is taken for true, as tokens."""

    subject: int
    kind: int
    gold: int
    distractor: int
    known_directly: float


@dataclass(frozen=True)
class Written:
    """A trace in moves, and its answer."""

    segments: tuple[Segment, ...]
    answer: int


def draw_facts(count: int, rng: Generator) -> tuple[Fact, ...]:
    """Draw facts about so many subjects; a subject's number is its place."""
    facts = []
    for subject in range(count):
        kind, other = rng.choice(len(_KINDS), 2, replace=False).tolist()
        known = KNOWN_DIRECTLY[int(rng.random() < 0.5)]
        gold, distractor = _value(kind, rng), _value(other, rng)
        facts.append(Fact(_FIRST_SUBJECT + subject, _FIRST_KIND + kind, gold, distractor, known))
    return tuple(facts)


def write_trace(fact: Fact, rng: Generator) -> Written:
    """Write one trace as the world's authors do."""
    first, other = fact.gold, fact.distractor
    if rng.random() >= GOLD_FIRST:
        first, other = other, first
    honest = rng.random() < HONEST_CHECK
    segments: list[Segment] = [(FRAME, _note(rng))] if rng.random() < FRAMED else []
    segments += [(RECALL, first), *_filler(FILLED, rng)]
    segments.append((VERIFY if (first == fact.gold) == honest else COMPARE, _note(rng)))
    segments += _filler(FILLED_AFTER_CHECK, rng)
    last = first
    if rng.random() < GOES_BACK:
        last = other
        segments += [(BACK, _note(rng)), (RECALL, last), *_filler(FILLED, rng)]
    segments.append((CONCLUDE, last))
    return Written(tuple(segments), first if rng.random() < SLIP else last)


def thinking_ids(written: Written, rng: Generator) -> list[int]:
    """A trace's completion with thinking on, each move by one of its category's two labels.

    A recalled value is followed by its kind, which a check can hold against the kind asked for.
    """
    ids = [OPEN]
    for category, content in written.segments:
        ids += [_FIRST_LABEL + 2 * category + int(rng.random() < 0.5), content]
        if category == RECALL:
            ids.append(_FIRST_KIND + (content - _FIRST_VALUE) // VALUES_A_KIND)
        ids.append(BREAK)
    return [*ids, CLOSE, written.answer, END]


def direct_ids(fact: Fact, rng: Generator) -> list[int]:
    """A completion with thinking off: the answer alone."""
    return [fact.gold if rng.random() < fact.known_directly else fact.distractor, END]


def prompt_ids(fact: Fact, thinking_on: bool) -> list[int]:
    """The question about a fact's subject, and whether to think."""
    return [ASK, fact.kind, fact.subject, ON if thinking_on else OFF]


def segment_spans(completion: Sequence[int]) -> list[tuple[int, int]]:
    """The segments [start, end) of a thinking part that closes; the blank line ends its segment."""
    if CLOSE not in completion or completion[0] != OPEN:
        return []
    close, spans, start = completion.index(CLOSE), [], 1
    for place in range(1, close):
        if completion[place] == BREAK or place == close - 1:
            spans.append((start, place + 1))
            start = place + 1
    return spans


def label_of(segment: Sequence[int]) -> tuple[int, ...]:
    """The label set of a segment: the category of its first word, () where that is no label."""
    if not _FIRST_LABEL <= segment[0] < _FIRST_NOTE:
        return ()
    return ((segment[0] - _FIRST_LABEL) // 2,)


def word(token: int) -> str:
    """A token as text."""
    if token < _FIRST_LABEL:
        return (*_MARKUP, *_KINDS)[token]
    if token < _FIRST_NOTE:
        return _LABELS[token - _FIRST_LABEL]
    if token < _FIRST_VALUE:
        return f"note{token - _FIRST_NOTE:02}"
    if token < _FIRST_SUBJECT:
        return f"value{token - _FIRST_VALUE:02}"
    return f"subject{token - _FIRST_SUBJECT:03}"


def text(completion: Sequence[int]) -> str:
    """A completion as text, up to its end token."""
    ids = list(completion)
    return " ".join(word(token) for token in (ids[: ids.index(END)] if END in ids else ids))


def vocabulary_size(subjects: int) -> int:
    """How many tokens a world of so many subjects has."""
    return _FIRST_SUBJECT + subjects


def _filler(share: float, rng: Generator) -> list[Segment]:
    if rng.random() >= share:
        return []
    return [(EXPLAIN if rng.random() < 0.5 else EVALUATE, _note(rng))]


def _note(rng: Generator) -> int:
    return _FIRST_NOTE + int(rng.integers(NOTES))


def _value(kind: int, rng: Generator) -> int:
    return _FIRST_VALUE + kind * VALUES_A_KIND + int(rng.integers(VALUES_A_KIND))
