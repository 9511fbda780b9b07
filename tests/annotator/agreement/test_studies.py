"""Studies in rows: labelled blind, finished, settled; on both stores."""

import pytest
import sqlalchemy as sa

from annotator.agreement.plans import Plan, create_study
from annotator.agreement.studies import (
    ADJUDICATOR,
    CONSENSUS,
    adjudicate,
    finish_trace,
    list_units,
    list_waiting,
    put_labels,
    reopen_trace,
    said_by,
    source_of,
)
from store import studies
from store.engine import reading, transaction
from store.errors import Conflict, InvalidInput, MralignError, NotFound
from store.people import get_person
from store.runs import find_latest_run, get_run
from store.states import Role, RunKind, RunStatus
from store.study_tables import Study
from tests import builders
from tests.worlds import THOUGHTS, build_world

LAST = len(THOUGHTS) - 1


@pytest.fixture
def made(engine: sa.Engine) -> tuple[sa.Engine, Study]:
    """A study of three traces by Ada and Rhea."""
    build_world(engine)
    with transaction(engine) as session:
        return engine, create_study(session, Plan("s", ("Ada", "Rhea"), per_stratum=1), by=None)[0]


def label(engine: sa.Engine, study: Study, name: str, trace: int, *keys: str) -> None:
    """Put a label on each segment of a trace, the last key on all that are left; finish it."""
    with transaction(engine) as session:
        person = get_person(session, name)
        for place in range(LAST + 1):
            key = keys[min(place, len(keys) - 1)]
            put_labels(session, study, person, trace, place, ((key, 8.0),) if key else ())
        finish_trace(session, study, person, trace)


def test_a_study_from_the_first_label_to_the_consensus(made: tuple[sa.Engine, Study]) -> None:
    """What both say stands; where they differ the adjudicator decides; that settles the trace."""
    engine, study = made
    with reading(engine) as session:
        traces = [row.trace_id for row in studies.list_study_traces(session, study.id)]
        machine = find_latest_run(session, RunKind.ANNOTATE)
    label(engine, study, "Ada", traces[0], "framing", "", "retrieval")
    with reading(engine) as session:
        assert list_waiting(session, study) == [], "Rhea has not finished it"
    label(engine, study, "Rhea", traces[0], "framing", "analogy", "retrieval")
    with transaction(engine) as session:
        cora = get_person(session, "Cora")
        units = list_units(session, study, traces[0])
        assert [unit.position for unit in units if not unit.agreed] == [1]
        assert list_waiting(session, study) == traces[:1]
        with pytest.raises(Conflict, match="agree"):
            adjudicate(session, study, cora, traces[0], 0, ())
        adjudicate(session, study, cora, traces[0], 1, (("synthesis", 6.0),))
        said = said_by(session, study.run_id, CONSENSUS, traces[0])
        assert said[1] == (("synthesis", 6.0),) and said[0] == (("framing", 8.0),)
        assert len(said) == LAST + 1 and list_waiting(session, study) == []
        assert list(said_by(session, study.run_id, ADJUDICATOR, traces[0])) == [1]
        adjudicate(session, study, cora, traces[0], 1, None)
        assert list_waiting(session, study) == traces[:1]
        assert said_by(session, study.run_id, CONSENSUS, traces[0]) == {}
        assert get_run(session, study.run_id).status == RunStatus.RUNNING
    for name in ("Ada", "Rhea"):
        for trace in traces[1:]:
            label(engine, study, name, trace, "chaining")
    with reading(engine) as session:
        run = get_run(session, study.run_id)
        assert (run.status, run.done_items, run.total_items) == (RunStatus.SUCCEEDED, 6, 6)
        assert find_latest_run(session, RunKind.ANNOTATE) == machine, "people are asked by name"


