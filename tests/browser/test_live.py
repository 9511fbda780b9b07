"""A run that really runs, in a process of its own, watched on its page until it ends."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from store.engine import reading, transaction
from store.runs import list_runs
from store.states import RunKind
from store.tables import Run
from tests.browser.conftest import Site, Tabs, violations
from tests.fakes import FakeEndpoint, sensible_answer
from webapp.runs.streams import Rhythm

ROOT = Path(__file__).parents[2]


class Held:
    """Answers of a model that wait until they are let go."""

    def __init__(self) -> None:
        self.free = threading.Semaphore(0)

    def __call__(self, body: dict[str, Any]) -> str:
        """The answer, once there is leave."""
        self.free.acquire(timeout=60)
        return sensible_answer(body)

    def let_go(self, count: int) -> None:
        """Of so many."""
        self.free.release(count)


@pytest.fixture
def held() -> Held:
    """Answers that wait."""
    return Held()


@contextmanager
def labeling(site: Site, held: Held) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`mralign label run` on the site's database: its run's number, and the process."""
    with reading(site.engine) as session:
        known = list_runs(session, RunKind.LABEL)[0].id
    with FakeEndpoint(held) as endpoint:
        words = ["label", "run", "--base-url", endpoint.base_url, "--model", "m",
                 "--concurrency", "1", "--max-tokens", "900000"]  # fmt: skip
        url = site.engine.url.render_as_string(hide_password=False)
        env = {**os.environ, "MRALIGN_DATABASE_URL": url, "OPENAI_API_KEY": "k"}
        command = [sys.executable, "-m", "mralign", *words]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet)
        try:
            yield wait_for_run(site, process, known), process
        finally:
            held.let_go(100)
            process.wait(30)


def wait_for_run(site: Site, process: subprocess.Popen[bytes], known: int) -> int:
    """The number of the run that the process has started."""
    while process.poll() is None:
        with reading(site.engine) as session:
            newest = list_runs(session, RunKind.LABEL)[0].id
        if newest != known:
            return newest
        time.sleep(0.02)
    raise AssertionError("expected a run, but the process ended")


def test_a_page_follows_a_run_to_its_end(tabs: Tabs, site: Site, held: Held) -> None:
    """What changes appears by itself, and what came of it at the end, without loading anew."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    with labeling(site, held) as (run_id, process):
        tab.open(f"/runs/{run_id}")
        state, tokens = (page.locator(f"[data-field={name}]") for name in ("state", "tokens"))
        expect(state).to_have_text("running")
        expect(page.locator("[data-live-sign]")).to_be_visible()
        assert violations(page) == []
        expect(tokens).to_have_text("0 of at most 900,000")
        page.evaluate("window.unchanged = true")
        held.let_go(1)
        expect(tokens).to_have_text(re.compile(r"^[1-9]\d* of"))
        held.let_go(50)
        expect(page.get_by_role("heading", name="How it ended")).to_be_visible(timeout=30_000)
        expect(state).to_have_text(re.compile("succeeded|partial"))
        expect(page.locator("#said")).to_contain_text("The run has ended")
        assert page.evaluate("window.unchanged")
        assert "label run --base-url" in page.locator(".command").first.inner_text()
        assert process.wait(30) in (0, 3)


def test_without_a_script_a_link_asks_again(tabs: Tabs, site: Site, held: Held) -> None:
    """The page says how the run stood when it was asked."""
    tab = tabs.open(java_script_enabled=False)
    tab.sign_in("Ada")
    with labeling(site, held) as (run_id, process):
        tab.open(f"/runs/{run_id}")
        expect(tab.page.locator("[data-field=state]")).to_have_text("running")
        held.let_go(50)
        process.wait(30)
        tab.page.get_by_role("link", name="Refresh").click()
        expect(tab.page.locator("[data-field=state]")).not_to_have_text("running")


def test_a_stream_that_breaks_off_is_opened_again(tabs: Tabs, site: Site) -> None:
    """By the browser itself, which says what it heard last; markup in a message is text."""
    assert site.app is not None
    site.app.state.streams.rhythm = Rhythm(look_every_s=0.05, lasts_s=0.2)
    with transaction(site.engine) as session:
        run = Run(kind=RunKind.CLUSTER, code_version="test", message="embedding", total_items=9)
        session.add(run)
    tab = tabs.open()
    heard: list[str | None] = []
    tab.page.on(
        "request",
        lambda one: heard.append(one.headers.get("last-event-id"))
        if one.url.endswith("/events") else None,
    )  # fmt: skip
    tab.sign_in("Ada")
    tab.open(f"/runs/{run.id}")
    message = tab.page.locator("[data-field=message]")
    expect(message).to_have_text("embedding")
    tab.page.wait_for_timeout(500)
    with transaction(site.engine) as session:
        found = session.get_one(Run, run.id)
        found.message, found.done_items = "<b>naming</b>", 5
        session.add(found)
    expect(message).to_have_text("<b>naming</b>")
    expect(tab.page.locator("progress")).to_have_js_property("value", 5 / 9)
    assert len(heard) > 1
