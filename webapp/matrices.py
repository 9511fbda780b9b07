"""The transition matrices as pages use them: fitted once, their intervals drawn aside."""

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import find_latest_run, get_run
from store.states import Polarity, RunKind
from store.tables import Run, TracePair
from webapp.aside import PATIENCE_S, Aside, wait

if TYPE_CHECKING:
    from alignment.export.pool import Sureness
    from alignment.inspection.material import Material
    from alignment.transitions.differences import Differences

Key = tuple[int, int, int]
MaterialKey = tuple[Key, str, bool]
KEPT = 6


class Matrices:
    """Keeps what was asked for last, so that a page need not wait for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[MaterialKey, Material] = OrderedDict()
        self._lock = Lock()
        self._sureness: Aside[MaterialKey, Sureness | None] = Aside("sureness")
        self._differences: Aside[tuple[object, ...], Differences] = Aside("differences")

    def get(self, session: Session, run_id: int, coarse: bool) -> "Material":
        """The matrices of an annotate run and what they rest on.

        Raises:
            NotFound: there is no such annotate run, or it left no consensus.
            InvalidInput: its labels come from more than one vocabulary.
        """
        from alignment.inspection.material import (
            load_material,  # loads numpy, which no other page needs
        )

        key = _key(session, run_id, coarse)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = load_material(session, run_id, coarse)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def find_sureness(
        self, session: Session, material: "Material", coarse: bool, patience_s: float = PATIENCE_S
    ) -> "tuple[Sureness | None, bool]":
        """The intervals, and whether they are still being drawn."""
        result = self._sureness.begin(_key(session, material.run_id, coarse), material.sureness)
        found = wait(result, patience_s)
        return found, not result.done()

    def find_differences(
        self,
        session: Session,
        words: tuple[str, str],
        coarse: bool,
        patience_s: float = PATIENCE_S,
    ) -> "Differences | None":
        """How two groups differ; None while it is still being computed.

        Raises:
            NotFound: a run or a vocabulary does not exist.
            InvalidInput: words name no group, or no trace is in it.
        """
        from alignment.inspection.material import compare_groups, load_groups

        latest = find_latest_run(session, RunKind.ANNOTATE)
        key = (*words, coarse, fingerprint(session, latest.id if latest else 0))
        groups = load_groups(session, *words, coarse)
        return wait(self._differences.begin(key, lambda: compare_groups(*groups)), patience_s)


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
