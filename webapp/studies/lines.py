"""The labels of a study as lines: a line a trace and source, which can be taken over again."""

import json
from collections.abc import Iterator

import sqlalchemy as sa

from annotator.agreement.studies import ADJUDICATOR, CONSENSUS, source_of
from annotator.exchange.given import Handout, Side, write_own
from annotator.labeling.steps import ControlledStep
from annotator.labeling.work import batches
from store import annotations, studies
from store.annotations import StepRow
from store.engine import reading
from store.study_tables import Study


def write_lines(engine: sa.Engine, study: Study) -> Iterator[str]:
    """What each person, the adjudicator and the consensus say of each trace, as JSON lines."""
    with reading(engine) as session:
        strata = {row.trace_id: row for row in studies.list_study_traces(session, study.id)}
        people = [source_of(person) for person in studies.list_labelers(session, study.id)]
        said: dict[int, list[tuple[str, list[StepRow]]]] = {}
        for source in (*people, ADJUDICATOR, CONSENSUS):
            for trace, steps in annotations.list_label_sets(session, study.run_id, source):
                said.setdefault(trace, []).append((source, steps))
    for batch in batches(engine, [trace for trace in strata if trace in said]):
        for view in sorted(batch, key=lambda one: strata[one.id].position):
            drawn = strata[view.id]
            for source, rows in said[view.id]:
                given = [ControlledStep(row.first, row.end, row.labels) for row in rows]
                line = write_own(Handout(view, Side(source, given)))
                line |= {"study": study.name, "stratum": drawn.stratum, "settled": drawn.settled}
                yield json.dumps(line, ensure_ascii=False) + "\n"
