"""The transition matrices as pages use them: fitted once an annotate run, then shared."""

from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import get_latest_run
from store.states import Polarity, RunKind
from store.tables import TracePair

if TYPE_CHECKING:
    from alignment.fits import Fits

Key = tuple[int, int, int]


class Matrices:
    """Keeps the newest fit, so that a page need not wait for it."""

    def __init__(self) -> None:
        self._key: Key | None = None
        self._fits: Fits | None = None
        self._lock = Lock()

    def get(self, session: Session) -> "Fits":
        """The fits of the newest annotate run, over the polar traces of the training split.

        Raises:
            NotFound: nothing is annotated.
            InvalidInput: no annotated trace has a polarity.
        """
        key = fingerprint(session, get_latest_run(session, RunKind.ANNOTATE).id)
        with self._lock:
            if self._fits is None or self._key != key:
                self._fits, self._key = _fit(session), key
            return self._fits


def _fit(session: Session) -> "Fits":
    from alignment.run import fit_transitions  # loads numpy, which no other page needs

    return fit_transitions(session)


def fingerprint(session: Session, run_id: int) -> Key:
    """What the matrices of an annotate run rest on: another one means that they are out of date."""
    counts = sa.select(
        sa.func.count().filter(col(TracePair.polarity) == Polarity.POSITIVE),
        sa.func.count().filter(col(TracePair.polarity) == Polarity.NEGATIVE),
    ).select_from(TracePair)
    positive, negative = session.execute(counts).one()
    return run_id, positive, negative
