"""A real server on a project of its own, and a real browser that reports what it refuses."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from store.engine import get_engine
from tests.builders import PASSWORD
from tests.worlds import World, copy_world
from webapp.app import create_app

playwright_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Site:
    """A served project."""

    address: str
    engine: sa.Engine
    world: World
    app: FastAPI | None = None  # where it is served by this process


@pytest.fixture(scope="session")
def world_template(sqlite_template: Path) -> tuple[Path, World]:
    """A file with a small project, to copy."""
    path = sqlite_template.with_name("browser-world.sqlite3")
    return path, copy_world(sqlite_template, path)


@pytest.fixture
def site(world_template: tuple[Path, World], tmp_path: Path) -> Iterator[Site]:
    """The pages, served from a thread on a port of their own."""
    template, world = world_template
    shutil.copy(template, tmp_path / "site.sqlite3")
    engine = get_engine(f"sqlite:///{tmp_path / 'site.sqlite3'}")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    app = create_app(engine)
    config = uvicorn.Config(app, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}", engine, world, app)
    server.should_exit = True
    thread.join(10)
    listener.close()
    engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless browser of this machine."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield launched
        launched.close()


def violations(page: Any) -> list[str]:
    """What axe finds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [f"{rule['id']}: {[node['html'][:120] for node in rule['nodes'][:3]]}" for rule in found]


@dataclass
class Tab:
    """A page in a browser, with everything that it complained about."""

    page: Any
    site: Site
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a path of the site."""
        self.page.goto(self.site.address + path)

    def sign_in(self, name: str) -> None:
        """Sign in through the form."""
        self.open("/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    @property
    def h1(self) -> str:
        """The heading of the page."""
        return str(self.page.locator("h1").inner_text())


class Tabs:
    """Opens tabs, each with cookies of its own."""

    def __init__(self, browser: Any, site: Site) -> None:
        self.browser, self.site = browser, site
        self.contexts: list[Any] = []
        self.opened: list[Tab] = []

    def open(self, **options: Any) -> Tab:
        """A new tab; options are Playwright's of a context."""
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(8_000)
        tab = Tab(context.new_page(), self.site)
        tab.page.on("console", lambda message: self._note(tab, message))
        tab.page.on("pageerror", lambda error: tab.complaints.append(f"error: {error}"))
        tab.page.on("request", lambda request: self._watch(tab, request.url))
        self.contexts.append(context)
        self.opened.append(tab)
        return tab

    def _note(self, tab: Tab, message: Any) -> None:
        refused = "Refused to" in message.text or "violates" in message.text
        if message.type in ("error", "warning") or refused:
            tab.complaints.append(f"{message.type}: {message.text}")

    def _watch(self, tab: Tab, url: str) -> None:
        if not url.startswith((self.site.address, "data:", "blob:")):
            tab.foreign.append(url)


@pytest.fixture
def tabs(browser: Any, site: Site) -> Iterator[Tabs]:
    """Tabs that must neither break the content policy nor ask anybody else for anything."""
    opened = Tabs(browser, site)
    yield opened
    complaints = [line for tab in opened.opened for line in tab.complaints]
    foreign = [url for tab in opened.opened for url in tab.foreign]
    for context in opened.contexts:
        context.close()
    assert (complaints, foreign) == ([], [])
