"""Streams of a run's progress: what is sent, when it ends, and what it holds meanwhile."""

import json
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI

from store.engine import transaction
from store.metadata import utc_now
from store.runs import finish_run, get_run
from store.states import RunKind, RunStatus
from store.tables import Run
from tests.webapp.conftest import SignIn, run_apart
from tests.worlds import World
from webapp.runs.progress import RunProgress
from webapp.runs.streams import MOST_OF_ONE, MOST_STREAMS, Rhythm, Streams

QUICK = Rhythm(look_every_s=0.0, beat_every_s=1e9)
RUNNING = RunProgress(
    status=RunStatus.RUNNING, done_items=0, total_items=3, tokens=0, cost_usd=0.0, cap_tokens=None,
    cap_usd=None, message=None, started_at=utc_now(), ended_at=None, beat_at=None,
)  # fmt: skip


def looking(*moments: RunProgress | None) -> Callable[[], Awaitable[RunProgress | None]]:
    """Looks that find these one after the other."""
    left = list(moments)

    async def look() -> RunProgress | None:
        return left.pop(0)

    return look


Look = Callable[[], Awaitable[RunProgress | None]]


def told(streams: Streams, look: Look, seen: str | None = None) -> list[dict[str, str]]:
    """Everything that a stream sends, each event as its fields."""

    async def listen() -> list[str]:
        return [event async for event in streams.follow(1, seen, look)]

    events = run_apart(listen())
    return [dict(line.split(": ", 1) for line in event.strip().splitlines()) for event in events]


def test_only_what_changed_is_sent_and_the_end_ends_it() -> None:
    one, ended = replace(RUNNING, done_items=1), replace(RUNNING, status=RunStatus.SUCCEEDED)
    events = told(Streams(QUICK), looking(RUNNING, RUNNING, one, one, ended))
    assert [event.get("event") for event in events] == [None, "progress", "progress", "progress",
                                                        "end"]  # fmt: skip
    assert events[0] == {"retry": "2000"}
    assert len({event["id"] for event in events[1:]}) == 3
    assert json.loads(events[2]["data"])["fields"]["done"] == "1 of 3"


def test_who_comes_back_hears_nothing_twice() -> None:
    """The last event that a browser saw is not sent again."""
    ended = replace(RUNNING, done_items=3, status=RunStatus.PARTIAL)
    events = told(Streams(QUICK), looking(RUNNING, ended), RUNNING.mark)
    assert [event["event"] for event in events[1:]] == ["progress", "end"]
    assert "partial" in events[1]["data"]


def test_a_quiet_stream_says_that_it_lives_and_ends_in_time() -> None:
    """So that a browser asks again, and is asked who it is."""
    hours = Rhythm(look_every_s=0.0, beat_every_s=0.0, lasts_s=0.0)
    events = told(Streams(hours), looking(RUNNING), RUNNING.mark)
    assert events[1:] == [{"": "still here"}] or len(events) == 2


def test_a_run_that_is_gone_and_a_server_that_stops_end_it() -> None:
    assert len(told(Streams(QUICK), looking(RUNNING, None))) == 2
    closing = Streams(QUICK)
    closing.close()
    assert len(told(closing, looking())) == 1 and not closing.has_room(1)


def test_a_place_is_given_back_however_a_stream_ends() -> None:
    streams = Streams(QUICK)

    async def leave_early() -> None:
        stream: Any = streams.follow(1, None, looking(RUNNING))
        await anext(stream)
        assert streams._open[1] == 1
        await stream.aclose()

    run_apart(leave_early())
    assert streams._open[1] == 0


def test_one_person_and_all_together_open_only_so_many() -> None:
    streams = Streams(QUICK)
    for _ in range(MOST_OF_ONE):
        streams._open[1] += 1
    assert not streams.has_room(1) and streams.has_room(2)
    streams._open[3] = MOST_STREAMS - MOST_OF_ONE
    assert not streams.has_room(2)


def test_who_asks_for_too_many_is_told_to_come_later(
    app: FastAPI, world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """And an ended run has nothing more to say, so that a browser asks no more."""
    with transaction(world_engine) as session:
        run = Run(kind=RunKind.LABEL, code_version="test")
        session.add(run)
        session.flush()
        run_id = run.id
    app.state.streams.close()
    ada = sign_in("Ada")
    refused = ada.get(f"/runs/{run_id}/events")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "15")
    assert ada.get(f"/runs/{world.training_run_id}/events").status_code == 204


def test_while_somebody_watches_nobody_waits(
    app: FastAPI, world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """Between two looks a stream holds no turn and no connection; it ends when the run does."""
    app.state.streams = Streams(Rhythm(look_every_s=0.02))
    with transaction(world_engine) as session:
        run = Run(kind=RunKind.LABEL, code_version="test", total_items=3)
        session.add(run)
        session.flush()
        run_id = run.id
    ada, answers = sign_in("Ada"), list[str]()

    def watch() -> None:
        answers.append(ada.get(f"/runs/{run_id}/events").text)

    watching = threading.Thread(target=watch)
    watching.start()
    other = sign_in("Rhea")
    while not app.state.streams._open.total():
        time.sleep(0.01)
    assert [other.get(address).status_code for address in ("/runs", "/queue")] == [200, 200]
    assert watching.is_alive()
    pool: Any = world_engine.pool
    assert pool.checkedout() <= 1
    with transaction(world_engine) as session:
        get_run(session, run_id).done_items = 3
        finish_run(session, run_id, RunStatus.SUCCEEDED)
    watching.join(10)
    assert not watching.is_alive()
    assert "event: end" in answers[0] and "3 of 3" in answers[0]
