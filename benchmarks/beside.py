"""Label Studio and the pages, one after the other: list, filter, submit, import."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from benchmarks.label_studio import Peer, filtering, install_s, label_studio, records, submitting
from benchmarks.review_server import seeded_engine, server
from benchmarks.seeding import CLUSTERS
from benchmarks.settings import environment
from benchmarks.visitors import Visitor, at_once, p95
from store import schema
from store.engine import get_engine, reading
from store.runs import get_latest_run
from store.states import RunKind

CLIENTS, TURNS = 8, 4
PAGES = (1, 2, 10, 100, 400)
WORDS = ("tracing", "listing and", "case 77", "case 23000")
Work = Callable[[], list[float]]  # the times of what was asked for, in ms
Client = TypeVar("Client", Peer, Visitor)


def measure_both(venv: Path, folder: Path, rounds: int, submits: int) -> dict[str, float]:
    """How many times faster the pages are, and the times of both.

    Both are up at once, and each figure is taken of one and of the other by turns, so that a
    machine whose speed drifts is much as fast for both.
    """
    installed_s = install_s(venv)
    url, rows = f"sqlite:///{folder / 'beside.sqlite3'}", records()
    _, seeded = seeded_engine(url, CLIENTS)
    with label_studio(venv, folder) as peer:
        theirs, ours = imports(peer, url, folder, rows)
        with server(url) as (address, _):
            both = Both(peer, address, seeded.version_id, rounds, submits)
            for name, pair in both.works().items():
                theirs[name], ours[name] = (p95(times) for times in by_turns(*pair))
    return {
        "label_studio_install_s": installed_s,
        **{f"label_studio_{name}": value for name, value in theirs.items()},
        **{f"beside_{name}": value for name, value in ours.items()},
        **ratios(theirs, ours),
    }


def by_turns(theirs: Work, ours: Work) -> tuple[list[float], list[float]]:
    """The times of both, a turn of theirs before each of ours."""
    turns = [(theirs(), ours()) for _ in range(TURNS)]
    return [ms for turn, _ in turns for ms in turn], [ms for _, turn in turns for ms in turn]


def imports(
    peer: Peer, url: str, folder: Path, rows: list[dict[str, Any]]
) -> tuple[dict[str, float], dict[str, float]]:
    """The seconds of the import, the mean of two of theirs and of three of ours round them."""
    theirs, ours = list[float](), [import_s(_empty(folder, "first"), folder, rows)]
    for own in (_empty(folder, "second"), url):
        theirs.append(peer.fill(rows))
        ours.append(import_s(own, folder, rows))
    return {"import_s": fmean(theirs)}, {"import_s": fmean(ours)}


def _empty(folder: Path, name: str) -> str:
    url = f"sqlite:///{folder / name}.sqlite3"
    schema.upgrade(get_engine(url))
    return url


def ratios(theirs: Mapping[str, float], ours: Mapping[str, float]) -> dict[str, float]:
    """Their time over ours; of submissions the lesser ratio, of one client and of eight."""
    times = {name: theirs[name] / ours[name] for name in ours}
    return {
        "list_vs_label_studio": times["list_ms"],
        "filter_vs_label_studio": times["filter_ms"],
        "submit_vs_label_studio": min(times["submit_ms_1"], times["submit_ms_8"]),
        "import_vs_label_studio": times["import_s"],
    }


class Both:
    """Clients of both servers, and what they ask for in a turn."""

    def __init__(
        self, peer: Peer, address: str, version_id: int, rounds: int, submits: int
    ) -> None:
        self.peers = [peer.another() for _ in range(CLIENTS)]
        self.visitors = [Visitor(address, f"reviewer {number}") for number in range(CLIENTS)]
        self.version_id, self.rounds, self.submits = version_id, rounds, submits
        self.revision = 1

    def works(self) -> dict[str, tuple[Work, Work]]:
        """By figure: theirs and ours."""
        lists = ["/traces", *(f"/traces?after={50 * (page - 1)}" for page in PAGES[1:])]
        filters = [f"/traces?q={word.replace(' ', '+')}" for word in WORDS]
        self.visitors[0].read([*lists, *filters], 1)
        tasks = [task for page in PAGES for task in self.peers[0].list_tasks(page)]
        one, many = self.submits, max(self.submits // TURNS, 1)
        return {
            "list_ms": (self.asking(listing(self.rounds)), self.opening(lists)),
            "filter_ms": (self.asking(filtering(WORDS, self.rounds)), self.opening(filters)),
            "submit_ms_1": (self.annotating(tasks, 1, one), self.deciding(1, one)),
            "submit_ms_8": (self.annotating(tasks, CLIENTS, many), self.deciding(CLIENTS, many)),
        }

    def asking(self, work: Callable[[Peer, int], None]) -> Work:
        """One client of theirs at work."""
        return lambda: list(at_once(self.peers[:1], work))

    def opening(self, paths: Sequence[str]) -> Work:
        """One visitor of ours who opens all of these pages."""
        return lambda: list(
            at_once(self.visitors[:1], lambda visitor, _: visitor.read(paths, self.rounds))
        )

    def annotating(self, tasks: Sequence[int], count: int, submits: int) -> Work:
        """So many clients of theirs who annotate."""
        work = submitting(tasks, count, submits)
        return lambda: list(at_once(afresh(self.peers[:count]), work))

    def deciding(self, count: int, submits: int) -> Work:
        """So many visitors of ours who decide, each about clusters of their own."""

        def decide(visitor: Visitor, place: int) -> None:
            anchors = [f"c{number}" for number in range(place, CLUSTERS, count)]
            visitor.decide(self.version_id, anchors, submits, self.revision)

        def work() -> list[float]:
            times = list(at_once(afresh(self.visitors[:count]), decide))
            self.revision += count * submits
            return times

        return work


def afresh(clients: list[Client]) -> list[Client]:
    """The clients, each to connect anew: a server hangs up on those who wait while others work."""
    for client in clients:
        client.connection.close()
    return clients


def listing(rounds: int) -> Callable[[Peer, int], None]:
    """Work: pages of the list, some of them far into it."""

    def read(client: Peer, _: int) -> None:
        for page in [*PAGES] * rounds:
            client.list_tasks(page)

    return read


def import_s(url: str, folder: Path, rows: list[dict[str, Any]]) -> float:
    """The seconds of the import; as with the other, its server has started before."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-m", "mralign", "traces", "import", str(path)]
    subprocess.run(command, env=environment(url), check=True, stdout=subprocess.DEVNULL)
    with reading(get_engine(url)) as session:
        run = get_latest_run(session, RunKind.IMPORT)
    if run.ended_at is None:
        raise RuntimeError("expected the import to have ended")
    return (run.ended_at - run.started_at).total_seconds()
