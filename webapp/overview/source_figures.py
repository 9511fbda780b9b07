"""How far two sources of a run agree: read and computed beside the pages, once for what stands."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa

from store.engine import reading

if TYPE_CHECKING:
    from annotator.agreement.coefficients import Agreement
    from annotator.agreement.confusion import Confusion
    from annotator.labeling.consensus import PairedUnits

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
    """The figures of two sources over each kind of label, with their intervals; what they are of.

    `macro` is the macro-strategy of each category, in the vocabulary's order.
    """

    paired: "PairedUnits"
    macro: Mapping[str, str]
    over: "Mapping[str, Agreement]"
    confusions: "Mapping[str, Confusion]"

    @property
    def units(self) -> int:
        """How many units both labelled."""
        return len(self.paired.traces)

    @property
    def traces(self) -> int:
        """How many traces both labelled."""
        return len(set(self.paired.traces))


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
    from annotator.agreement.coefficients import agreement
    from annotator.agreement.confusion import confuse
    from webapp.studies.comparing import project_all, read_units

    with reading(engine) as session:
        units, macro = read_units(session, pair.run_id, pair.version_id, pair.a, pair.b)
    sides = project_all(units, macro)
    return Accordance(
        units,
        macro,
        {over: agreement(a, b, units.traces) for over, (a, b, _) in sides.items()},
        {over: confuse(a, b, order) for over, (a, b, order) in sides.items()},
    )
