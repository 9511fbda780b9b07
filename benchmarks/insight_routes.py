"""Every address that answers a GET, at the paper's scale; and transitions over the paper's traces.

Called by `python -m benchmarks.insight --only routes transitions [--rounds N]`. The addresses are
made from the application's routes; each is opened once before it is timed, and each answer is read
whole. The transitions are those of 6,973 annotated traces, as many as the paper trained on.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from sqlmodel import Session, col, select

from benchmarks import annotated, seeding
from benchmarks.furnishing import People, furnish
from benchmarks.review_server import seeded_engine, server
from benchmarks.screens import COMPARED, Reader, list_answers
from benchmarks.visitors import Visitor, p95
from store.engine import reading, transaction
from store.states import RunKind
from store.tables import Run

NAMES = ("reviewer 0", "reviewer 1", "reviewer 2")
PAPER_MOVES = 93_900  # 6,973 traces of the simulation, of 12.5 units on the average
GOAL_MS = 25.0
ANSWERS = (200, 204, 303)
Figures = dict[str, float]


def measure_routes(rounds: int) -> Figures:
    """The p95 over all answers, and of the slowest address."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'routes.sqlite3'}"
        engine, seeded = seeded_engine(url, len(NAMES))
        with transaction(engine) as session:
            annotated.annotate(session, seeded)
        values = furnish(engine, People(*NAMES), folder / "export")
        with server(url) as (address, _):
            readers = [Reader(address, name, seeding.PASSWORD) for name in NAMES[:2]]
            visitors = [Visitor(address, name) for name in NAMES[:2]]
            times_ms = {
                path: time_alone(visitors[place], path, rounds)
                for place, path in list_answers(readers, values)
            }
    tails = {path: p95(times) for path, times in times_ms.items()}
    for path in sorted(tails, key=lambda path: -tails[path])[:20]:
        print(f"{tails[path]:8.1f} ms  {path}")
    return {
        "routes": len(tails),
        "routes_p95_ms": p95([one for times in times_ms.values() for one in times]),
        "routes_slowest_p95_ms": max(tails.values()),
        "routes_over_25_ms": sum(tail > GOAL_MS for tail in tails.values()),
    }


def time_alone(visitor: Visitor, path: str, rounds: int) -> list[float]:
    """How long the answers of one address take, the first left out, in ms."""
    visitor.times_ms.clear()
    for _ in range(rounds + 1):
        status, _ = visitor.timed("GET", path)
        if status not in ANSWERS:
            raise RuntimeError(f"expected {path} to answer, got {status}")
    return visitor.times_ms[1:]


def measure_transitions(rounds: int) -> Figures:
    """What the matrices, the comparison and what stands behind them take, first and then."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'transitions.sqlite3'}"
        engine, seeded = seeded_engine(url, reviewers=1)
        with transaction(engine) as session:
            annotated.annotate(session, seeded, PAPER_MOVES)
        with reading(engine) as session:
            run = find_run(session)
        with server(url) as (address, _):
            return time_transitions(Visitor(address, NAMES[0]), run, rounds)


def find_run(session: Session) -> int:
    """The number of the annotate run."""
    return session.exec(select(Run.id).where(col(Run.kind) == RunKind.ANNOTATE)).one()


def time_transitions(visitor: Visitor, run: int, rounds: int) -> Figures:
    """Each page the first time, once all of it is drawn, and then again and again."""
    figures: Figures = {}
    tails = []
    for name, path in list_transitions(run):
        started = time.perf_counter()
        first_ms, whole_s = open_whole(visitor, path)
        times_ms = time_alone(visitor, path, rounds)
        tails.append(p95(times_ms))
        figures[f"transitions_{name}_first_ms"] = first_ms
        print(f"{tails[-1]:8.1f} ms, first {first_ms:8.1f} ms, whole after {whole_s:5.1f} s, "
              f"{time.perf_counter() - started:5.1f} s in all: {path}")  # fmt: skip
    return {**figures, "transitions_p95_ms": max(tails)}


def list_transitions(run: int) -> Iterator[tuple[str, str]]:
    """What each page is called, and its address."""
    of_run = urlencode({"run": run})
    yield "matrices", f"/transitions?{of_run}"
    yield "macro", f"/transitions?{of_run}&level=macro"
    yield "weights", f"/transitions?{of_run}&of=weights-positive"
    yield "graph", f"/transitions/graph.svg?{of_run}"
    yield "heatmap", f"/transitions/delta.svg?{of_run}"
    yield "moves", f"/transitions/moves?{of_run}&of=positive&from=framing&to=retrieval"
    yield "cells", f"/transitions/cells.csv?{of_run}"
    yield "compare", f"/transitions/compare?{COMPARED}"
    yield "compare_moves", f"/transitions/compare/moves?{COMPARED}&from=framing&to=retrieval"


def open_whole(visitor: Visitor, path: str) -> tuple[float, float]:
    """The first answer in ms, and after how many seconds nothing of the page is pending."""
    started = time.perf_counter()
    _, _, text = visitor.request("GET", path)
    first_ms = 1000 * (time.perf_counter() - started)
    while re.search(r"data-pending", text):
        time.sleep(0.5)
        _, _, text = visitor.request("GET", path)
    return first_ms, time.perf_counter() - started
