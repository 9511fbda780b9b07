"""Runs that are killed at random moments: what is lost, what is doubled, what is paid twice."""

import json
import os
import random
import shutil
import signal
import sqlite3
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.endpoint import body_hash
from benchmarks.pressed import endpoint, fill, label

AT_ONCE = 8
LATENCY_S = 0.03
FAULT_SHARE = 0.25
TIMEOUT_S = 2.0
LONGEST_S = 1.2  # between a run's first reply and its kill
LIMIT_S = 600.0
AT_THE_START = 0.1  # of the kills fall before the first reply
ROWS = """
SELECT s.trace_id, s.position, i.step, l.text, i.confidence FROM label_instance i
JOIN segment s ON s.id = i.segment_id JOIN open_label l ON l.id = i.open_label_id
ORDER BY s.trace_id, s.position, l.text
"""
DOUBLED = """
SELECT count(*) FROM (SELECT 1 FROM label_instance GROUP BY run_id, segment_id, open_label_id
HAVING count(*) > 1)
"""
UNFINISHED = """
SELECT count(*) FROM segment s JOIN run_item r ON r.trace_id = s.trace_id AND r.status = 'done'
LEFT JOIN label_instance i ON i.segment_id = s.id WHERE i.id IS NULL
"""


@dataclass
class Tally:
    """What was seen over all kills."""

    kills: int = 0
    runs_finished: int = 0
    lost: int = 0
    doubled: int = 0
    paid_twice: int = 0
    in_flight: int = 0
    beyond: int = 0


def killed_runs(folder: Path, kills: int, traces: int, seed: int) -> Tally:
    """Kill runs over the traces until so many were killed, and let the last one finish."""
    draw, tally, fresh = random.Random(seed), Tally(), folder / "fresh.sqlite3"
    in_child(lambda: fill(f"sqlite:///{fresh}", traces))
    calm = folder / "calm.sqlite3"
    shutil.copy(fresh, calm)
    with endpoint(latency_s=0.0) as address:
        in_child(lambda: label(f"sqlite:///{calm}", address, at_once=AT_ONCE))
    expected = read(calm, ROWS)
    if len({(trace, place) for trace, place, *_ in expected}) != 3 * traces:
        raise RuntimeError("the uninterrupted run did not label every segment")
    number = 0
    while tally.kills < kills:
        work, log = folder / f"{number}.sqlite3", folder / f"{number}.log"
        shutil.copy(fresh, work)
        with endpoint(latency_s=LATENCY_S, faults=FAULT_SHARE, log=log) as address:
            press(work, log, address, expected, kills, draw, tally)
        work.unlink()
        number += 1
    return tally


def press(
    work: Path, log: Path, address: str, expected: list[Any], kills: int,
    draw: random.Random, tally: Tally,
) -> None:  # fmt: skip
    """Start, kill and go on until the run is finished; compare it with the expected rows."""
    answered, in_flight = 0, 0
    while True:
        wait_s = draw.uniform(0.0, LONGEST_S) if tally.kills < kills else None
        early = draw.random() < AT_THE_START
        killed = in_child(
            lambda: label(f"sqlite:///{work}", address, at_once=AT_ONCE, timeout_s=TIMEOUT_S,
                          patient=False),
            wait_s, partial(has_begun, log, 0 if early else size_of(log) + 1),
        )  # fmt: skip
        tally.kills += killed
        time.sleep(2 * LATENCY_S)  # what is in flight reaches a closed door
        paid = log.read_text().split() if log.exists() else []
        lost = len(set(paid[answered:]) - kept_requests(work))
        answered = len(paid)
        in_flight += lost
        tally.beyond += max(0, lost - AT_ONCE)
        tally.lost += read(work, UNFINISHED)[0][0]
        tally.doubled += read(work, DOUBLED)[0][0]
        if read(work, "SELECT count(*) FROM run_item WHERE status = 'invalid'")[0][0]:
            raise RuntimeError("a reply stayed invalid: the run will never be whole")
        if ("succeeded",) in read(work, "SELECT status FROM run"):
            break
    rows = read(work, ROWS)
    tally.lost += sum((Counter(expected) - Counter(rows)).values())
    tally.doubled += sum((Counter(rows) - Counter(expected)).values())
    twice = len(paid) - len(set(paid))
    tally.paid_twice += twice
    tally.in_flight += in_flight
    tally.beyond += max(0, twice - in_flight)
    tally.runs_finished += 1


def size_of(path: Path) -> int:
    """How large a file is; nothing where there is none."""
    return path.stat().st_size if path.exists() else 0


def has_begun(log: Path, least_bytes: int) -> bool:
    """Whether the endpoint has sent a reply since then."""
    return size_of(log) >= least_bytes


def in_child(
    work: Any, kill_after_s: float | None = None, begun: Callable[[], bool] = lambda: True
) -> bool:
    """Do the work in a process of its own; whether it had to be killed.

    The time until the kill is counted from the moment at which the work has begun, so that a slow
    machine is not killed before it does anything.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    left_s = kill_after_s if kill_after_s is not None else LIMIT_S
    until = None
    while until is None or time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        if until is None and begun():
            until = time.monotonic() + left_s
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def read(path: Path, query: str) -> list[Any]:
    """The rows of a query, by the driver alone."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def kept_requests(path: Path) -> set[str]:
    """The requests whose reply is in the store, named as the endpoint names them."""
    rows = [json.loads(text) for (text,) in read(path, "SELECT request FROM model_reply")]
    return {body_hash(row["messages"], row["parameters"]["max_tokens"]) for row in rows}
