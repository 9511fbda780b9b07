"""The transition matrices as pages use them: read, fitted and compared aside, once."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col

from store.engine import reading
from store.runs import find_latest_run, get_run
from store.states import Polarity, RunKind
from store.tables import Run, TracePair
from webapp.pages.transitions import Choice
from webapp.serving.aside import PATIENCE_S, Aside, wait
from webapp.transitions.matrix_view import MatrixBook

if TYPE_CHECKING:
    from alignment.export.pool import Sureness
    from alignment.inspection.groups import Group
    from alignment.inspection.material import Material
    from alignment.transitions.differences import Differences
    from alignment.transitions.moves import TracedMoves

Key = tuple[int, int, int]
MaterialKey = tuple[Key, str, bool]
KEPT, BOOKS_KEPT = 6, 12
COMPARED_KEPT = 4  # each with all the labels of its two groups


@dataclass(frozen=True)
class Compared:
    """Two groups, the moves of either, and how they differ."""

    groups: "tuple[Group, Group]"
    traced: "tuple[TracedMoves, TracedMoves]"
    differences: "Differences"


class Matrices:
    """Keeps what was asked for last, so that a page need not wait for it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._material: Aside[MaterialKey, Material] = Aside("matrices", KEPT)
        self._sureness: Aside[MaterialKey, Sureness | None] = Aside("sureness")
        self._books: OrderedDict[tuple[object, ...], MatrixBook] = OrderedDict()
        self._lock = Lock()
        self._compared: Aside[tuple[object, ...], Compared] = Aside("differences", COMPARED_KEPT)

    def find(
        self, session: Session, run_id: int, coarse: bool, patience_s: float = PATIENCE_S
    ) -> "Material | None":
        """The matrices of an annotate run and what they rest on; None while they are fitted.

        Raises:
            NotFound: there is no such annotate run, or it left no consensus.
            InvalidInput: its labels come from more than one vocabulary.
        """
        from alignment.inspection.material import (
            load_material,  # loads numpy, which no other page needs
        )

        def load() -> "Material":
            with reading(self._engine) as own:
                return load_material(own, run_id, coarse)

        return wait(self._material.begin(_key(session, run_id, coarse), load), patience_s)

    def find_sureness(
        self, session: Session, material: "Material", coarse: bool, patience_s: float = PATIENCE_S
    ) -> "tuple[Sureness | None, bool]":
        """The intervals, and whether they are still being drawn."""
        result = self._sureness.begin(_key(session, material.run_id, coarse), material.sureness)
        found = wait(result, patience_s)
        return found, not result.done()

    def book(self, material: "Material", sureness: "Sureness | None", choice: Choice) -> MatrixBook:
        """What a page says of the matrices, which it works out once."""
        key = id(material), sureness is None, choice  # the book keeps the material, and its number
        with self._lock:
            if key not in self._books:
                self._books[key] = MatrixBook(material, sureness, choice)
            self._books.move_to_end(key)
            while len(self._books) > BOOKS_KEPT:
                self._books.popitem(last=False)
            return self._books[key]

    def find_compared(
        self,
        session: Session,
        words: tuple[str, str],
        coarse: bool,
        patience_s: float = PATIENCE_S,
    ) -> Compared | None:
        """Two groups and how they differ; None while that is still being computed.

        Raises:
            NotFound: a run or a vocabulary does not exist.
            InvalidInput: words name no group, or no trace is in it.
        """
        from alignment.inspection.material import compare_groups, load_groups, trace_group

        def compare() -> Compared:
            with reading(self._engine) as own:
                groups = load_groups(own, *words, coarse)
            traced = trace_group(groups[0]), trace_group(groups[1])
            return Compared(groups, traced, compare_groups(*groups))

        latest = find_latest_run(session, RunKind.ANNOTATE)
        key = (*words, coarse, fingerprint(session, latest.id if latest else 0))
        return wait(self._compared.begin(key, compare), patience_s)


def _key(session: Session, run_id: int, coarse: bool) -> MaterialKey:
    run: Run = get_run(session, run_id, RunKind.ANNOTATE)
    return fingerprint(session, run_id), f"{run.done_items} {run.ended_at}", coarse


def fingerprint(session: Session, run_id: int) -> Key:
    """What the matrices of an annotate run rest on: another one means that they are out of date."""
    counts = sa.select(
        sa.func.count().filter(col(TracePair.polarity) == Polarity.POSITIVE),
        sa.func.count().filter(col(TracePair.polarity) == Polarity.NEGATIVE),
    ).select_from(TracePair)
    positive, negative = session.execute(counts).one()
    return run_id, positive, negative
