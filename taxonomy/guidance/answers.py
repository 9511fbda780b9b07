"""Reviews that spread: what people said of some labels, and what follows for all the others."""

from dataclasses import InitVar, dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from taxonomy.guidance.spreading import Guess, Inventory, Probabilities
from taxonomy.labels.embedding import Vectors

LENGTH = 0.25  # in cosine distance: how far an answer reaches
SLIPS = 0.1  # variance of an answer about what is true of its neighbourhood
ERROR_RATE = 0.05  # share of answers taken to be wrong before anything is known of them
KEPT_ROWS = 4096  # up to here all similarities are kept: 64 MiB
KEPT_COLUMNS = 1024  # of a larger inventory: 400 KB each at 100,000 rows
SPEAKERS = 600  # answered rows that others hear: what follows takes time by their square
TINY = 1e-9  # prevents 0 / 0

Rows = NDArray[np.int64]


def similarity(vectors: Vectors, others: Vectors) -> NDArray[np.float32]:
    """exp((cosine − 1) / 0.25) of unit vectors. Shapes: (n, d), (m, d) to (n, m)."""
    cosines = vectors @ others.T
    cosines -= np.float32(1.0)  # in place: of all pairs a copy is tens of MB
    cosines /= np.float32(LENGTH)
    found: NDArray[np.float32] = np.exp(cosines, out=cosines)
    return found


def as_shares(guess: Guess) -> Probabilities:
    """Shares of the categories, and of noise as the last. Shapes: (n, categories + 1); sums 1."""
    return np.hstack([guess.probabilities * (1 - guess.noise)[:, None], guess.noise[:, None]])


def as_guess(shares: Probabilities, answers: int = 0) -> Guess:
    """The guess that shares amount to; small negative shares count as none.

    Every answer adds a little to rows that it hardly concerns, which blurs shares: after some they
    are raised to the power 1.5, which makes confidence agree with accuracy again (measured).
    """
    kept = np.maximum(shares, TINY) ** (1.0 + 0.5 * answers / (answers + 5.0))
    kept = kept / kept.sum(axis=1, keepdims=True)
    categories = kept[:, :-1] / kept[:, :-1].sum(axis=1, keepdims=True)
    return Guess(categories, kept[:, -1])


@dataclass(frozen=True)
class Learned:
    """What follows from the answers, for every row.

    `unsettled` is the share of a row's doubt that the answers leave, in [0, 1]; `trust` is how
    likely the newest answer on a row is right, 1 where there is none.
    """

    guess: Guess
    unsettled: Probabilities
    trust: Probabilities


class Likeness:
    """How like rows are to each other, computed once: all pairs, or of many rows some columns."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self._columns: dict[int, NDArray[np.float32]] = {}
        self._whole: NDArray[np.float32] | None = None

    def between(self, rows: Rows, others: Rows) -> NDArray[np.float32]:
        """Shapes: (n,), (m,) to (n, m)."""
        if len(self.vectors) > KEPT_ROWS:
            return similarity(self.vectors[rows], self.vectors[others])
        if self._whole is None:
            self._whole = similarity(self.vectors, self.vectors)
        if len(rows) == len(others) == len(self.vectors):
            return self._whole
        return self._whole[np.ix_(rows, others)]

    def reach(self, rows: Rows) -> NDArray[np.float32]:
        """Every row's likeness to some of them. Shapes: (m,) to (n, m)."""
        everything = np.arange(len(self.vectors))
        if len(everything) <= KEPT_ROWS:
            self.between(everything, everything)
            return np.asarray(self._whole)[:, rows]
        if len(self._columns) + len(rows) > KEPT_COLUMNS:
            self._columns = {}
        return np.stack([self._column(row) for row in rows.tolist()], axis=1)

    def _column(self, row: int) -> NDArray[np.float32]:
        """By itself: in a product with others its last digits would depend on which those are."""
        if row not in self._columns:
            self._columns[row] = similarity(self.vectors, self.vectors[[row]])[:, 0]
        return self._columns[row]


