"""Runs on pages: how each stands, what it left, and what a report may do."""

import json
import shlex
from datetime import timedelta
from re import search
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from store.engine import transaction
from store.items import put_item
from store.metadata import utc_now
from store.progress import SILENT_AFTER, add_beat
from store.run_tables import RunBeat
from store.runs import keep_report
from store.states import ItemStatus, RunKind, RunStatus
from store.tables import Run
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import HOSTILE, World


def add_run(engine: sa.Engine, kind: RunKind = RunKind.LABEL, **fields: Any) -> int:
    """A run of one's own making."""
    with transaction(engine) as session:
        run = Run(kind=kind, code_version="test", **fields)
        session.add(run)
        session.flush()
        return run.id


def silent() -> dict[str, Any]:
    """What a killed process leaves."""
    return {"beat_at": utc_now() - 2 * SILENT_AFTER, "started_at": utc_now() - 3 * SILENT_AFTER}


def test_the_list_tells_the_killed_from_the_running(
    world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """And filters by it."""
    killed = add_run(world_engine, **silent(), done_items=3, total_items=9, started_by=HOSTILE)
    going = add_run(world_engine, beat_at=utc_now())
    by_people = add_run(world_engine, RunKind.ANNOTATE, model="people")
    ada = sign_in("Ada")

    def shown(state: str) -> set[int]:
        html = ada.get(f"/runs?state={state}").text
        return {number for number in (killed, going, by_people) if f'"/runs/{number}"' in html}

    assert shown("interrupted") == {killed}
    assert shown("running") == {going, by_people}
    assert shown("succeeded") == set()
    assert shown("nonsense") == {killed, going, by_people}
    page = ada.get(f"/runs/{killed}").text
    assert "--resume" in page and "interrupted" in page
    assert HOSTILE not in page and HOSTILE not in ada.get("/runs").text


def test_a_running_run_says_how_far_and_how_fast(
    world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """Without a script too; the pace is that of the last minute, not of the whole."""
    run = add_run(
        world_engine, done_items=40, total_items=100, tokens=5_000, cost_usd=0.25, cap_usd=2.0,
        cap_tokens=10_000, beat_at=utc_now(), started_at=utc_now() - timedelta(hours=5),
    )  # fmt: skip
    before = utc_now() - timedelta(minutes=2)
    with transaction(world_engine) as session:
        session.add(RunBeat(run_id=run, at=before, done_items=20, tokens=9, cost_usd=0.0))
    html = sign_in("Ada").get(f"/runs/{run}").text
    assert f'data-live="/runs/{run}/events"' in html and f'href="/runs/{run}">Refresh' in html
    assert "40 of 100" in html and 'value="0.4000"' in html
    assert search(r"(9\.9|10\.0) a minute", html) and search(r"about 6 min \d s", html)
    assert "0.2500 USD of at most 2.0000 USD" in html
    assert "5,000 of at most 10,000" in html


def test_errors_are_sorted_and_lead_to_their_traces(
    world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """One sort is what stands in front of the colon."""
    run = add_run(world_engine, status=RunStatus.PARTIAL)
    with transaction(world_engine) as session:
        for number, detail in enumerate(("HTTP 500: broke", "HTTP 500: again", HOSTILE), start=1):
            status = ItemStatus.FAILED if number < 3 else ItemStatus.INVALID
            put_item(session, run, 2 * number - 1, "labeler", status=status, detail=detail)
    ada = sign_in("Ada")
    html = ada.get(f"/runs/{run}").text
    assert html.index("HTTP 500") < html.index("&lt;script&gt;")
    assert "2<span" in html and f"/runs/{run}/items?status=failed" in html
    failed = ada.get(f"/runs/{run}/items?status=failed").text
    assert failed.count('href="/traces/') == 2 and "again" in failed
    assert HOSTILE not in ada.get(f"/runs/{run}/items").text


def test_the_typed_command_stands_beside_that_of_the_stage_alone(
    world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """Both are for a shell to take; what is hostile in them is one word."""
    typed = shlex.join(["mralign", "demo", HOSTILE])
    run = add_run(
        world_engine, command=typed, status=RunStatus.SUCCEEDED, parameters={"limit": "1; reboot"}
    )
    html = sign_in("Ada").get(f"/runs/{run}").text
    assert "As it was typed" in html and HOSTILE not in html
    assert "mralign label run --limit &#39;1; reboot&#39;" in html


def test_a_report_is_a_document_that_may_do_nothing(
    world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """Whatever got into it: it stands outside of our origin, without script."""
    run = add_run(world_engine, RunKind.EVALUATE, status=RunStatus.SUCCEEDED)
    ada = sign_in("Ada")
    assert ada.get(f"/runs/{run}/report").status_code == 404
    keep_report(world_engine, run, f"<!doctype html><title>r</title>{HOSTILE}")
    answer = ada.get(f"/runs/{run}/report")
    policy = answer.headers["content-security-policy"]
    assert {"sandbox", "default-src 'none'"} <= set(policy.split("; "))
    assert "allow-" not in policy and "script-src" not in policy
    assert f"/runs/{run}/report" in ada.get(f"/runs/{run}").text


def test_main_figures_come_first(world_engine: sa.Engine, world: World, sign_in: SignIn) -> None:
    """Of an evaluation Acc and Mis with their intervals; what is not measured is left out."""
    share = {"value": 0.25, "low": 0.2, "high": 0.31}
    metrics = {"m · thinking on": {"plain": {"acc": share, "mis": None}, "counts": {"n": 4}}}
    run = add_run(world_engine, RunKind.EVALUATE, status=RunStatus.SUCCEEDED, metrics=metrics)
    html = sign_in("Ada").get(f"/runs/{run}").text
    assert "25.00 % (20.0 to 31.0)" in html and "Mis, plain match" not in html


def test_a_run_is_a_file_too(world: World, sign_in: SignIn) -> None:
    """All of it, as the command line prints it."""
    answer = sign_in("Ada").get(f"/runs/{world.training_run_id}/run.json")
    assert "attachment" in answer.headers["content-disposition"]
    assert json.loads(answer.text)["seed"] == 7


def test_the_course_of_a_run_is_drawn_from_its_beats(
    world_engine: sa.Engine, world: World, sign_in: SignIn
) -> None:
    """Pace and spend; a name that is no chart is not there."""
    run = add_run(world_engine, status=RunStatus.SUCCEEDED)
    for done in (0, 30, 90):
        with transaction(world_engine) as session:
            add_beat(session, run, done, 100 * done, 0.0)
    ada = sign_in("Ada")
    html = ada.get(f"/runs/{run}").text
    assert "Items a minute" in html and "Spent so far" in html
    assert ada.get(f"/runs/{run}/charts/spend.svg").status_code == 200
    assert ada.get(f"/runs/{run}/charts/loss.svg").status_code == 404


@pytest.mark.parametrize("part", ["", "/items", "/report", "/run.json", "/events"])
def test_a_run_that_is_not_there_is_not_there(world: World, sign_in: SignIn, part: str) -> None:
    assert sign_in("Ada").get(f"/runs/999{part}").status_code == 404


def test_who_is_not_signed_in_hears_nothing(visitor: Visitor, app: FastAPI) -> None:
    """A stream is a page like others."""
    answer = visitor.get("/runs/1/events", follow_redirects=False)
    assert answer.status_code == 303
    assert app.state.streams.has_room(1)
