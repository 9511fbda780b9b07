"""The work of a run over traces: which are left, in batches, and how the run ended."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from annotator.labeling.steps import TraceView
from gateway.faults import RepliesPending
from store.engine import reading, transaction
from store.errors import InvalidInput, MralignError
from store.items import count_items, list_pending, list_thinking, load_traces
from store.metadata import utc_now
from store.progress import add_beat, alive
from store.runs import finish_run, get_run, start_run
from store.states import ItemStatus, RunKind, RunStatus
from store.tables import Run

TRACES_A_BATCH = 64
COMMIT_WITHIN_S = 2.0
COMMIT_EVERY = 64  # traces; whatever was paid for before that is kept by the gateway

Progress = Callable[[int, int], None]
Prepare = Callable[[Run], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Task:
    """What a run is to do: its kind, who does it, and on which traces."""

    kind: RunKind
    model: str
    source: str
    limit: int | None = None
    resume: int | None = None
    prompt_hash: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


def begin(engine: sa.Engine, task: Task) -> Run:
    """Start the run's row, or take up the one that is to go on.

    Raises:
        InvalidInput: there are no traces with thinking, or the run to go on is another's.
    """
    if task.resume is not None:
        return _take_up(engine, task, task.resume)
    with reading(engine) as session:
        chosen = list_thinking(session, task.limit)
    if not chosen:
        raise InvalidInput(
            "expected traces with thinking, found none; run `mralign traces import FILE` first"
        )
    parameters = {**task.parameters, "limit": task.limit, "last_trace_id": chosen[-1]}
    return start_run(
        engine, task.kind, model=task.model, prompt_hash=task.prompt_hash,
        parameters=parameters, total_items=len(chosen),
    )  # fmt: skip


def _take_up(engine: sa.Engine, task: Task, run_id: int) -> Run:
    with transaction(engine) as session:
        run = get_run(session, run_id, task.kind)
        if run.status == RunStatus.SUCCEEDED:
            raise InvalidInput(f"expected a run that is not finished, got run {run_id}, which is")
        for name, had, wants in (
            ("model", run.model, task.model),
            ("prompt", run.prompt_hash, task.prompt_hash),
            *((key, run.parameters.get(key), value) for key, value in task.parameters.items()),
        ):
            if had != wants:
                raise InvalidInput(
                    f"expected the {name} that run {run_id} began with, {had!r}, got {wants!r}; "
                    "start a new run instead"
                )
        run.status, run.message, run.ended_at = RunStatus.RUNNING, None, None
        run.beat_at = utc_now()
        add_beat(session, run.id, run.done_items, run.tokens, run.cost_usd)
        session.add(run)
    return run


def pending(engine: sa.Engine, run: Run, source: str) -> list[int]:
    """The traces that the run has still to do."""
    with reading(engine) as session:
        return list_pending(session, run.id, source, run.parameters["last_trace_id"])


def visit(engine: sa.Engine, task: Task) -> Iterator[TraceView]:
    """The traces that a run would have to do, without starting or changing one.

    Raises:
        NotFound: the run to go on does not exist.
    """
    with reading(engine) as session:
        if task.resume is None:
            left = list_thinking(session, task.limit)
        else:
            run = get_run(session, task.resume, task.kind)
            last = run.parameters["last_trace_id"]
            left = list_pending(session, run.id, task.source, last)
    for batch in batches(engine, left):
        yield from batch


def batches(engine: sa.Engine, trace_ids: Sequence[int]) -> Iterator[list[TraceView]]:
    """The traces as labelers see them, some at a time, so that memory stays flat."""
    for start in range(0, len(trace_ids), TRACES_A_BATCH):
        yield view_traces(engine, trace_ids[start : start + TRACES_A_BATCH])


def view_traces(engine: sa.Engine, trace_ids: Sequence[int]) -> list[TraceView]:
    """These traces as labelers see them."""
    with reading(engine) as session:
        rows = load_traces(session, trace_ids)
    return [
        TraceView(
            id=trace.id,
            external_id=trace.external_id,
            question=question.text,
            gold_answers=tuple(question.gold_answers),
            thinking=trace.thinking,
            segments=tuple((segment.start, segment.end) for segment in segments),
        )
        for trace, question, segments in rows
    ]


def status_of(invalid: str | None, unanswered: bool) -> ItemStatus:
    """Failed where nobody answered, so that it is tried again; invalid replies are kept."""
    if invalid is None:
        return ItemStatus.DONE
    return ItemStatus.FAILED if unanswered else ItemStatus.INVALID


def detail_of(invalid: str | None, repairs: Sequence[str]) -> str | None:
    """Why a trace is invalid, or what was repaired, as far as it fits."""
    text = invalid or "; ".join(repairs)
    return text[:2000].replace("\x00", "\\0") or None


def end(engine: sa.Engine, run_id: int, source: str) -> Run:
    """Say how the run ended: partial where a trace is invalid or was not answered for."""
    with transaction(engine) as session:
        counts = count_items(session, run_id, source)
        left = {status: n for status, n in counts.items() if status != ItemStatus.DONE}
        message = ", ".join(f"{n:,} {status.value}" for status, n in sorted(left.items()))
        status = RunStatus.PARTIAL if left else RunStatus.SUCCEEDED
        finish_run(session, run_id, status, message or None)
        return get_run(session, run_id)


def keep_all(
    engine: sa.Engine,
    run: Run,
    source: str,
    do_all: Callable[[Iterable[TraceView]], Iterator[tuple[TraceView, Result]]],
    keep: Callable[[Session, Run, Sequence[tuple[TraceView, Result]]], None],
    on_progress: Progress | None = None,
) -> None:
    """Do what is left and commit it some traces at a time, what came before an error included."""
    left = pending(engine, run, source)
    total = run.total_items or len(left)
    done = total - len(left)
    in_hand: list[tuple[TraceView, Result]] = []
    committed_at = time.monotonic()
    try:
        for pair in do_all(trace for batch in batches(engine, left) for trace in batch):
            in_hand.append(pair)
            late = time.monotonic() - committed_at >= COMMIT_WITHIN_S
            if len(in_hand) >= COMMIT_EVERY or late:
                done = _commit(engine, run.id, in_hand, keep, done)
                committed_at = time.monotonic()
                _report(on_progress, done, total)
    finally:
        done = _commit(engine, run.id, in_hand, keep, done)
        _report(on_progress, done, total)


def carry_out(
    engine: sa.Engine,
    task: Task,
    do_all: Callable[[Iterable[TraceView]], Iterator[tuple[TraceView, Result]]],
    keep: Callable[[Session, Run, Sequence[tuple[TraceView, Result]]], None],
    prepare: Prepare | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """A run from its beginning, or from where it was killed, to its end.

    `prepare` sees the run's row before the first trace is done.

    Raises:
        InvalidInput: there is nothing to do, or the run to go on is another's.
    """
    run = begin(engine, task)
    with stopping_run(engine, run.id, task.source):
        if prepare is not None:
            prepare(run)
        keep_all(engine, run, task.source, do_all, keep, on_progress)
        return end(engine, run.id, task.source)


def rehearse(engine: sa.Engine, task: Task, each: Callable[[TraceView], object]) -> int:
    """Let somebody who sends nothing see what a run would do; the number of traces."""
    done = 0
    for trace in visit(engine, task):
        each(trace)
        done += 1
    return done


def in_batches(
    do_batch: Callable[[Sequence[TraceView]], Iterator[tuple[TraceView, Result]]],
) -> Callable[[Iterable[TraceView]], Iterator[tuple[TraceView, Result]]]:
    """The same for traces that come one by one: some are gathered, then done together."""

    def do_all(traces: Iterable[TraceView]) -> Iterator[tuple[TraceView, Result]]:
        source = iter(traces)
        while batch := list(islice(source, TRACES_A_BATCH)):
            yield from do_batch(batch)

    return do_all


def _commit(
    engine: sa.Engine,
    run_id: int,
    in_hand: list[tuple[TraceView, Result]],
    keep: Callable[[Session, Run, Sequence[tuple[TraceView, Result]]], None],
    done: int,
) -> int:
    """Write the results, and empty the hand; what they cost was added with each reply."""
    if not in_hand:
        return done
    with transaction(engine) as session:
        run = get_run(session, run_id)
        keep(session, run, in_hand)
        run.done_items = done + len(in_hand)
    count = len(in_hand)
    in_hand.clear()
    return done + count


def _report(on_progress: Progress | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(done, total)


@contextmanager
def stopping_run(engine: sa.Engine, run_id: int, source: str) -> Iterator[None]:
    """Mark the run as failed if the block raises, or as partial where it left results to use.

    Only an error that the user can mend, such as a spent budget, leaves a partial run. A run that
    waits for batches is still running.
    """
    try:
        with alive(engine, run_id):
            yield
    except RepliesPending as waiting:
        with transaction(engine) as session:
            run = get_run(session, run_id)
            run.message, run.beat_at = str(waiting), None
        raise
    except BaseException as error:
        with transaction(engine) as session:
            usable = count_items(session, run_id, source).get(ItemStatus.DONE, 0)
            partial = isinstance(error, MralignError) and usable
            status = RunStatus.PARTIAL if partial else RunStatus.FAILED
            text = f"{type(error).__name__}: {error}"[:2000].replace("\x00", "\\0")
            finish_run(session, run_id, status, text)
        raise