def test_saying_something_again_takes_the_place_of_what_was_said(
    made: tuple[sa.Engine, Study],
) -> None:
    """None takes it back; every word is a revision; a finished trace is closed until reopened."""
    engine, study = made
    with transaction(engine) as session:
        ada = get_person(session, "Ada")
        first, second, _ = studies.list_assignments(session, study.id, person_id=ada.id)
        before = study.revision
        for labels in ((("framing", 8.0),), (("analogy", 3.5), ("chaining", 9.0)), ()):
            put_labels(session, study, ada, first.trace_id, 0, labels)
            said = said_by(session, study.run_id, source_of(ada), first.trace_id)
            assert {key for key, _ in said[0]} == {key for key, _ in labels}
        put_labels(session, study, ada, first.trace_id, 0, None)
        assert said_by(session, study.run_id, source_of(ada), first.trace_id) == {}
        assert study.revision == before + 4
        with pytest.raises(InvalidInput, match="7 are left"):
            finish_trace(session, study, ada, first.trace_id)
    label(engine, study, "Ada", first.trace_id, "framing")
    with transaction(engine) as session:
        with pytest.raises(Conflict, match="finished"):
            put_labels(session, study, ada, first.trace_id, 0, ())
        reopen_trace(session, study, ada, first.trace_id)
        put_labels(session, study, ada, first.trace_id, 0, ())
        finish_trace(session, study, ada, first.trace_id)
    for one in studies_left(engine, study, ada.id):
        label(engine, study, "Ada", one, "framing")
    with transaction(engine) as session, pytest.raises(Conflict, match="through with"):
        reopen_trace(session, study, ada, second.trace_id)


def studies_left(engine: sa.Engine, study: Study, person: int) -> list[int]:
    """The traces that somebody has not finished."""
    with reading(engine) as session:
        rows = studies.list_assignments(session, study.id, person_id=person)
        return [row.trace_id for row in rows if row.finished_at is None]


@pytest.mark.parametrize(
    ("position", "labels"),
    [
        (LAST + 1, ()),
        (-1, ()),
        (0, (("nothing", 8.0),)),
        (0, (("framing", 8.0), ("framing", 7.0))),
        (0, (("framing", 8.0), ("analogy", 7.0), ("chaining", 6.0))),
        (0, (("framing", 10.5),)),
    ],
)
def test_labels_that_break_a_rule_leave_what_was_said(
    made: tuple[sa.Engine, Study], position: int, labels: tuple[tuple[str, float], ...]
) -> None:
    """Nothing is half-written, and somebody else's trace is none of one's own."""
    engine, study = made
    with transaction(engine) as session:
        ada, cora = get_person(session, "Ada"), get_person(session, "Cora")
        trace = studies.list_assignments(session, study.id, person_id=ada.id)[0].trace_id
        put_labels(session, study, ada, trace, 0, (("retrieval", 5.0),))
        with pytest.raises(NotFound):
            put_labels(session, study, cora, trace, 0, ())
    with pytest.raises(InvalidInput), transaction(engine) as session:
        put_labels(session, study, ada, trace, position, labels)
    with reading(engine) as session:
        said = said_by(session, study.run_id, source_of(ada), trace)
        assert said == {0: (("retrieval", 5.0),)}


@pytest.mark.parametrize(
    "plan",
    [
        Plan("s", ("Ada", "Rhea")),
        Plan("", ("Ada", "Rhea")),
        Plan("t", ("Ada",)),
        Plan("t", ("Ada", "Ada")),
        Plan("t", ("Ada", "Nobody")),
        Plan("t", ("Ada", "Rhea"), facets=("weather",)),
        Plan("t", ("Ada", "Rhea"), facets=()),
        Plan("t", ("Ada", "Rhea"), per_stratum=0),
        Plan("t", ("Ada", "Rhea"), taxonomy="v1"),
        Plan("t", ("Ada", "n" * 90)),
    ],
)
def test_a_plan_that_cannot_be_carried_out_makes_nothing(
    made: tuple[sa.Engine, Study], plan: Plan
) -> None:
    """Neither study nor run."""
    engine, study = made
    with transaction(engine) as session:
        builders.add_person(session, "n" * 90, Role.ANNOTATOR)
    with pytest.raises(MralignError), transaction(engine) as session:
        create_study(session, plan, by=None)
    with reading(engine) as session:
        assert [one.id for one in studies.list_studies(session)] == [study.id]
