"""The insight pages at the paper's scale: from the key to the painted answer.

    python -m benchmarks.insight [--questions N] [--rounds N] [--only PART ...]

A server in a process of its own on 23,878 instances, 2,473 labels, 80 clusters and an annotate run
of 50,000 moves; a browser in this one. Every question is one that was not asked before.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import annotated, insight_map, insight_routes, insight_search, seeding
from benchmarks.insight_axe import measure_axe
from benchmarks.record import earlier, save
from benchmarks.review_server import seeded_engine, server
from benchmarks.settings import data_file
from benchmarks.visitors import Visitor, p95
from store.engine import transaction

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# The seed proposes no category for each tenth cluster: its labels stand in none, and touch nothing.
CLUSTERS = [number for number in range(seeding.CLUSTERS) if number % 10 != 9]
# From a key to the frame after the answer stands in the page.
PRESS = """key => new Promise(done => {
  const began = performance.now();
  document.addEventListener("flow:shown", () => requestAnimationFrame(() => setTimeout(
    () => done([performance.now() - began, document.querySelectorAll(".effect").length]))),
    { once: true });
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
})"""


def ask_all(address: str, version_id: int, questions: int) -> list[float]:
    """What each question takes in ms, the first included, on which the traces are read."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
        )
        page = browser.new_page()
        page.goto(f"{address}/sign-in")
        page.get_by_label("Name").fill("reviewer 0")
        page.get_by_label("Password").fill(seeding.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        cards = f"{address}/versions/{version_id}/clusters"
        times = [
            ask(page, f"{cards}/c{CLUSTERS[number % len(CLUSTERS)]}",
                str(2 + number // len(CLUSTERS) % 8))
            for number in range(questions)
        ]  # fmt: skip
        browser.close()
    return times


def ask(page: Any, cluster: str, digit: str) -> float:
    """Choose a category on a cluster's card, and press the key."""
    page.goto(cluster)
    page.keyboard.press(digit)
    time_ms, shown = page.evaluate(PRESS, "w")
    if not shown:
        raise RuntimeError(f"expected an effect on {page.url}, got none")
    return float(time_ms)


def read_traces(address: str, first: int, rounds: int) -> float:
    """The p95 in ms of pages of annotated traces."""
    visitor = Visitor(address, "reviewer 0")
    paths = [f"/traces/{first + 7 * number}" for number in range(40)]
    visitor.read(paths[:2], 1)
    visitor.times_ms.clear()
    visitor.read(paths, rounds)
    return p95(visitor.times_ms)


Figures = dict[str, float]


def measure_pages(options: argparse.Namespace) -> Figures:
    """What if, and the pages of annotated traces."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'insight.sqlite3'}"
        engine, seeded = seeded_engine(url, reviewers=1)
        with transaction(engine) as session:
            version_id = annotated.annotate(session, seeded, options.moves)
        with server(url) as (address, _):
            first, *times = ask_all(address, version_id, options.questions)
            trace_ms = read_traces(address, 900, options.rounds)
    return {
        "whatif_ms": p95(times),
        "whatif_median_ms": statistics.median(times),
        "whatif_first_ms": first,
        "trace_page_p95_ms": trace_ms,
    }


def measure_soundness(_options: argparse.Namespace) -> Figures:
    """axe on every page and dialog."""
    with tempfile.TemporaryDirectory() as name:
        return measure_axe(Path(name))


PARTS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "pages": measure_pages,
    "map": lambda options: insight_map.measure(options.loads, options.shots),
    "search": lambda options: insight_search.measure(options.data),
    "axe": measure_soundness,
    "routes": lambda options: insight_routes.measure_routes(options.rounds),
    "transitions": lambda options: insight_routes.measure_transitions(options.rounds),
}


def read_options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--questions", type=int, default=51, help="the first reads the traces")
    parser.add_argument("--rounds", type=int, default=5, help="times each page is opened")
    parser.add_argument("--moves", type=int, default=annotated.MOVES, help="annotated moves")
    parser.add_argument("--only", choices=sorted(PARTS), nargs="*", help="measure these alone")
    parser.add_argument("--data", type=Path, default=data_file("traces.jsonl.gz"), help="traces")
    parser.add_argument("--loads", type=int, default=12, help="times each map is loaded")
    parser.add_argument("--shots", type=Path, help="a folder for pictures of the maps")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write down; what is not measured stays as it was."""
    options = read_options()
    for part in options.only or PARTS:
        figures, details = earlier("insight")
        asked = {"questions": options.questions - 1, "moves": options.moves}
        details |= asked | {"map_loads": options.loads}
        save("insight", figures | PARTS[part](options), details)


if __name__ == "__main__":
    main()
