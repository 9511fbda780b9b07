"""Candidates from a live endpoint: every draw asked once, kept, and stored as a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

import sqlalchemy as sa
from sqlmodel import col, select

from alignment.sampling.draws import (
    Mode,
    NoDraw,
    SampledTrace,
    Sampling,
    distinct,
    draw,
    draw_names,
    whole_reply,
)
from alignment.sampling.questions import AskedQuestion
from gateway.door import Door
from gateway.exchange import Chat, ChatReply, ChatRequest
from gateway.forecast import Rehearsal
from gateway.limits import each_done
from store.engine import reading, transaction
from store.errors import MralignError
from store.progress import Teller, both
from store.runs import failing_run, finish_run, start_run
from store.states import RunKind, RunStatus
from store.tables import Trace
from store.traces import Segmenter, add_traces

BATCH = 100
OnProgress = Callable[[int, int], None]


@dataclass
class SampleReport:
    """What sampling came to; a draw that failed may be asked for again."""

    run_id: int
    questions: int = 0
    stored: int = 0
    already: int = 0
    no_draws: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Sampled:
    """What the missing draws of a question gave."""

    traces: tuple[SampledTrace, ...]
    already: int
    no_draws: tuple[str, ...]


def sample_traces(
    engine: sa.Engine,
    door: Door,
    questions: Sequence[AskedQuestion],
    sampling: Sampling,
    segmenter: Segmenter,
    at_once: int = 8,
    dataset: str | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> SampleReport:
    """Store the draws that are missing; whatever was answered before is neither sent nor paid for.

    The draws of a question are written together, in the order of their numbers.

    Raises:
        BudgetSpent: the cap was reached; what was answered is kept.
        EndpointUnusable: no request will succeed.
    """
    asked = distinct(questions)
    parameters = {**asdict(sampling), "digest": sampling.digest(), "dataset": dataset,
                  "questions": len(asked)}  # fmt: skip
    run = start_run(engine, RunKind.IMPORT, model=sampling.model[:200], parameters=parameters,
                    total_items=len(asked))  # fmt: skip
    report = SampleReport(run.id)
    doors = _doors(replace(door, run_id=run.id), sampling)
    on_progress = both(Teller(engine, run.id).count, on_progress)

    def ask(pair: tuple[AskedQuestion, frozenset[str]]) -> _Sampled:
        return _draws(doors, pair[0], pair[1], sampling, dataset)

    with failing_run(engine, run.id):
        try:
            for _, sampled in each_done(ask, _with_known(engine, asked, sampling), at_once):
                _store(engine, sampled, segmenter, report)
                on_progress(report.questions, len(asked))
        except MralignError as error:
            if report.stored:
                _finish(engine, report, RunStatus.PARTIAL, f"{error}"[:2000])
            raise
        status = RunStatus.PARTIAL if report.no_draws else RunStatus.SUCCEEDED
        _finish(engine, report, status, f"{report.stored} draws stored")
    return report


def rehearse_sampling(
    engine: sa.Engine, rehearsals: dict[Mode, Rehearsal], questions: Sequence[AskedQuestion],
    sampling: Sampling,
) -> int:  # fmt: skip
    """Let doors that send nothing see what would be asked; the number of questions."""
    asked = distinct(questions)
    for question, known in _with_known(engine, asked, sampling):
        for name, mode, number in draw_names(question, sampling):
            if name not in known:
                rehearsal = rehearsals[mode]
                rehearsal.door = replace(rehearsal.door, seed=number)
                rehearsal.ask(sampling.messages(question.text))
    return len(asked)


def door_of(door: Door, sampling: Sampling, mode: Mode) -> Door:
    """The door through which one mode is asked; reasoning that is filed apart comes with it."""
    return replace(
        door, chat=_Whole(door.chat), temperature=sampling.temperature,
        max_tokens=sampling.max_tokens, extra=sampling.body(mode),
        suffix=sampling.switch.suffix(mode), deployment=sampling.deployment,
    )  # fmt: skip


def _doors(door: Door, sampling: Sampling) -> dict[tuple[Mode, int], Door]:
    """A door a draw: its number is the seed, so that each draw is a request of its own."""
    modes: tuple[Mode, Mode] = ("on", "off")
    return {
        (mode, number): replace(door_of(door, sampling, mode), seed=number)
        for mode in modes
        for number in range(sampling.draws)
    }


@dataclass(frozen=True)
class _Whole:
    """A client whose replies hold the thinking, so that the kept reply does."""

    chat: Chat

    def __call__(self, request: ChatRequest) -> ChatReply:
        reply = self.chat(request)
        return replace(reply, text=whole_reply(reply.text, reply.reasoning))


def _with_known(
    engine: sa.Engine, questions: Sequence[AskedQuestion], sampling: Sampling
) -> Iterator[tuple[AskedQuestion, frozenset[str]]]:
    """The questions, each with the draws of it that are stored."""
    source = iter(questions)
    while batch := list(islice(source, BATCH // sampling.draws + 1)):
        names = {q.id: {name for name, *_ in draw_names(q, sampling)} for q in batch}
        with reading(engine) as session:
            query = select(Trace.external_id).where(
                col(Trace.external_id).in_({name for each in names.values() for name in each})
            )
            known = frozenset(session.exec(query))
        for question in batch:
            yield question, known & names[question.id]


def _draws(
    doors: dict[tuple[Mode, int], Door],
    question: AskedQuestion,
    known: frozenset[str],
    sampling: Sampling,
    dataset: str | None,
) -> _Sampled:
    traces, faults = list[SampledTrace](), list[str]()
    for name in draw_names(question, sampling):
        if name[0] in known:
            continue
        answer = doors[name[1], name[2]].ask(sampling.messages(question.text))
        try:
            if answer.trouble is not None:
                raise NoDraw("the reply was cut off" if answer.truncated else answer.trouble[:200])
            traces.append(draw(question, sampling, name, answer.text, dataset))
        except NoDraw as fault:
            faults.append(str(fault))
    return _Sampled(tuple(traces), len(known), tuple(faults))


def _store(
    engine: sa.Engine, sampled: _Sampled, segmenter: Segmenter, report: SampleReport
) -> None:
    if sampled.traces:
        with transaction(engine) as session:
            report.stored += add_traces(session, sampled.traces, segmenter).traces
    report.questions += 1
    report.already += sampled.already
    report.no_draws.update(sampled.no_draws)


def _finish(engine: sa.Engine, report: SampleReport, status: RunStatus, message: str) -> None:
    metrics = {"stored": report.stored, "already": report.already,
               "no_draws": dict(report.no_draws)}  # fmt: skip
    with transaction(engine) as session:
        finish_run(session, report.run_id, status, message, metrics=metrics,
                   done_items=report.questions)  # fmt: skip
