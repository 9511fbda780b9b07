"""The open labeler that needs no language model: meaning, cues and position against the lexicon."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from annotator.embedded.cues import NAMES, STARTING
from annotator.embedded.evidence import Embed, LexiconEvidence, Matrix, Segments, read_segments
from annotator.embedded.lexicon import LexiconEntry, load_lexicon
from annotator.labeling.steps import GivenLabel, LabeledTrace, Step, TraceView

CUE_WEIGHT = 0.7
MERGE_SIMILARITY = 0.55  # of two neighbours' gists, for them to be one step
LISTING = NAMES.index("listing")
SECOND_WITHIN = 1.6  # of the first label's score
SECOND_AT_LEAST = 2.5
ALIKE_PENALTY = 4.0  # a second name that says the same as the first adds nothing
ALIKE_FROM = 0.35
EVIDENCE_MIDDLE, EVIDENCE_WIDTH = 3.2, 1.2  # the score of confidence 5, and how fast it grows


@dataclass(frozen=True)
class OfflineSettings:
    """How many traces are read at a time: more is faster, fewer loses less when killed."""

    traces_at_once: int = 64


class OfflineLabeler:
    """Gives one or two names from the lexicon to every step of a trace, the same every time."""

    name = "offline-lexicon-1"

    def __init__(
        self,
        embed: Embed,
        entries: Sequence[LexiconEntry] | None = None,
        settings: OfflineSettings | None = None,
    ) -> None:
        self.embed = embed
        self.entries = tuple(entries or load_lexicon())
        self.settings = settings or OfflineSettings()

    @cached_property
    def evidence(self) -> LexiconEvidence:
        """The lexicon, encoded on first use."""
        return LexiconEvidence(self.entries, self.embed)

    @cached_property
    def _alike(self) -> Matrix:
        similar = self.evidence.names @ self.evidence.names.T
        alike: Matrix = np.maximum(similar - ALIKE_FROM, 0).astype(np.float32)
        return alike

    def label_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, LabeledTrace]]:
        """Label the traces in their order; one without segments is invalid."""
        size = self.settings.traces_at_once
        for start in range(0, len(traces), size):
            batch = traces[start : start + size]
            yield from zip(batch, self._label_batch(batch), strict=True)

    def _label_batch(self, traces: Sequence[TraceView]) -> Iterator[LabeledTrace]:
        names = [entry.label for entry in self.entries]
        read = read_segments(self.embed, [trace.texts() for trace in traces], names)
        scores = self.scores(read)
        first = 0
        for trace in traces:
            rows = slice(first, first + len(trace.segments))
            first = rows.stop
            yield self._labeled(scores[rows], read.vectors[rows], read.cues[rows])

    def scores(self, read: Segments) -> Matrix:
        """How strongly each segment speaks for each entry. Shapes: n segments to (n, l)."""
        meaning = self.evidence.meaning(read.vectors)
        cues = np.float32(CUE_WEIGHT) * self.evidence.cues(read.cues)
        total: Matrix = meaning + cues + self.evidence.position(read.places)
        return total

    def _labeled(self, scores: Matrix, vectors: Matrix, cues: Matrix) -> LabeledTrace:
        if not len(scores):
            return LabeledTrace((), invalid="the trace has no segments")
        edges = step_edges(scores.argmax(axis=1).tolist(), vectors, cues)
        steps = (
            Step(tuple(range(start, end)), self._labels(scores[start:end].mean(axis=0)))
            for start, end in pairwise(edges)
        )
        return LabeledTrace(tuple(steps))

    def _labels(self, scores: Matrix) -> tuple[GivenLabel, ...]:
        first = int(scores.argmax())
        rest = scores - np.float32(ALIKE_PENALTY) * self._alike[first]
        rest[first] = -np.inf
        second = int(rest.argmax())
        near = rest[second] >= max(scores[first] - SECOND_WITHIN, SECOND_AT_LEAST)
        chosen = [first, second] if near else [first]
        return tuple(self._given(index, float(scores[index])) for index in chosen)

    def _given(self, index: int, score: float) -> GivenLabel:
        entry = self.entries[index]
        return GivenLabel(entry.label, evidence_of(score), entry.definition)


def evidence_of(score: float) -> float:
    """A score as evidence from 0 (none) to 10 (unambiguous), to one decimal."""
    return round(10 / (1 + float(np.exp((EVIDENCE_MIDDLE - score) / EVIDENCE_WIDTH))), 1)


def step_edges(tops: Sequence[int], vectors: Matrix, cues: Matrix) -> list[int]:
    """Where steps begin, and the end: neighbours that clearly continue are one step.

    They continue if the same name leads on both, their gists are alike, and no cue opens the
    second one; entries of one list continue whatever they say.
    """
    starting = [NAMES.index(name) for name in sorted(STARTING)]
    edges = [0]
    for right in range(1, len(tops)):
        left = right - 1
        listed = cues[left, LISTING] >= 1 and cues[right, LISTING] >= 1
        similar = float(vectors[left] @ vectors[right]) >= MERGE_SIMILARITY
        opened = bool((cues[right, starting] >= 1).any())
        if tops[left] != tops[right] or not (listed or (similar and not opened)):
            edges.append(right)
    return [*edges, len(tops)]
