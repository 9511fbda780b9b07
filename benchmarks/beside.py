"""Label Studio and the pages, one after the other: list, filter, submit, import."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.label_studio import Peer, filtering, install_s, label_studio, records, submitting
from benchmarks.review_server import seeded_engine, server
from benchmarks.seeding import CLUSTERS
from benchmarks.settings import environment
from benchmarks.visitors import Visitor, at_once, p95
from store.engine import get_engine, reading
from store.runs import get_latest_run
from store.states import RunKind

CLIENTS = 8
PAGES = (1, 2, 10, 100, 400)
WORDS = ("tracing", "listing and", "case 77", "case 23000")


def measure_both(venv: Path, folder: Path, rounds: int, submits: int) -> dict[str, float]:
    """How many times faster the pages are, and the times of both."""
    installed_s = install_s(venv)
    rows = records()
    theirs = measure_peer(venv, folder, rows, rounds, submits)
    ours = measure_pages(folder, rows, rounds, submits)
    return {
        "label_studio_install_s": installed_s,
        **{f"label_studio_{name}": value for name, value in theirs.items()},
        **{f"beside_{name}": value for name, value in ours.items()},
        **ratios(theirs, ours),
    }


def ratios(theirs: Mapping[str, float], ours: Mapping[str, float]) -> dict[str, float]:
    """Their time over ours; of submissions the lesser ratio, of one client and of eight."""
    times = {name: theirs[name] / ours[name] for name in ours}
    return {
        "list_vs_label_studio": times["list_ms"],
        "filter_vs_label_studio": times["filter_ms"],
        "submit_vs_label_studio": min(times["submit_ms_1"], times["submit_ms_8"]),
        "import_vs_label_studio": times["import_s"],
    }


def measure_peer(
    venv: Path, folder: Path, rows: list[dict[str, Any]], rounds: int, submits: int
) -> dict[str, float]:
    """Label Studio's times: p95 in ms, the import in s."""
    with label_studio(venv, folder) as peer:
        figures = {"import_s": peer.fill(rows)}
        clients = [peer.another() for _ in range(CLIENTS)]
        tasks = [task for page in PAGES for task in clients[0].list_tasks(page)]
        figures["list_ms"] = p95(at_once(clients[:1], listing(rounds)))
        figures["filter_ms"] = p95(at_once(clients[:1], filtering(WORDS, rounds)))
        for count in (1, CLIENTS):
            work = submitting(tasks, count, submits)
            figures[f"submit_ms_{count}"] = p95(at_once(clients[:count], work))
    return figures


def listing(rounds: int) -> Callable[[Peer, int], None]:
    """Work: pages of the list, some of them far into it."""

    def read(client: Peer, _: int) -> None:
        for page in [*PAGES] * rounds:
            client.list_tasks(page)

    return read


def measure_pages(
    folder: Path, rows: list[dict[str, Any]], rounds: int, submits: int
) -> dict[str, float]:
    """Our times for the same."""
    url = f"sqlite:///{folder / 'beside.sqlite3'}"
    _, seeded = seeded_engine(url, CLIENTS)
    figures = {"import_s": import_s(url, folder, rows)}
    with server(url) as (address, _):
        visitors = [Visitor(address, f"reviewer {number}") for number in range(CLIENTS)]
        lists = ["/traces", *(f"/traces?after={50 * (page - 1)}" for page in PAGES[1:])]
        filters = [f"/traces?q={word.replace(' ', '+')}" for word in WORDS]
        for name, paths in (("list_ms", lists), ("filter_ms", filters)):
            visitors[0].read(paths, 1)
            figures[name] = p95(at_once(visitors[:1], opening(paths, rounds)))
        revision = 1
        for count in (1, CLIENTS):
            for visitor in visitors:
                visitor.name = f"{visitor.name} of {count}"
            work = deciding(seeded.version_id, count, submits, revision)
            figures[f"submit_ms_{count}"] = p95(at_once(visitors[:count], work))
            revision += submits
    return figures


def opening(paths: Sequence[str], rounds: int) -> Callable[[Visitor, int], None]:
    """Work: all of these pages."""
    return lambda visitor, _: visitor.read(paths, rounds)


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


def deciding(
    version_id: int, clients: int, count: int, revision: int
) -> Callable[[Any, int], None]:
    """Work: decisions, each client on clusters of its own."""

    def decide(visitor: Visitor, place: int) -> None:
        anchors = [f"c{number}" for number in range(place, CLUSTERS, clients)]
        visitor.decide(version_id, anchors, count, revision)

    return decide
