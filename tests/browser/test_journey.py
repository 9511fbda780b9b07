"""Two annotators and a curator at once, by keyboard, with a server that is killed in the middle."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from store.engine import get_engine, reading, transaction
from store.reviews import list_events
from store.states import Role, VersionStatus
from store.taxonomies import get_version
from taxonomy.review.curation import get_review_state
from taxonomy.review.judging import list_disputes
from tests import builders
from tests.browser.conftest import Site, Tab, Tabs, violations
from tests.browser.test_review import press, sign_in_by_keyboard
from tests.worlds import World

SERVE = """
import socket, sys, uvicorn
from store.engine import get_engine
from webapp.app import create_app
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[2])))
listener.listen(64)
config = uvicorn.Config(create_app(get_engine(sys.argv[1])), log_level="warning", lifespan="off")
server = uvicorn.Server(config)
print("ready", flush=True)
server.run(sockets=[listener])
"""


class Server:
    """The pages in a process of their own, which can be killed and begun again."""

    def __init__(self, url: str) -> None:
        self.url = url
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Serve, on the same port each time."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, self.url, str(self.port)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def server(world_template: tuple[Path, World], tmp_path: Path) -> Iterator[Server]:
    """A server on a project with a second annotator."""
    path = tmp_path / "journey.sqlite3"
    shutil.copy(world_template[0], path)
    url = f"sqlite:///{path}"
    with transaction(get_engine(url)) as session:
        builders.add_person(session, "Bo", Role.ANNOTATOR)
    running = Server(url)
    yield running
    running.kill()


@pytest.fixture
def site(server: Server, world_template: tuple[Path, World]) -> Site:
    """Where it is served."""
    engine = get_engine(server.url)
    return Site(f"http://127.0.0.1:{server.port}", engine, world_template[1])


def said(tab: Tab, text: str) -> Any:
    """Wait for what the page says."""
    return tab.page.get_by_role("status").get_by_text(text).first.wait_for()


def tab_to(page: Any, name: str) -> None:
    """Tab until a field of this name has the focus."""
    for _ in range(80):
        if page.locator(f":focus[name={name}]").count():
            return
        press(page, "Tab")
    raise AssertionError(f"no Tab leads to {name}")


def open_card(tab: Tab, anchor: str) -> None:
    """Open a cluster as a bookmark would."""
    tab.open(f"/versions/{tab.site.world.version_id}/clusters/{anchor}")


def choose(tab: Tab, digit: str) -> str:
    """Choose a category on a card by its digit, and go on; what it is called."""
    chosen = tab.page.locator(f"input[name=category][data-key='{digit}']").get_attribute("value")
    press(tab.page, digit, "Enter")
    return str(chosen).replace("_", " ")


def test_two_annotators_and_a_curator_at_once(tabs: Tabs, server: Server, site: Site) -> None:
    """Conflict, undo, crash, suggestions, disagreements, approval and freeze, without a click."""
    ada, bo, cora = tabs.open(), tabs.open(), tabs.open()
    for tab, name in ((ada, "Ada"), (bo, "Bo"), (cora, "Cora")):
        sign_in_by_keyboard(tab, name)
    conflict(ada, bo)
    set_overlap(cora)
    judge_apart(ada, bo)
    suggest(ada, bo, site)
    crash(ada, server)
    answer_suggestions(cora, site)
    decide(cora, site)
    told(ada)
    freeze(cora, site)
    for tab in (ada, bo, cora):
        tab.complaints = [line for line in tab.complaints if not expected(line)]


def expected(line: str) -> bool:
    """What a browser says of a refused form and of a server that is away."""
    return "409" in line or "ERR_CONNECTION" in line or "ERR_EMPTY" in line


def set_overlap(cora: Tab) -> None:
    """The curator writes guidelines and asks for two reviewers."""
    cora.open(f"/versions/{cora.site.world.version_id}/guidelines")
    tab_to(cora.page, "guidelines")
    cora.page.keyboard.type("Ask what the step does.")
    press(cora.page, "Tab")
    press(cora.page, "Control+A")
    cora.page.keyboard.type("2")
    press(cora.page, "Enter")
    said(cora, "Kept.")


def judge_apart(ada: Tab, bo: Tab) -> None:
    """Both accept one cluster and differ on another; an undo takes back one's own verdict."""
    for tab, digit in ((ada, "2"), (bo, "3")):
        open_card(tab, "c0")
        press(tab.page, "h")
        tab.page.get_by_role("dialog").get_by_text("Ask what the step does.").wait_for()
        assert violations(tab.page) == []
        press(tab.page, "Escape", "a")
        said(tab, "put 3 labels in framing")
        open_card(tab, "c3")
        said(tab, f"put 2 labels in {choose(tab, digit)}")
    open_card(bo, "c1")
    press(bo.page, "a")
    said(bo, "put 2 labels in retrieval")
    press(bo.page, "u")
    said(bo, "took back: put 2 labels in retrieval")


