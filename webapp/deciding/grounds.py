"""The labelled traces that what-if questions are asked of: read once a run, then shared."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col

from store.errors import NotFound
from store.runs import list_runs
from store.states import RunKind, RunStatus
from store.tables import LabelInstance, Run, TaxonomyVersion
from webapp.transitions.matrices import fingerprint

if TYPE_CHECKING:
    from alignment.inspection.edits import Edit
    from alignment.inspection.whatif import Ground, Survey, WhatIf

ENDED = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
ANSWERS = 32  # a page and its three images ask the same; so does who goes back and forth


@dataclass(frozen=True)
class Standing:
    """A ground with its survey, and the answers that were given of late."""

    ground: "Ground"
    before: "Survey"
    answers: "OrderedDict[Edit, WhatIf]"


class Grounds:
    """Keeps the ground of the run that was asked about last, so that an answer need not read it."""

    def __init__(self) -> None:
        self._key: tuple[int, ...] | None = None
        self._standing: Standing | None = None
        self._lock = Lock()

    def get(self, session: Session, run_id: int) -> Standing:
        """The ground of an annotate run, as it stands in the store.

        Raises:
            InvalidInput: no annotated trace has a polarity.
        """
        key = (*fingerprint(session, run_id), _newest_instance(session))
        with self._lock:
            if self._standing is None or self._key != key:
                self._standing, self._key = _load(session, run_id), key
            return self._standing

    def answer(self, standing: Standing, edit: "Edit") -> "WhatIf":
        """What the edit would change.

        Raises:
            InvalidInput: the edit names what the run does not know, or changes nothing.
        """
        from alignment.export.run import mendable
        from alignment.inspection.whatif import what_if

        with self._lock, mendable():
            found = standing.answers.pop(edit, None)
            if found is None:
                found = what_if(standing.ground, standing.before, edit)
            standing.answers[edit] = found
            if len(standing.answers) > ANSWERS:
                standing.answers.popitem(last=False)
            return found


def _load(session: Session, run_id: int) -> Standing:
    from alignment.export.pool import ExportSettings
    from alignment.inspection.grounds import load_ground  # loads numpy, which few pages need
    from alignment.inspection.whatif import survey

    ground = load_ground(session, ExportSettings(annotate_run_id=run_id))
    return Standing(ground, survey(ground), OrderedDict())


def _newest_instance(session: Session) -> int:
    query = sa.select(sa.func.max(col(LabelInstance.id)))
    return session.execute(query).scalar() or 0


def get_ground_run(session: Session, version_id: int) -> tuple[Run, TaxonomyVersion]:
    """The newest annotate run that can tell of a version: of it, of its forebears, of its preset.

    Raises:
        NotFound: there is none; the message says what to do.
    """
    version = session.get_one(TaxonomyVersion, version_id)
    family = _forebears(session, version)
    for run in list_runs(session, RunKind.ANNOTATE, limit=200):
        number = run.parameters.get("version_id")
        used = session.get(TaxonomyVersion, number) if isinstance(number, int) else None
        if run.status not in ENDED or used is None:
            continue
        if used.id in family or (used.preset is not None and used.preset == version.preset):
            return run, used
    raise NotFound(
        f"expected a finished annotate run with {version.name}, a version before it, or its "
        "preset, found none; annotate with a frozen version: `mralign annotate run`"
    )


def _forebears(session: Session, version: TaxonomyVersion) -> set[int]:
    """The version itself and those that it was drafted from."""
    found: set[int] = set()
    number: int | None = version.id
    while number is not None and number not in found:
        found.add(number)
        number = session.get_one(TaxonomyVersion, number).parent_id
    return found