@dataclass
class Answers:
    """Answers on rows of an inventory, and the guess they change.

    A Gaussian process on what the guess got wrong: F = P + K_R (K_RR + s I)⁻¹ (Y − P_R) with P the
    guess before any answer, R the answered rows, Y the answers. An answer that the guess already
    gave changes nothing; one that it did not corrects the rows that are like it.
    """

    vectors: Vectors
    before: Probabilities
    error_rate: float = ERROR_RATE
    given: dict[int, list[int]] = field(default_factory=dict)
    likeness: Likeness = field(init=False, repr=False)
    shared: InitVar[Likeness | None] = None

    def __post_init__(self, shared: Likeness | None) -> None:
        """Take the likeness that others have computed of the same rows."""
        self.likeness = shared or Likeness(self.vectors)

    @classmethod
    def start(cls, inventory: Inventory, guess: Guess, error_rate: float = ERROR_RATE) -> Self:
        """No answers yet."""
        return cls(inventory.vectors, as_shares(guess), error_rate)

    @property
    def noise(self) -> int:
        """The answer that says: no category."""
        return int(self.before.shape[1]) - 1

    def give(self, row: int, answer: int) -> None:
        """Add an answer on a row: the position of a category, or `noise`.

        Raises: ValueError where there is no such row or category.
        """
        if not 0 <= row < len(self.before):
            raise ValueError(f"expected a row below {len(self.before)}, got {row}")
        if not 0 <= answer <= self.noise:
            raise ValueError(f"expected a category from 0 to {self.noise}, got {answer}")
        self.given.setdefault(row, []).append(answer)

    def withdraw(self, row: int) -> None:
        """Take back the newest answer on a row. Raises: KeyError where there is none."""
        self.given[row].pop()
        if not self.given[row]:
            del self.given[row]

    def learn(self) -> Learned:
        """What follows from all answers so far, whatever their order was.

        Identity: without answers the guess as it was; an answered row's newest answer is not
        forced on it here: whoever shows assignments shows reviews as they are.
        """
        trust = np.ones(len(self.before))
        if not self.given:
            return Learned(as_guess(self.before), np.ones(len(self.before)), trust)
        rows = self.speakers()
        reach = self.likeness.reach(rows)
        slips = np.diag(SLIPS / self._counts(rows))
        inverse = np.asarray(np.linalg.inv(reach[rows] + slips), dtype=np.float64)
        told = self._doubted(rows, inverse)
        trust[rows] = told[np.arange(len(rows)), [self.given[row][-1] for row in rows.tolist()]]
        shares = self.before + reach @ (inverse @ (told - self.before[rows]))
        settled = np.einsum("ij,ij->i", reach @ inverse.astype(np.float32), reach)
        return Learned(as_guess(shares, len(rows)), np.clip(1.0 - settled, 0.0, 1.0), trust)

    def speakers(self) -> Rows:
        """The answered rows that others hear: all, or of many 600.

        Half of those are what surprises most, the other half evenly spaced, so that what agrees
        with the guess is heard too. Identity: the order of the answers does not matter.
        """
        rows = np.array(sorted(self.given), dtype=np.int64)
        if len(rows) <= SPEAKERS:
            return rows
        expected = self.before[rows]
        known = [float(expected[n, self.given[row]].min()) for n, row in enumerate(rows.tolist())]
        order = np.argsort(known, kind="stable")
        half = SPEAKERS // 2
        rest = np.sort(order[half:])
        chosen = rest[np.linspace(0, len(rest) - 1, half).astype(np.int64)]
        heard: Rows = rows[np.sort(np.concatenate([order[:half], chosen]))]
        return heard

    def _counts(self, rows: Rows) -> NDArray[np.float64]:
        return np.array([len(self.given[row]) for row in rows.tolist()], dtype=np.float64)

    def _doubted(self, rows: Rows, inverse: NDArray[np.float64]) -> Probabilities:
        """What to believe of each answered row, by its answers and by all the other rows.

        Bayes' rule with the leave-one-out prediction as the prior and answers that are wrong, in
        a category drawn evenly, at the error rate.
        """
        said = self._said(rows)
        mean = said / said.sum(axis=1, keepdims=True)
        pull = inverse @ (mean - self.before[rows])
        alone = mean - pull / np.diag(inverse)[:, None]
        prior = np.maximum(alone, self.error_rate / len(alone[0]))
        right, wrong = np.log(1 - self.error_rate), np.log(self.error_rate / self.noise)
        logs = np.log(prior) + said * right + (said.sum(axis=1, keepdims=True) - said) * wrong
        belief = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(belief / belief.sum(axis=1, keepdims=True), dtype=np.float64)

    def _said(self, rows: Rows) -> NDArray[np.float64]:
        said = np.zeros((len(rows), self.before.shape[1]))
        for place, row in enumerate(rows.tolist()):
            np.add.at(said[place], self.given[row], 1.0)
        return said
