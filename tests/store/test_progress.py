"""Signs of life of a run, its course, and what a killed process leaves behind."""

import os
import shlex
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from store.engine import get_engine, reading, transaction
from store.invocation import find_command, invoked
from store.metadata import utc_now
from store.progress import (
    INTERRUPTED,
    SILENT_AFTER,
    Teller,
    alive,
    list_beats,
    state_of,
    thinned,
)
from store.runs import failing_run, finish_run, get_run, set_cap, start_run
from store.states import RunKind, RunStatus

ROOT = Path(__file__).parents[2]
KILLED = """
import sys, time
from store.engine import get_engine
from store.runs import failing_run, start_run
from store.states import RunKind
engine = get_engine(sys.argv[1])
run = start_run(engine, RunKind.CLUSTER)
with failing_run(engine, run.id):
    print(run.id, flush=True)
    time.sleep(60)
"""


def wait_for_beats(engine: sa.Engine, run_id: int, count: int) -> None:
    """Until so many moments are written down."""
    for _ in range(500):
        with reading(engine) as session:
            if len(list_beats(session, run_id)) >= count:
                return
        time.sleep(0.01)
    raise AssertionError(f"expected {count} beats of run {run_id}")


def test_a_run_says_that_it_lives_and_how_far_it_is(engine: sa.Engine) -> None:
    """A row where something moved, and none where nothing did; silence once it has ended."""
    run = start_run(engine, RunKind.LABEL, total_items=9)
    began = run.beat_at
    with alive(engine, run.id, every_s=0.01):
        wait_for_beats(engine, run.id, 1)
        time.sleep(0.1)
        with transaction(engine) as session:
            get_run(session, run.id).done_items = 4
        wait_for_beats(engine, run.id, 2)
    with reading(engine) as session:
        assert [beat.done_items for beat in list_beats(session, run.id)] == [0, 4]
        last = get_run(session, run.id).beat_at
        assert began is not None and last is not None and last > began
    time.sleep(0.05)
    with reading(engine) as session:
        assert get_run(session, run.id).beat_at == last


def test_only_a_running_run_whose_process_fell_silent_is_interrupted() -> None:
    """People's labels and what waits for batches have no process that could fall silent."""
    now = utc_now()
    old = now - SILENT_AFTER - timedelta(seconds=1)
    assert state_of(RunStatus.RUNNING, old, now) == INTERRUPTED
    assert state_of(RunStatus.RUNNING, now - SILENT_AFTER / 2, now) == "running"
    assert state_of(RunStatus.RUNNING, None, now) == "running"
    assert state_of(RunStatus.SUCCEEDED, old, now) == "succeeded"


def test_a_killed_process_is_known_by_its_silence(sqlite_url: str) -> None:
    """Nobody could write how it ended; its row shows it all the same."""
    command = [sys.executable, "-c", KILLED, sqlite_url]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    run_id = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    engine = get_engine(sqlite_url)
    with reading(engine) as session:
        run = get_run(session, run_id)
    engine.dispose()
    assert run.status == RunStatus.RUNNING and run.beat_at is not None
    assert state_of(run.status, run.beat_at) == "running"
    assert state_of(run.status, run.beat_at, run.beat_at + 2 * SILENT_AFTER) == INTERRUPTED


def test_work_is_told_at_once_at_its_end_and_else_now_and_then(engine: sa.Engine) -> None:
    run = start_run(engine, RunKind.EVALUATE)
    teller = Teller(engine, run.id, every_s=3600)
    told = []
    for done in (1, 2, 3, 4):
        teller.count(done, 4)
        with reading(engine) as session:
            told.append(get_run(session, run.id).done_items)
    teller.stage("judging")
    with reading(engine) as session:
        found = get_run(session, run.id)
    assert (told, found.total_items, found.message) == ([1, 1, 1, 4], 4, "judging")
    with transaction(engine) as session:
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    with reading(engine) as session:
        assert get_run(session, run.id).message is None, "a stage is no ending"


def test_a_run_remembers_who_typed_what(engine: sa.Engine) -> None:
    """Quoted for a shell; a password inside an address stays out of the store."""
    words = ["mralign", "label", "run", "--model", "$(reboot) 'x'", "--base-url",
             "http://ada:secret@127.0.0.1:1/v1"]  # fmt: skip
    with invoked(words):
        run = start_run(engine, RunKind.LABEL)
    assert find_command() is None
    assert run.command is not None and "secret" not in run.command
    assert shlex.split(run.command)[:5] == words[:5]
    assert run.started_by
    assert start_run(engine, RunKind.LABEL).command is None


def test_a_cap_stands_with_its_run(engine: sa.Engine) -> None:
    """However large it is."""
    run = start_run(engine, RunKind.LABEL)
    set_cap(engine, run.id, 10**12, 2.5)
    with reading(engine) as session:
        found = get_run(session, run.id)
    assert (found.cap_tokens, found.cap_usd) == (10**12, 2.5)


def test_a_failure_ends_the_signs_of_life(engine: sa.Engine) -> None:
    run = start_run(engine, RunKind.EXPORT)
    with pytest.raises(ValueError, match="no"), failing_run(engine, run.id):
        raise ValueError("no")
    with reading(engine) as session:
        assert state_of(get_run(session, run.id).status, None) == "failed"


@pytest.mark.parametrize("count", [0, 1, 2, 20, 21, 1000])
def test_points_are_thinned_and_the_ends_kept(count: int) -> None:
    kept = thinned(range(count), 20)
    assert len(kept) == min(count, 20)
    assert kept[:1] == list(range(count))[:1] and kept[-1:] == list(range(count))[-1:]
    assert kept == sorted(set(kept))
