"""Two annotators and an adjudicator that need no language model, for any taxonomy.

A reads what a segment says, B how it says it and where it stands; the adjudicator reads both, in
the sequence of the trace. All three go through one lexicon and one encoder: they differ, but they
are not independent, and their agreement is no evidence of truth.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from annotator.embedded.categories import Calibration, CategoryEvidence
from annotator.embedded.cues import NAMES, STARTING
from annotator.embedded.evidence import (
    Embed,
    LexiconEvidence,
    Matrix,
    Scale,
    Segments,
    read_segments,
)
from annotator.embedded.lexicon import LexiconEntry, load_lexicon
from annotator.embedded.regression import log_softmax
from annotator.embedded.sequence import Scores, best_path, estimated_matrix, posteriors
from annotator.labeling.consensus import PanelResult, judged
from annotator.labeling.orders import names_of
from annotator.labeling.steps import (
    Adjudication,
    AdjudicationCase,
    AnnotatedTrace,
    CategoryView,
    ControlledStep,
    TraceView,
)

NOT_INDEPENDENT = (
    "annotators A and B share one encoder and one lexicon: they are not independent, "
    "and their agreement is no evidence of truth"
)
LEAST = 0.6  # z; below it no category is evident
SECOND_AT_LEAST = 0.9
SECOND_WITHIN = 0.7
CONFIDENCE_MIDDLE, CONFIDENCE_WIDTH = 1.4, 0.6  # the z of confidence 5, and how fast it grows
MERGE_SIMILARITY = 0.5
SECOND_LIKELY = 0.4  # of the first one's posterior, for the adjudicator to give a second label
EMISSION_SCALE = 0.7  # nats to z: two readings of one segment are not two observations
TRACES_AT_ONCE = 64

Labels = tuple[tuple[str, float], ...]


class OfflinePanel:
    """Annotates traces with a frozen version's categories, the same every time once fitted."""

    name = "offline-panel-1"
    name_a, name_b, name_adjudicator = "offline-meaning", "offline-cues", "offline-sequence"

    def __init__(
        self,
        embed: Embed,
        categories: Sequence[CategoryView],
        entries: Sequence[LexiconEntry] | None = None,
        matrix: Scores | None = None,
    ) -> None:
        self.embed = embed
        self.order = tuple(category.key for category in categories)
        lexicon = LexiconEvidence(entries or load_lexicon(), embed)
        self.evidence = CategoryEvidence(lexicon, categories, embed)
        self.names = (*names_of(categories), *(entry.label for entry in lexicon.entries))
        self.calibration = self.evidence.calibrated()
        self.matrix = estimated_matrix([], len(self.order)) if matrix is None else matrix
        self._own_matrix = matrix is None

    def fit(self, sample: Sequence[TraceView]) -> None:
        """Set the scales, and the matrix unless one was given, by a sample of traces."""
        read = self._read(sample)
        self.calibration = self.evidence.calibrated(read)
        if self._own_matrix:
            a, b = self._scores(read)
            tops = np.where(a.argmax(axis=1) == b.argmax(axis=1), a.argmax(axis=1), -1)
            edges = np.cumsum([0, *(len(trace.segments) for trace in sample)])
            sequences = [tops[start:end].tolist() for start, end in pairwise(edges)]
            cells = (len(self.order) + 1) ** 2
            even = 1 + tops.size / cells  # agreed moves are few: half of what is said stays even
            self.matrix = estimated_matrix(sequences, len(self.order), smoothing=even)

    def state(self) -> dict[str, Any]:
        """What fit has set, to be kept with the run."""
        scales = {"meaning": self.calibration.meaning, "cues": self.calibration.cues}
        parts = {
            name: {"mean": scale.mean.tolist(), "spread": scale.spread.tolist()}
            for name, scale in scales.items()
        }
        return {**parts, "matrix": self.matrix.tolist(), "order": list(self.order)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what an earlier fit has set."""
        scales = {
            name: Scale(np.array(state[name]["mean"]), np.array(state[name]["spread"]))
            for name in ("meaning", "cues")
        }
        self.calibration = Calibration(**scales)
        self.matrix = np.array(state["matrix"])

    def annotate_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, PanelResult]]:
        """Annotate the traces in their order; one without segments is invalid."""
        for start in range(0, len(traces), TRACES_AT_ONCE):
            batch = traces[start : start + TRACES_AT_ONCE]
            read = self._read(batch)
            a, b = self._scores(read)
            edges = np.cumsum([0, *(len(trace.segments) for trace in batch)])
            for trace, (first, end) in zip(batch, pairwise(edges), strict=True):
                rows = slice(first, end)
                yield trace, self._result(a[rows], b[rows], read.vectors[rows], read.cues[rows])

    def _read(self, traces: Sequence[TraceView]) -> Segments:
        return read_segments(self.embed, [trace.texts() for trace in traces], self.names)

    def _scores(self, read: Segments) -> tuple[Matrix, Matrix]:
        by_meaning = self.evidence.by_meaning(read, self.calibration)
        return by_meaning, self.evidence.by_cues(read, self.calibration)

    def _result(self, a: Matrix, b: Matrix, vectors: Matrix, cues: Matrix) -> PanelResult:
        if not len(a):
            nothing = AnnotatedTrace((), invalid="the trace has no segments")
            return PanelResult(nothing, nothing, invalid=nothing.invalid)
        similar = (vectors[1:] * vectors[:-1]).sum(axis=1)
        starting = [NAMES.index(name) for name in sorted(STARTING)]
        opened = cues[1:][:, starting].max(axis=1) >= 1
        side_a = self._annotated(a, [bool(s >= MERGE_SIMILARITY) for s in similar])
        side_b = self._annotated(b, [not bool(o) for o in opened])
        return judged(side_a, side_b, self.order, lambda cases: self._adjudicate(a + b, cases))

    def _annotated(self, scores: Matrix, continues: Sequence[bool]) -> AnnotatedTrace:
        """Steps: neighbours that lead to the same categories and continue are one."""
        given = [self._labels(row) for row in scores]
        keys = [tuple(key for key, _ in labels) for labels in given]
        joins = [bool(c and keys[t] and keys[t] == keys[t + 1]) for t, c in enumerate(continues)]
        edges = [0, *(t + 1 for t, join in enumerate(joins) if not join), len(given)]
        steps = tuple(
            ControlledStep(first, end, self._labels(scores[first:end].mean(axis=0)))
            for first, end in pairwise(edges)
        )
        tops = [step.labels[0][1] for step in steps if step.labels]
        return AnnotatedTrace(steps, confidence=round(float(np.mean(tops)), 1) if tops else 0.0)

    def _labels(self, row: Matrix) -> Labels:
        best = np.argsort(-row, kind="stable")[:2]
        scores = [float(row[index]) for index in best]
        if scores[0] < LEAST:
            return ()
        near = len(best) > 1 and scores[1] >= max(scores[0] - SECOND_WITHIN, SECOND_AT_LEAST)
        kept = best[: 2 if near else 1]
        return tuple((self.order[i], confidence_of(float(row[i]))) for i in kept)

    def _adjudicate(self, scores: Matrix, cases: Sequence[AdjudicationCase]) -> Adjudication:
        """The likeliest path's category of each case, and another one that is likely as well."""
        emission = log_softmax(EMISSION_SCALE * scores.astype(np.float64))
        path = best_path(emission, self.matrix)
        likely = posteriors(emission, self.matrix)
        return Adjudication(tuple(self._decided(path, likely, case) for case in cases))

    def _decided(self, path: Sequence[int], likely: Scores, case: AdjudicationCase) -> Labels:
        share = likely[case.first : case.end].mean(axis=0)
        first = max(path[case.first : case.end], key=lambda category: float(share[category]))
        rest = share.copy()
        rest[first] = -1.0
        second = int(rest.argmax())
        near = rest[second] >= SECOND_LIKELY * share[first]
        chosen = [first, second] if near else [first]
        return tuple((self.order[i], round(10 * float(share[i]) ** 0.5, 1)) for i in chosen)


def confidence_of(z: float) -> float:
    """A z-score as a confidence from 0 to 10, to one decimal."""
    return round(10 / (1 + float(np.exp((CONFIDENCE_MIDDLE - z) / CONFIDENCE_WIDTH))), 1)
