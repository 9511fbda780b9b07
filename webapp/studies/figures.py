"""The figures of studies as pages show them: kept by revision, intervals drawn off the request."""

from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from sqlmodel import Session

from store.study_tables import Study
from webapp.studies.comparing import Compared, compare_units, read_units

if TYPE_CHECKING:
    from annotator.labeling.consensus import PairedUnits

KEPT = 32
RESAMPLES = 100
PATIENCE_S = 2.0

Key = tuple[int, int, str, str]


@dataclass(frozen=True)
class Found:
    """The figures of two people; `pending` says that the distance's interval is still drawn."""

    compared: Compared
    pending: bool


class StudyFigures:
    """Keeps what was computed for the newest revisions of studies."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[Compared, Future[Compared]]] = OrderedDict()
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="study-figures")

    def get(self, session: Session, study: Study, a: str, b: str) -> Found:
        """The figures between two sources of a study, as far as both have labelled."""
        key = (study.id, study.revision, a, b)
        with self._lock:
            held = self._kept.get(key)
        if held is None:
            units, macro = read_units(session, study.run_id, study.version_id, a, b)
            held = self._begin(key, units, macro)
        quick, whole = held
        try:
            return Found(whole.result(PATIENCE_S), pending=False)
        except TooLong:
            return Found(quick, pending=True)

    def _begin(
        self, key: Key, units: "PairedUnits", macro: Mapping[str, str]
    ) -> tuple[Compared, Future[Compared]]:
        quick = compare_units(units, macro, 0)
        with self._lock:
            for old in [one for one in self._kept if one[0] == key[0] and one[2:] == key[2:]]:
                self._kept.pop(old)[1].cancel()
            held = quick, self._worker.submit(compare_units, units, macro, RESAMPLES)
            self._kept[key] = held
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return held
