"""What the overview counts, on either store."""

from pathlib import Path

import sqlalchemy as sa

from benchmarks.furnishing import People, furnish
from store.engine import reading
from store.people import get_person
from store.states import RunKind
from tests.worlds import build_world
from webapp.overview.listings import LISTS, Asked
from webapp.overview.tallies import Tallies
from webapp.queries.outcomes import sum_costs
from webapp.queries.progress import list_progress


def test_every_list_is_read_from_either_store(engine: sa.Engine, tmp_path: Path) -> None:
    """The counts of one store are those of the other."""
    build_world(engine)
    furnish(engine, People("Cora", "Ada", "Rhea"), tmp_path / "export")
    tallies = Tallies()
    with reading(engine) as session:
        held = tallies.read(session)
        studies = list_progress(session, get_person(session, "Cora").id, runs_them=True)
        pages = {
            name: make(Asked(session, tallies, held, studies, 0, ""))
            for name, make in LISTS.items()
        }
        costs = {cost.kind: cost for cost in sum_costs(session)}
        assert tallies.read(session) == held
    assert (held.inputs.traces, held.inputs.positive, held.inputs.segments) == (6, 1, 21)
    assert held.annotated is not None and held.annotated.left == 1
    assert [len(pages[name].rows) for name in ("labels", "clusters", "failed")] == [27, 2, 1]
    assert {one.source: one.segments for one in held.annotated.sources} == dict.fromkeys(
        ("annotator_a", "annotator_b", "consensus"), 14
    )
    assert [(one.finished, one.assigned, one.settled, one.ready) for one in studies] == [
        (6, 6, 0, 3), (4, 6, 0, 1)
    ]  # fmt: skip
    assert costs[RunKind.ANNOTATE].tokens == 123_456 and costs[RunKind.ANNOTATE].usd == 1.25
    assert costs[RunKind.TRAIN].runs == 2
    with reading(engine) as session:
        disputes = tallies.disputes(session, 2, 0)
    assert disputes == 1
