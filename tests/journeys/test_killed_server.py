"""The server is killed while people decide: what it answered for is there, and nothing twice."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from sqlmodel import col, select

from store.engine import get_engine, reading
from store.tables import ReviewEvent
from tests.builders import PASSWORD
from tests.worlds import copy_world

ROOT = Path(__file__).parents[2]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CATEGORIES = ("framing", "retrieval")


def start(url: str) -> tuple[subprocess.Popen[str], str]:
    """The server in a process of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mralign", "serve", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "MRALIGN_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, urlsplit(process.stdout.readline().split()[1]).netloc


class Decider:
    """Somebody who decides about one cluster over and over, and sends again what got no answer."""

    def __init__(self, name: str, anchor: str, version_id: int) -> None:
        self.name, self.version_id = name, version_id
        self.path = f"/versions/{version_id}/clusters/{anchor}/assign"
        self.answered: list[str] = []
        self.headers: dict[str, str] = {}
        self.token = ""
        self.outbox: dict[str, str] = {}

    def sign_in(self, netloc: str) -> None:
        """Open a session."""
        with closing(HTTPConnection(netloc)) as connection:
            self._sign_in(connection)

    def _sign_in(self, connection: HTTPConnection) -> None:
        fields = {"name": self.name, "password": PASSWORD, "next": "/keys"}
        connection.request("POST", "/sign-in", urlencode(fields), FORM)
        answer = connection.getresponse()
        answer.read()
        cookie = str(answer.headers["set-cookie"]).partition(";")[0]
        self.headers = {**FORM, "Cookie": cookie}
        connection.request("GET", "/keys", headers=self.headers)
        page = connection.getresponse().read().decode()
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found is not None
        self.token = found[1]

    def decide(self, connection: HTTPConnection, number: int) -> None:
        """One more decision, on the page as it is now."""
        mark = f"{self.name} {number}"
        self.outbox = {
            "csrf_token": self.token,
            "revision": self.revision(connection),
            "category": CATEGORIES[number % 2],
            "reason": mark,
            "decision": mark.replace(" ", "-"),
        }
        self.send(connection)

    def send(self, connection: HTTPConnection) -> None:
        """Send what is in the outbox; it has a number, by which it is known if it comes again."""
        connection.request("POST", self.path, urlencode(self.outbox), self.headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 303, answer.status
        self.answered.append(self.outbox["reason"])
        self.outbox = {}

    def revision(self, connection: HTTPConnection) -> str:
        """The revision that the page shows."""
        path = self.path.removesuffix("/assign")
        connection.request("GET", path, headers=self.headers)
        page = connection.getresponse().read().decode()
        found = re.search(r'name="revision" value="(\d+)"', page)
        assert found is not None
        return found[1]

    def decide_until_the_end(self, netloc: str) -> None:
        """Decide until the server is gone."""
        with closing(HTTPConnection(netloc)) as connection, suppress(OSError, HTTPException):
            for number in range(10_000):
                self.decide(connection, number)


def stop(process: subprocess.Popen[str]) -> None:
    """Kill it in the middle of whatever it does."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_what_was_answered_for_survives_a_kill(sqlite_template: Path, tmp_path: Path) -> None:
    """After kill -9 each answered decision is in the log once, and what got no answer can go on."""
    path = tmp_path / "killed.sqlite3"
    world = copy_world(sqlite_template, path)
    url = f"sqlite:///{path}"
    deciders = [
        Decider(name, anchor, world.version_id)
        for name, anchor in (("Ada", "c0"), ("Rhea", "c1"), ("Cora", "c2"))
    ]
    process, netloc = start(url)
    threads = []
    for decider in deciders:
        decider.sign_in(netloc)
        threads.append(threading.Thread(target=decider.decide_until_the_end, args=(netloc,)))
    for thread in threads:
        thread.start()
    while min(len(decider.answered) for decider in deciders) < 5:
        assert process.poll() is None
        threads[0].join(0.01)
    stop(process)
    for thread in threads:
        thread.join()
    process, netloc = start(url)
    for decider in deciders:
        with closing(HTTPConnection(netloc)) as connection:
            if decider.outbox:
                decider.send(connection)
            decider.decide(connection, len(decider.answered))
    stop(process)
    engine = get_engine(url)
    with reading(engine) as session:
        reasons = session.exec(
            select(col(ReviewEvent.reason)).where(
                col(ReviewEvent.version_id) == world.version_id, col(ReviewEvent.kind) == "assign"
            )
        ).all()
    engine.dispose()
    expected = {mark for decider in deciders for mark in decider.answered}
    assert Counter(reasons) == Counter(expected)