def conflict(ada: Tab, bo: Tab) -> None:
    """Both name a cluster; the second sees the first's name, and what they typed is kept."""
    for tab in (ada, bo):
        open_card(tab, "c5")
    for tab, name in ((ada, "Ada's name"), (bo, "Bo's name")):
        press(tab.page, "r", "Control+A")
        tab.page.keyboard.type(name)
        press(tab.page, "Enter")
        if tab is ada:
            said(tab, "renamed a cluster")
    bo.page.get_by_role("heading", name="Somebody else decided meanwhile").wait_for()
    assert "Ada renamed a cluster to “Ada's name”" in bo.page.locator(".history").inner_text()
    assert bo.page.get_by_label("Name").input_value() == "Bo's name"
    tab_to(bo.page, "name")
    while not bo.page.locator(":focus", has_text="Send it all the same").count():
        press(bo.page, "Tab")
    press(bo.page, "Enter")
    bo.page.get_by_role("heading", name="Bo's name").wait_for()


def suggest(ada: Tab, bo: Tab, site: Site) -> None:
    """Both would merge two clusters, and one splits another; nothing changes, an undo withdraws."""
    with reading(site.engine) as session:
        before = [group.anchor for group in get_review_state(session, site.world.version_id).groups]
    for tab in (ada, bo):
        open_card(tab, "c6")
        choose_other(tab, "Step by step")
        said(tab, "suggested to merge “Step by step” into “Breaking it down”")
        assert violations(tab.page) == []
    open_card(ada, "c8")
    press(ada.page, "d")
    ada.page.get_by_text("The machine would split off").wait_for()
    press(ada.page, "Enter")
    said(ada, "suggested to make a cluster")
    open_card(bo, "c9")
    choose_other(bo, "Telling the answer")
    said(bo, "suggested to merge “Telling the answer”")
    press(bo.page, "u")
    said(bo, "took back: suggested to merge “Telling the answer”")
    open_card(bo, "c6")
    bo.page.get_by_role("heading", name="Your suggestions").wait_for()
    assert bo.page.locator(".suggestions li").count() == 1
    assert "Ada" not in bo.page.locator(".suggestions").inner_text()
    with reading(site.engine) as session:
        now = [group.anchor for group in get_review_state(session, site.world.version_id).groups]
    assert now == before


def choose_other(tab: Tab, name: str) -> None:
    """Choose a cluster to merge by the letters of its name, as a keyboard does."""
    press(tab.page, "m")
    tab.page.keyboard.type(name)
    press(tab.page, "Tab", "Enter")


def answer_suggestions(cora: Tab, site: Site) -> None:
    """The curator adopts what two suggested, takes it back, adopts again; declines the other."""
    page = cora.page
    cora.open(f"/versions/{site.world.version_id}")
    press(page, "g", "d")
    page.get_by_text("2 of 2 suggested").wait_for()
    assert violations(page) == []
    press(page, "1", "Enter")
    said(cora, "merged clusters of 4 labels")
    press(page, "u")
    page.get_by_text("2 of 2 suggested").wait_for()
    press(page, "Enter")
    said(cora, "merged clusters of 4 labels")
    page.get_by_text("1 of 2 suggested").wait_for()
    press(page, "0", "r")
    page.keyboard.type("one meaning")
    press(page, "Enter")
    said(cora, "declined a suggestion")


def told(ada: Tab) -> None:
    """The annotator reads on the queue what became of what they suggested, and why."""
    ada.open(f"/versions/{ada.site.world.version_id}/queue")
    listed = ada.page.locator(".suggestions").inner_text()
    assert "adopted" in listed and "declined" in listed and "one meaning" in listed
    assert "Bo" not in listed and "Cora" not in listed


