"""People at the pages, each on a connection of their own, timing every answer."""

import http.client
import re
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from statistics import quantiles
from typing import Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from benchmarks.seeding import PASSWORD

CATEGORIES = ("framing", "retrieval", "evaluation", "chaining")


def p95(times_ms: Sequence[float]) -> float:
    """The time that one answer in twenty takes longer than."""
    return quantiles(times_ms, n=20, method="inclusive")[-1]


@dataclass
class Visitor:
    """Somebody signed in."""

    address: str
    name: str
    times_ms: list[float] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.address).netloc)
        self.cookie = ""
        fields = {"name": self.name, "password": PASSWORD, "next": "/keys"}
        _, headers, _ = self.request("POST", "/sign-in", fields)
        self.cookie = headers["set-cookie"].partition(";")[0]
        _, _, page = self.request("GET", "/keys")
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        self.token = unescape(found[1]) if found else ""

    def request(
        self, method: str, path: str, fields: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Send a request and read all of the answer."""
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request(method, path, urlencode(fields) if fields else None, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")

    def timed(
        self, method: str, path: str, fields: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage]:
        """The same, with its time written down."""
        started = time.perf_counter()
        status, headers, _ = self.request(method, path, fields)
        self.times_ms.append(1000 * (time.perf_counter() - started))
        return status, headers

    def read(self, paths: Sequence[str], rounds: int) -> None:
        """Open every page, some times over."""
        for path in [*paths] * rounds:
            status, _ = self.timed("GET", path)
            if status != 200:
                raise RuntimeError(f"expected {path} to answer 200, got {status}")

    def decide(self, version_id: int, anchors: Sequence[str], count: int, revision: int) -> None:
        """Put clusters in categories, each time on from what the last answer told."""
        for number in range(count):
            mark = f"{self.name} decision {number}"
            fields = {
                "csrf_token": self.token,
                "revision": str(revision),
                "category": CATEGORIES[number % len(CATEGORIES)],
                "then": "next",
                "reason": mark,
                "decision": secrets.token_hex(12),  # as a page's form has one
            }
            anchor = anchors[number % len(anchors)]
            path = f"/versions/{version_id}/clusters/{anchor}/assign"
            status, headers = self.timed("POST", path, fields)
            if status != 303:
                self.refused += 1
                continue
            self.sent.append(mark)
            revision = int(headers["location"].rpartition("done=")[2])


class Timed(Protocol):
    """Whoever writes down how long the answers took."""

    times_ms: list[float]


Client = TypeVar("Client", bound=Timed)


def at_once(clients: Sequence[Client], work: Callable[[Client, int], None]) -> list[float]:
    """Let all of them work at the same time; the times of all their requests, in ms.

    Raises:
        RuntimeError: one of them failed; what the others did says nothing then.
    """
    for client in clients:
        client.times_ms.clear()
    with ThreadPoolExecutor(len(clients)) as threads:
        done = [threads.submit(work, client, place) for place, client in enumerate(clients)]
    for one in done:
        one.result()
    return [time_ms for client in clients for time_ms in client.times_ms]
