"""Label Studio beside mralign: the same rows in both, the same work, in one run.

It is asked through its programming interface, with a token: what its own page would ask for, less
the page. Ours answers whole pages. Both imports are timed without the start of what imports.
"""

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.seeding import INSTANCES, WORD_LIST

PACKAGE = "label-studio==1.23.2"
CATEGORIES = ("framing", "retrieval", "evaluation", "chaining")
CONFIG = (
    '<View><Text name="text" value="$thinking"/><Choices name="category" toName="text">'
    + "".join(f'<Choice value="{category}"/>' for category in CATEGORIES)
    + "</Choices></View>"
)
FIRST_START_S = 600.0


def records(count: int = INSTANCES) -> list[dict[str, Any]]:
    """The rows for both: traces of some sentences."""
    made = []
    for number in range(count):
        words = [WORD_LIST[number * step % len(WORD_LIST)] for step in (1, 3, 7)]
        pieces = [f"I am {word} what is asked in question {number}." for word in words]
        question = f"What follows from {' and '.join(words)}, case {number}?"
        made.append({"id": f"row-{number}", "question": question, "gold_answers": ["x"],
                     "thinking": "\n\n".join(pieces), "answer": "x", "model": "m",
                     "thinking_mode": "on"})  # fmt: skip
    return made


def install_s(folder: Path) -> float:
    """The seconds that the installation takes; 0 where it is there already."""
    if (folder / "bin" / "label-studio").exists():
        return 0.0
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [str(folder / "bin" / "pip"), "install", "--quiet", PACKAGE]
    subprocess.run(command, check=True)
    return time.perf_counter() - started


@dataclass
class Peer:
    """A running Label Studio with one project."""

    port: int
    token: str
    pid: int
    project: int = 0
    times_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def ask(self, method: str, path: str, body: Any = None, expected: int = 200) -> Any:
        """Send a request, and read all of the answer."""
        headers = {"Authorization": f"Token {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != expected:
            raise RuntimeError(
                f"expected {path} to answer {expected}, got {answer.status}: {text[:300]!r}"
            )
        return json.loads(text)

    def timed(self, method: str, path: str, body: Any = None, expected: int = 200) -> Any:
        """The same, with its time written down."""
        started = time.perf_counter()
        answer = self.ask(method, path, body, expected)
        self.times_ms.append(1000 * (time.perf_counter() - started))
        return answer

    def another(self) -> "Peer":
        """A further client, on a connection of its own."""
        return Peer(self.port, self.token, self.pid, self.project)

    def fill(self, rows: Sequence[dict[str, Any]]) -> float:
        """Make a project of the rows; the seconds that their import takes."""
        made = self.ask("POST", "/api/projects", {"title": "rows", "label_config": CONFIG}, 201)
        self.project = made["id"]
        started = time.perf_counter()
        address = f"/api/projects/{self.project}/import"
        self.ask("POST", address, [{"data": row} for row in rows], 201)
        return time.perf_counter() - started

    def list_tasks(self, page: int = 1, words: str = "") -> list[int]:
        """A page of the list, as the data manager asks for it; the numbers of its tasks."""
        asked = {"project": self.project, "page": page, "page_size": 50, "fields": "all"}
        if words:
            contains = {"filter": "filter:tasks:data.question", "operator": "contains",
                        "type": "String", "value": words}  # fmt: skip
            query = {"filters": {"conjunction": "and", "items": [contains]}}
            asked["query"] = json.dumps(query)
        found = self.timed("GET", f"/api/tasks?{urlencode(asked)}")
        return [task["id"] for task in found["tasks"]]

    def submit(self, task: int, category: str) -> None:
        """One annotation."""
        chosen = {"from_name": "category", "to_name": "text", "type": "choices",
                  "value": {"choices": [category]}}  # fmt: skip
        self.timed("POST", f"/api/tasks/{task}/annotations/", {"result": [chosen]}, 201)


@contextmanager
def label_studio(venv: Path, folder: Path) -> Iterator[Peer]:
    """Label Studio on a database of its own, ended with all that it started."""
    port, token = _free_port(), secrets.token_hex(20)
    log = (folder / "label-studio.log").open("wb")
    process = subprocess.Popen(
        [venv / "bin" / "label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1",
         "--port", str(port), "--username", "bench@example.com", "--password",
         secrets.token_hex(8), "--user-token", token],
        env=_environment(folder), stdout=log, stderr=subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        peer = Peer(port, token, process.pid)
        _wait(peer, process)
        yield peer
    finally:
        process.terminate()
        process.wait()
        log.close()


def _environment(folder: Path) -> dict[str, str]:
    """Its own data folder, the token allowed, and nobody told about it."""
    return {**os.environ, "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"), "SENTRY_DSN": "",
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "False",
            "LATEST_VERSION_CHECK": "0", "FRONTEND_SENTRY_DSN": ""}  # fmt: skip


def _wait(peer: Peer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + FIRST_START_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException, RuntimeError):
            peer.ask("GET", "/api/projects")
            return
        peer.connection.close()
        time.sleep(1)
    raise RuntimeError("expected Label Studio to start; see label-studio.log in its folder")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def filtering(words: Sequence[str], rounds: int) -> Callable[[Peer, int], None]:
    """Work: the list filtered by each of the words."""

    def filter_by(client: Peer, _: int) -> None:
        for word in [*words] * rounds:
            client.list_tasks(words=word)

    return filter_by


def submitting(tasks: Sequence[int], clients: int, count: int) -> Callable[[Peer, int], None]:
    """Work: annotations, each client on tasks of its own."""

    def submit(client: Peer, place: int) -> None:
        for number in range(count):
            task = tasks[(place + clients * number) % len(tasks)]
            client.submit(task, CATEGORIES[number % len(CATEGORIES)])

    return submit
