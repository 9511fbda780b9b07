"""Traces, a run over them against a local endpoint, and the bare loop to compare it with."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from annotator.labeling.run import run_labeling
from annotator.language_models.endpoint import endpoint_labeler
from annotator.traces.segmentation import segment
from gateway.door import open_role
from gateway.limits import Retries
from gateway.roles import Role, resolve_role
from store import schema
from store.engine import get_engine, transaction
from store.metadata import utc_now
from store.states import RunKind, ThinkingMode
from store.tables import Question, Run, Segment, Trace

ROOT = Path(__file__).parents[1]
PIECES = ("Okay, the question is number {}.", "I recall that {} is the answer.", "Wait, check {}.")
ROWS_AT_ONCE = 1000


@contextmanager
def endpoint(**options: Any) -> Iterator[str]:
    """The local endpoint as a process of its own; its address."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "benchmarks.endpoint", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


@contextmanager
def llama_server() -> Iterator[str]:
    """A small real model as a process of its own; its address."""
    command = [sys.executable, "-m", "benchmarks.llama"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        command, text=True, cwd=ROOT, stderr=subprocess.DEVNULL, **pipes
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def fill(url: str, traces: int, pieces: Sequence[str] = PIECES) -> None:
    """Write a new database with so many traces, a segment for each piece."""
    engine = get_engine(url)
    schema.upgrade(engine)
    for start in range(0, traces, ROWS_AT_ONCE):
        numbers = range(start + 1, min(start + ROWS_AT_ONCE, traces) + 1)
        with transaction(engine) as session:
            for table, rows in rows_of(numbers, pieces).items():
                session.execute(sa.insert(table), rows)
    engine.dispose()


def rows_of(numbers: range, pieces: Sequence[str]) -> dict[Any, list[dict[str, Any]]]:
    """The rows of these traces."""
    questions, traces, segments = [], [], []
    for number in numbers:
        thinking = "\n\n".join(piece.format(number) for piece in pieces)
        questions.append({"id": number, "key": f"{number:064}", "text": f"What is {number}?",
                          "gold_answers": [str(number)]})  # fmt: skip
        traces.append({"id": number, "external_id": f"t{number}", "question_id": number,
                       "model": "local", "thinking_mode": ThinkingMode.ON, "thinking": thinking,
                       "answer": str(number), "content_hash": f"{number:064}", "details": {},
                       "created_at": utc_now()})  # fmt: skip
        segments += [
            {"trace_id": number, "position": position, "start": start, "end": end,
             "content_type": "text"}
            for position, (start, end) in enumerate(segment(thinking))
        ]  # fmt: skip
    return {Question: questions, Trace: traces, Segment: segments}


def label(
    url: str, address: str, *, at_once: int, timeout_s: float = 30.0, patient: bool = True,
    **more: Any,
) -> Run:  # fmt: skip
    """Label every trace; an unfinished run of this database goes on."""
    engine = get_engine(url)
    with engine.connect() as connection:
        query = sa.select(sa.func.max(Run.id)).where(Run.kind == RunKind.LABEL)  # type: ignore[arg-type]
        resume = connection.execute(query).scalar_one()
    options = {"model": "local", "base_url": address, "at_once": at_once, "timeout_s": timeout_s,
               **more}  # fmt: skip
    with open_role(engine, resolve_role(Role.LABELER, options=options)) as door:
        door.retries = Retries() if patient else Retries(first_wait_s=0.01)
        labeler = endpoint_labeler(door.ask, at_once)

        def prepare(run: Run) -> None:
            door.run_id = run.id

        return run_labeling(engine, labeler, model=door.model, resume=resume,
                            prompt_hash=labeler.prompt_hash, prepare=prepare)  # fmt: skip


def requests_of(url: str, address: str) -> list[dict[str, Any]]:
    """The bodies that a run over the database would send."""
    from annotator.labeling.run import rehearse_labeling
    from gateway.dialect import Dialect
    from gateway.exchange import ChatRequest
    from gateway.forecast import Rehearsal

    engine, bodies = get_engine(url), list[dict[str, Any]]()
    role = resolve_role(Role.LABELER, options={"model": "local", "base_url": address})

    class Noting(Rehearsal):
        """A rehearsal that keeps the bodies."""

        def _expected(self, request: ChatRequest) -> int:
            bodies.append(Dialect().body(request))
            return super()._expected(request)

    with open_role(engine, role) as door:
        rehearse_labeling(engine, endpoint_labeler(Noting(door).ask))
    return bodies


def bare_loop_s(bodies: list[dict[str, Any]], address: str, at_once: int) -> float:
    """Seconds of an AsyncOpenAI loop that sends the same and stores nothing."""

    async def loop() -> float:
        from openai import AsyncOpenAI

        slots = asyncio.Semaphore(at_once)

        async def one(body: dict[str, Any]) -> None:
            async with slots:
                await client.chat.completions.create(**body)

        async with AsyncOpenAI(api_key="none", base_url=address, max_retries=0) as client:
            began = time.perf_counter()
            await asyncio.gather(*(one(body) for body in bodies))
            return time.perf_counter() - began

    return asyncio.run(loop())
