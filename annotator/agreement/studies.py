"""Studies: labelled by people who do not see each other, settled by an adjudicator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from annotator.labeling.consensus import MAX_LABELS, Labels, Rule
from store import annotations, studies
from store.annotations import StepRow
from store.audit import Actor
from store.errors import Conflict, InvalidInput
from store.items import put_item
from store.runs import finish_run, get_run
from store.states import ItemStatus, RunStatus
from store.study_tables import Study, StudyAssignment
from store.tables import Person
from store.taxonomies import list_categories

PERSON, ADJUDICATOR, CONSENSUS = "person:", "adjudicator", "consensus"


@dataclass(frozen=True)
class Unit:
    """A segment of a trace with what each person said, and what was decided where they differ."""

    position: int
    sides: Mapping[int, Labels]  # by person
    decided: Labels | None = None

    @property
    def agreed(self) -> bool:
        """Whether everybody put the same labels on it."""
        return len({frozenset(key for key, _ in labels) for labels in self.sides.values()}) <= 1


def source_of(person: Actor) -> str:
    """Whose rows they are."""
    return PERSON + person.name


def put_labels(
    session: Session,
    study: Study,
    person: Actor,
    trace_id: int,
    position: int,
    labels: Labels | None,
) -> int:
    """Write what somebody says of a segment, in the place of what they said; None takes it back.

    The result is the study's new revision.

    Raises:
        NotFound: the trace is none of theirs. Conflict: they have finished it.
        InvalidInput: no such segment, or labels that the vocabulary or the rules do not allow.
    """
    assignment = studies.get_assignment(session, study.id, person.id, trace_id)
    if assignment.finished_at is not None:
        raise Conflict("expected a trace that you have not finished, got one that you have")
    _write(session, study, source_of(person), person, trace_id, position, labels)
    return studies.bump(session, study)


def _write(
    session: Session,
    study: Study,
    source: str,
    person: Actor,
    trace_id: int,
    position: int,
    labels: Labels | None,
) -> None:
    count = studies.count_positions(session, trace_id)
    if not 0 <= position < count:
        raise InvalidInput(f"expected a segment from 0 to {count - 1}, got {position}")
    ids = {row.key: row.id for row in list_categories(session, study.version_id)}
    annotations.remove_steps(session, study.run_id, trace_id, source, position)
    if labels is not None:
        check_labels(labels, ids)
        rule = Rule.ADJUDICATED if source == ADJUDICATOR else None
        step = StepRow(position, position + 1, labels, rule)
        annotations.append_steps(session, study.run_id, trace_id, source, [step], ids, person.id)


def check_labels(labels: Labels, known: Iterable[str]) -> None:
    """Refuse what the rules do not allow: more than two, unknown, twice, or no confidence.

    Raises:
        InvalidInput: the message says which.
    """
    keys = [key for key, _ in labels]
    unknown = sorted(set(keys) - set(known))
    if unknown:
        raise InvalidInput(f"expected categories of the study's version, got {unknown[0][:80]!r}")
    if len(keys) > MAX_LABELS or len(set(keys)) != len(keys):
        raise InvalidInput(f"expected up to {MAX_LABELS} different categories, got {len(keys)}")
    if any(not 0 <= sure <= 10 for _, sure in labels):
        raise InvalidInput("expected confidences from 0 to 10")


def finish_trace(session: Session, study: Study, person: Actor, trace_id: int) -> int:
    """Say that somebody is done with a trace: every segment has its labels, or none on purpose.

    Raises:
        NotFound: the trace is none of theirs. InvalidInput: segments are left.
    """
    assignment = studies.get_assignment(session, study.id, person.id, trace_id)
    if assignment.finished_at is not None:
        return study.revision
    source = source_of(person)
    said = studies.count_said(session, study.run_id, trace_id, source)
    left = studies.count_positions(session, trace_id) - said
    if left:
        raise InvalidInput(f"expected every segment labelled, or marked as none; {left} are left")
    studies.finish_assignment(session, assignment)
    put_item(session, study.run_id, trace_id, source, status=ItemStatus.DONE)
    settle(session, study, trace_id)
    _count_finished(session, study)
    return studies.bump(session, study)


def reopen_trace(session: Session, study: Study, person: Actor, trace_id: int) -> int:
    """Take a trace up again that one finished, while one still labels blind.

    Raises:
        NotFound: the trace is none of theirs.
        Conflict: they are through with the study and may have seen what others said, or the
            trace is adjudicated.
    """
    assignment = studies.get_assignment(session, study.id, person.id, trace_id)
    if is_done(studies.list_assignments(session, study.id, person_id=person.id)):
        raise Conflict("expected a study that you still label, got one that you are through with")
    if _sides(session, study, trace_id, (ADJUDICATOR,))[ADJUDICATOR]:
        raise Conflict("expected a trace that is not adjudicated yet, got one that is")
    assignment.finished_at = None
    session.add(assignment)
    annotations.remove_steps(session, study.run_id, trace_id, CONSENSUS)
    studies.mark_settled(session, study.id, trace_id, settled=False)
    _count_finished(session, study)
    return studies.bump(session, study)


def is_done(assignments: Sequence[StudyAssignment]) -> bool:
    """Whether every one of them is finished."""
    return all(one.finished_at is not None for one in assignments)


def _count_finished(session: Session, study: Study) -> None:
    session.flush()
    rows = studies.list_assignments(session, study.id)
    finished = sum(one.finished_at is not None for one in rows)
    run = get_run(session, study.run_id)
    run.done_items = finished
    if finished == len(rows):
        message = f"{finished} traces labelled in study {study.name}"
        finish_run(session, study.run_id, RunStatus.SUCCEEDED, message)
    else:
        run.status, run.ended_at = RunStatus.RUNNING, None
    session.add(run)


def list_units(session: Session, study: Study, trace_id: int) -> list[Unit]:
    """The segments of a trace of which everybody has spoken, with what was decided."""
    people = {person.id: source_of(person) for person in _labelers_of(session, study, trace_id)}
    if not people:
        return []
    found = _sides(session, study, trace_id, (*people.values(), ADJUDICATOR))
    decided = found.pop(ADJUDICATOR)
    shared = set.intersection(*(set(found[source]) for source in people.values()))
    return [
        Unit(place, {number: found[source][place] for number, source in people.items()},
             decided.get(place))
        for place in sorted(shared)
    ]  # fmt: skip


def _labelers_of(session: Session, study: Study, trace_id: int) -> list[Person]:
    rows = studies.list_assignments(session, study.id, trace_id=trace_id)
    numbers = {row.person_id for row in rows}
    return [one for one in studies.list_labelers(session, study.id) if one.id in numbers]


def _sides(
    session: Session, study: Study, trace_id: int, sources: Sequence[str]
) -> dict[str, dict[int, Labels]]:
    """What each source said of each segment."""
    return {source: said_by(session, study.run_id, source, trace_id) for source in sources}


def said_by(session: Session, run_id: int, source: str, trace_id: int) -> dict[int, Labels]:
    """What a source of a run said of each segment of a trace."""
    rows = annotations.list_label_sets(session, run_id, source, trace_id)
    return {
        place: step.labels
        for _, steps in rows
        for step in steps
        for place in range(step.first, step.end)
    }


def adjudicate(
    session: Session,
    study: Study,
    person: Actor,
    trace_id: int,
    position: int,
    labels: Labels | None,
) -> int:
    """Write what the adjudicator decides on a segment on which people differ; None takes it back.

    Raises:
        Conflict: somebody still labels the trace, or all agree on the segment.
        InvalidInput: labels that the vocabulary or the rules do not allow.
    """
    require_open_to(session, study, person)
    if not is_done(rows := studies.list_assignments(session, study.id, trace_id=trace_id)):
        raise Conflict("expected a trace that all have finished; somebody still labels this one")
    differing = {unit.position for unit in list_units(session, study, trace_id) if not unit.agreed}
    if not rows or position not in differing:
        raise Conflict("expected a segment on which people differ; on this one they agree")
    _write(session, study, ADJUDICATOR, person, trace_id, position, labels)
    settle(session, study, trace_id)
    return studies.bump(session, study)


def require_open_to(session: Session, study: Study, person: Actor) -> None:
    """Refuse somebody who still labels blind.

    Raises:
        Conflict: they do.
    """
    if not is_done(studies.list_assignments(session, study.id, person_id=person.id)):
        raise Conflict("expected somebody who is through with their own traces; finish yours first")


def settle(session: Session, study: Study, trace_id: int) -> bool:
    """Write the consensus of a trace once all have finished it and each difference is decided."""
    finished = is_done(studies.list_assignments(session, study.id, trace_id=trace_id))
    units = list_units(session, study, trace_id) if finished else []
    steps = [_settled(unit) for unit in units]
    whole = bool(steps) and None not in steps
    annotations.remove_steps(session, study.run_id, trace_id, CONSENSUS)
    if whole:
        ids = {row.key: row.id for row in list_categories(session, study.version_id)}
        annotations.append_steps(
            session, study.run_id, trace_id, CONSENSUS, [step for step in steps if step], ids
        )
    studies.mark_settled(session, study.id, trace_id, settled=whole)
    return whole


def _settled(unit: Unit) -> StepRow | None:
    """What all say, with the confidences of the first of them, or what was decided."""
    if unit.agreed:
        labels = next(iter(unit.sides.values()))
        return StepRow(unit.position, unit.position + 1, labels, Rule.AGREED)
    if unit.decided is None:
        return None
    return StepRow(unit.position, unit.position + 1, unit.decided, Rule.ADJUDICATED)


def list_waiting(session: Session, study: Study) -> list[int]:
    """The traces that all have finished and on which something is left to decide, in order."""
    rows = studies.list_assignments(session, study.id)
    open_ones = {row.trace_id for row in rows if row.finished_at is None}
    return [
        row.trace_id
        for row in studies.list_study_traces(session, study.id)
        if not row.settled and row.trace_id not in open_ones
    ]
