"""How shares become labels, chosen by trying it on traces that were held out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from annotator.distillation.decoding import SMALLEST, Decoding, Labels, logit
from annotator.distillation.lessons import Array, Fold, Lessons, Rows
from annotator.embedded.regression import fit_softmax

PRIOR_WEIGHTS = (0.0, 0.25, 0.5, 1.0)  # the first one is blind to the sequence
TEMPERATURES = (0.8, 1.0, 1.25, 1.6)
SECOND_WITHIN = (0.3, 0.45, 0.6, 0.75, 0.9)
SURE_ERRORS = 2.0  # standard errors by which the sequence must lower the loss
LEAST_GAIN = 0.005  # of κ, for a second label; less is chance
CHANCE_ROUNDS = 3  # of choosing by κ and measuring κ; it settles after two
CALIBRATION_PENALTY = 0.1


@dataclass(frozen=True)
class Chosen:
    """A decoding, and what it came to on held-out traces."""

    decoding: Decoding
    figures: dict[str, float]


def choose(
    lessons: Lessons,
    targets: Array,
    folds: Sequence[Fold],
    decodings: Sequence[Decoding],
    log_shares: Array,
) -> Chosen:
    """The decoding that does best on held-out shares, with each fold's own matrix.

    The sequence counts only if that lowers the loss by more than two standard errors over traces:
    neighbours are features already, so there is little left for it to say. A second label is given
    only if that raises κ, which is what labels are chosen for, markedly.
    """
    trial = Trial(lessons, targets, folds, decodings, log_shares)
    blind, *others = (trial.tempered(weight) for weight in PRIOR_WEIGHTS)
    best = min(others, key=lambda way: way[0].sum())
    gains = blind[0] - best[0]
    sure = gains.sum() > SURE_ERRORS * np.sqrt(len(gains)) * gains.std()
    kappa, settled = trial.settled((best if sure else blind)[1])
    for within in SECOND_WITHIN:
        other = trial.kappa(**{**settled, "second_within": within})
        if other >= kappa + LEAST_GAIN:
            kappa, settled = other, {**settled, "second_within": within}
    settled |= trial.calibration(**settled)
    figures = {
        "held_out_kappa": kappa,
        "held_out_loss_nats": float(trial.losses(**settled).sum() / targets.sum()),
        "held_out_gain_of_sequence_nats": float(gains.sum() / targets.sum()),
    }
    return Chosen(replace(decodings[0], **settled), figures)


@dataclass(frozen=True)
class Trial:
    """Held-out shares under a decoding that is being tried."""

    lessons: Lessons
    targets: Array
    folds: Sequence[Fold]
    decodings: Sequence[Decoding]
    log_shares: Array

    def _shares(self, **settings: Any) -> Iterator[tuple[Rows, Decoding, Array]]:
        for fold, plain in zip(self.folds, self.decodings, strict=True):
            decoding = replace(plain, **settings)
            traces = self.lessons.trace_of[fold.test]
            for trace in np.unique(traces):
                rows = fold.test[traces == trace]
                yield rows, decoding, decoding.shares(self.log_shares[rows])

    def losses(self, **settings: Any) -> Array:
        """The loss of each trace, in nats."""
        found = [
            -(self.targets[rows] * np.log(np.maximum(shares, SMALLEST))).sum()
            for rows, _, shares in self._shares(**settings)
        ]
        return np.array(found)

    def tempered(self, prior_weight: float) -> tuple[Array, dict[str, Any]]:
        """The losses at this weight of the sequence, with the temperature that suits it best."""
        ways = [{"prior_weight": prior_weight, "temperature": t} for t in TEMPERATURES]
        tried: list[tuple[Array, dict[str, Any]]] = [(self.losses(**way), way) for way in ways]
        return min(tried, key=lambda way: way[0].sum())

    def settled(self, way: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """κ with the chance weight that it asks for itself, λ = 1 − κ."""
        for _ in range(CHANCE_ROUNDS):
            chance = float(np.clip(1 - self.kappa(**way), 0.0, 1.0))
            way = {**way, "chance_weight": chance}
        return self.kappa(**way), way

    def kappa(self, **settings: Any) -> float:
        """The mean over sources of Cohen's κ between label sets."""
        given: dict[int, frozenset[str]] = {}
        for rows, decoding, shares in self._shares(**settings):
            for row, classes in zip(rows.tolist(), decoding.chosen(shares), strict=True):
                given[row] = frozenset(decoding.order[c] for c in classes)
        return float(np.mean([_against(given, source) for source in self.lessons.votes]))

    def calibration(self, **settings: Any) -> dict[str, float]:
        """Slope and offset that make of shares the chance of being one of a source's labels."""
        shares, right = [], []
        for rows, decoding, likely in self._shares(**settings):
            for row, chosen, share in zip(rows, decoding.chosen(likely), likely, strict=True):
                for label in chosen:
                    seen = [s[row] for s in self.lessons.votes if s[row] is not None]
                    key = decoding.order[label]
                    hits = [key in dict(labels) for labels in seen if labels is not None]
                    if hits:
                        shares.append(share[label])
                        right.append(float(np.mean(hits)))
        if not shares:
            return {}
        column = logit(np.array(shares))[:, None].astype(np.float32)
        outcome = np.stack([1 - np.array(right), np.array(right)], axis=1)
        fitted = fit_softmax(column, outcome, CALIBRATION_PENALTY)
        slope, offset = np.diff(fitted.weights[0])[0], np.diff(fitted.intercept)[0]
        return {"slope": float(slope), "offset": float(offset)}


def _against(given: dict[int, frozenset[str]], source: Sequence[Labels | None]) -> float:
    both = [
        (given[row], frozenset(dict(labels)))
        for row, labels in enumerate(source)
        if labels is not None and row in given
    ]
    return cohen_kappa([a for a, _ in both], [b for _, b in both])


def cohen_kappa(a: Sequence[frozenset[str]], b: Sequence[frozenset[str]]) -> float:
    """(P_o − P_e) / (1 − P_e) over label sets; 0 where chance alone agrees or nothing is there."""
    if not a:
        return 0.0
    of_a, of_b, size = Counter(a), Counter(b), len(a)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / size
    chance = sum(count * of_b[labels] for labels, count in of_a.items()) / size**2
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0