def crash(ada: Tab, server: Server) -> None:
    """The server is killed before a comment arrives: it is kept, told of, and sent once."""
    open_card(ada, "c4")
    server.kill()
    press(ada.page, "c")
    ada.page.keyboard.type("two meanings")
    press(ada.page, "Enter")
    ada.page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
    press(ada.page, "a", "a")
    server.start()
    said(ada, "remarked: “two meanings”")
    with reading(ada.site.engine) as session:
        events = list_events(session, ada.site.world.version_id)
    assert [event.kind for event in events].count("comment") == 1


def decide(cora: Tab, site: Site) -> None:
    """The curator sees who chose what, and decides with a reason; nothing else is left."""
    cora.page.get_by_role("heading", name="Going back").wait_for()
    sides = cora.page.locator(".sides").inner_text()
    assert "Ada" in sides and "Bo" in sides
    assert violations(cora.page) == []
    chosen = cora.page.locator("input[name=choice][data-key='2']").get_attribute("value")
    press(cora.page, "2", "r")
    cora.page.keyboard.type("it goes back")
    press(cora.page, "Enter")
    cora.page.get_by_text("Nobody differs on anything").wait_for()
    with reading(site.engine) as session:
        state = get_review_state(session, site.world.version_id)
        assert list_disputes(session, site.world.version_id) == []
    decided = {group.anchor: group.category for group in state.groups if group.reviewed}
    assert decided == {"c0": "framing", "c3": chosen}


def freeze(cora: Tab, site: Site) -> None:
    """Lanes accepted, rows approved, the version submitted, and frozen by its name."""
    page = cora.page
    press(page, "g", "b")
    page.get_by_role("heading", name="Board", exact=True).wait_for()
    for left in range(page.locator("[data-accept]").count(), 0, -1):
        assert page.locator("[data-accept]").count() == left
        press(page, "y")
        page.locator("[data-accept]").nth(left - 1).wait_for(state="detached")
    press(page, "g", "v")
    page.get_by_role("heading", name="Submit for review").wait_for()
    press(page, "r")
    page.keyboard.type("ready")
    press(page, "Tab", "Enter")
    said(cora, "moved the version to in review")
    press(page, "y")
    page.get_by_role("heading", name="Freeze", exact=True).wait_for()
    press(page, "r")
    page.keyboard.type("signed")
    press(page, "Tab")
    page.keyboard.type("v1")
    press(page, "Enter")
    said(cora, "moved the version to frozen")
    with reading(site.engine) as session:
        version = get_version(session, site.world.version_id)
    assert version.status == VersionStatus.FROZEN
    assert page.locator(".hash code").inner_text() == version.content_hash


def test_no_key_is_lost_at_any_speed(tabs: Tabs) -> None:
    """Keys that come while a page is on its way wait for it; what is typed goes on as text."""
    tab = tabs.open()
    sign_in_by_keyboard(tab, "Ada")
    open_card(tab, "c0")
    for _ in range(9):
        tab.page.keyboard.press("a")  # no waiting for the page in between
    tab.page.keyboard.type("cfast")
    press(tab.page, "Enter")
    said(tab, "remarked: “fast”")
    with reading(tab.site.engine) as session:
        events = list_events(session, tab.site.world.version_id)
        state = get_review_state(session, tab.site.world.version_id)
    assert [event.kind for event in events] == ["start"] + ["assign"] * 9 + ["comment"]
    assert sum(group.reviewed for group in state.groups) == 9


def test_what_was_typed_outlives_the_tab(tabs: Tabs) -> None:
    """A draft comes back after a crash of the tab, goes when it is sent, and is one's own."""
    tab = tabs.open()
    sign_in_by_keyboard(tab, "Ada")
    open_card(tab, "c1")
    press(tab.page, "r", "Tab", "Control+A")
    tab.page.keyboard.type("half a thought")
    context = tab.page.context
    tab.page.close(run_before_unload=False)
    tab.page = context.new_page()
    open_card(tab, "c1")
    assert tab.page.locator("#definition").input_value() == "half a thought"
    tab.page.get_by_text("What you had typed is back.").wait_for()
    press(tab.page, "r", "Enter")
    said(tab, "renamed a cluster")
    open_card(tab, "c1")
    assert tab.page.get_by_text("half a thought").first.is_visible()
    assert tab.page.get_by_text("What you had typed is back.").count() == 0
