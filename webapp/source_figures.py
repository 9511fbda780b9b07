"""How far two sources of a run agree: read and computed beside the pages, once for what stands."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa

from store import annotations
from store.engine import reading

if TYPE_CHECKING:
    from annotator.agreement.coefficients import Agreement

KEPT = 8


@dataclass(frozen=True)
class Pair:
    """Two sources of a run; `standing` changes whenever their labels may have."""

    run_id: int
    version_id: int
    a: str
    b: str
    standing: Hashable


@dataclass(frozen=True)
class Accordance:
    """The figures of two sources over each kind of label, with their intervals."""

    units: int
    traces: int
    over: "Mapping[str, Agreement]"


class SourceFigures:
    """Keeps the figures of the pairs that were asked about last."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._kept: OrderedDict[Pair, Future[Accordance]] = OrderedDict()
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="source-figures")

    def find(self, pair: Pair, patience_s: float = 0.0) -> Accordance | None:
        """The figures, or none as long as they are being worked out."""
        with self._lock:
            if pair not in self._kept:
                self._kept[pair] = self._worker.submit(_compute, self._engine, pair)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1].cancel()
            asked = self._kept[pair]
        try:
            return asked.result(patience_s)
        except TooLong:
            return None


def _compute(engine: sa.Engine, pair: Pair) -> Accordance:
    from annotator.agreement.coefficients import agreement, project
    from annotator.labeling.consensus import pair_units
    from annotator.labeling.steps import ControlledStep
    from webapp.comparing import OVER

    with reading(engine) as session:
        sides = [
            {
                trace: [ControlledStep(row.first, row.end, row.labels) for row in rows]
                for trace, rows in annotations.list_label_sets(session, pair.run_id, source)
            }
            for source in (pair.a, pair.b)
        ]
        macro = annotations.list_macro_strategies(session, pair.version_id)
    units = pair_units(*sides)
    a, b = (project(side, macro) for side in (units.a, units.b))
    figures = agreement(units.a, units.b, units.traces), agreement(a, b, units.traces)
    return Accordance(
        len(units.traces), len(set(units.traces)), dict(zip(OVER, figures, strict=True))
    )
