"""Sources of controlled labels by name: a run's annotators, its consensus, a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session

from annotator.labeling.steps import ControlledStep
from store import annotations
from store.engine import reading
from store.errors import InvalidInput
from store.runs import get_latest_run, get_run
from store.states import RunKind

if TYPE_CHECKING:
    import sqlalchemy as sa

    from annotator.labeling.consensus import PairedUnits
    from store.tables import Run

CONSENSUS = "consensus"
PERSON = "person:"
RUN = "run:"


@dataclass(frozen=True)
class Source:
    """Whose labels, under which vocabulary, and the steps of every trace."""

    name: str
    version_id: int
    model: str
    steps: Mapping[int, Sequence[ControlledStep]]


def load_source(engine: "sa.Engine", name: str) -> Source:
    """The labels that a name means: run:3/annotator_a, run:3, person:anna, or annotator_a.

    A run alone is its consensus; a source alone is that of the newest annotate run; a person's
    labels come from every run under the newest version that they labelled with, the newest first.

    Raises:
        InvalidInput: nobody of that name labelled anything; the message lists who did.
        NotFound: there is no such run.
    """
    with reading(engine) as session:
        source, runs = _runs_of(session, name)
        steps: dict[int, list[ControlledStep]] = {}
        for run in runs:
            steps = list_steps(session, run.id, source) | steps
        if not steps:
            raise InvalidInput(f"expected a source of labels, got {name[:100]!r}; {_who(session)}")
    return Source(name, runs[0].parameters["version_id"], runs[0].model or "", steps)


def list_steps(session: Session, run_id: int, source: str) -> dict[int, list[ControlledStep]]:
    """The steps of every trace that a source labelled in a run."""
    return {
        trace: [ControlledStep(row.first, row.end, row.labels) for row in rows]
        for trace, rows in annotations.list_label_sets(session, run_id, source)
    }


def _runs_of(session: Session, name: str) -> "tuple[str, list[Run]]":
    """The source as rows name it, and the runs to look in."""
    if name.startswith(RUN):
        number, _, source = name.removeprefix(RUN).partition("/")
        if not number.isdecimal() or len(number) > 9:
            raise InvalidInput(f"expected run:NUMBER or run:NUMBER/SOURCE, got {name[:100]!r}")
        return source or CONSENSUS, [get_run(session, int(number), RunKind.ANNOTATE)]
    if not name.startswith(PERSON):
        return name, [get_latest_run(session, RunKind.ANNOTATE)]
    runs = [get_run(session, number) for number in annotations.list_source_runs(session, name)]
    version = runs[0].parameters["version_id"] if runs else None
    return name, [run for run in runs if run.parameters["version_id"] == version]


def _who(session: Session) -> str:
    known = [
        source if source.startswith(PERSON) else f"{RUN}{run}/{source}"
        for run, source in annotations.list_every_source(session)
    ]
    listed = ", ".join(list(dict.fromkeys(known))[:30])
    return f"there are {listed}" if listed else "nothing was annotated yet"


def shared_order(engine: "sa.Engine", a: Source, b: Source) -> dict[str, str]:
    """The macro-strategy of every category of the vocabulary that both labelled with.

    Raises:
        InvalidInput: the two labelled with different categories.
    """
    with reading(engine) as session:
        orders = [annotations.list_macro_strategies(session, side.version_id) for side in (a, b)]
    if set(orders[0]) != set(orders[1]):
        apart = sorted(set(orders[0]) ^ set(orders[1]))
        raise InvalidInput(
            f"expected two sources that labelled with the same categories; {a.name} and {b.name} "
            f"differ in {', '.join(apart)[:300]}"
        )
    return orders[0]


def paired(a: Source, b: Source) -> "PairedUnits":
    """The label sets of both on the units of every trace that both labelled.

    Raises:
        InvalidInput: they see different segments in a trace.
    """
    from annotator.labeling.consensus import ConsensusError, pair_units

    try:
        return pair_units(a.steps, b.steps)
    except ConsensusError as error:
        raise InvalidInput(f"{a.name} and {b.name} do not label the same segments: {error}"[:500]) \
            from error  # fmt: skip
