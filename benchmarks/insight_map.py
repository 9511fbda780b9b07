"""The map: from the navigation to the painted points, and from the pointer's rise to a selection.

    python -m benchmarks.insight --only map

Labels lie in overlapping clouds, one a cluster, a twentieth of them outside. Each load is a new
browser context, so that nothing is cached but what the server keeps; the first, on which the server
reads the clustering, is not counted. `driven` are the loads with Playwright listening to them.
"""

import random
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from benchmarks import seeding
from benchmarks.browser import ARGUMENTS
from benchmarks.devtools import devtools, fresh_page
from benchmarks.review_server import server
from benchmarks.visitors import Visitor, p95
from store import people, schema
from store.engine import get_engine, transaction
from store.states import Role, RunKind, RunStatus
from store.tables import Cluster, ClusterMembership, OpenLabel, Run
from taxonomy.versions.lifecycle import create_draft

SIZES = {2_473: 80, 100_000: 400}  # labels: clusters
WIDTH, HEIGHT = 1440, 900
PROPOSED = (*seeding._PROPOSED[:-1], "explanation", "evaluation", "synthesis", None)
# Told by the page itself, one frame after the points stand in the canvas.
CLOCK = """
document.addEventListener("map:painted", () => {
  window.paintedAt = performance.now();
  console.debug("painted");
});
"""


def seed(url: str, labels: int, clusters: int) -> int:
    """A version whose clustering has so many labels; the same every time."""
    engine = get_engine(url)
    schema.upgrade(engine)
    with transaction(engine) as session:
        people.add_person(
            session, "reviewer 0", Role.CURATOR, people.hash_password(seeding.PASSWORD)
        )
        run = Run(kind=RunKind.CLUSTER, status=RunStatus.SUCCEEDED, code_version="-", parameters={})
        session.add(run)
        session.flush()
        _add_points(session, run.id, labels, clusters)
        version_id = create_draft(session, "v1", cluster_run_id=run.id, preset="mr-align-15").id
    engine.dispose()
    return version_id


def _add_points(session: Session, run_id: int, labels: int, clusters: int) -> None:
    pick = random.Random(0)
    words = seeding.WORD_LIST
    session.execute(sa.insert(OpenLabel), [
        {"id": n + 1, "key": (text := f"{pick.choice(words)} {pick.choice(words)} {n}"),
         "text": text} for n in range(labels)
    ])  # fmt: skip
    session.execute(sa.insert(Cluster), [
        {"id": n + 1, "run_id": run_id, "number": n, "name": f"{words[n % len(words)]} {n}",
         "definition": "", "cohesion": 0.7, "proposed_category": PROPOSED[n % len(PROPOSED)]}
        for n in range(clusters)
    ])  # fmt: skip
    centres = [
        (pick.gauss(0, 10), pick.gauss(0, 7), pick.uniform(0.3, 1.2)) for _ in range(clusters)
    ]
    rows = []
    for number in range(labels):
        outside = number % 20 == 19
        cluster = int(clusters * pick.random() ** 1.7)
        x, y, wide = (0.0, 0.0, 12.0) if outside else centres[cluster]
        rows.append({
            "run_id": run_id, "open_label_id": number + 1,
            "cluster_id": None if outside else cluster + 1, "nearest_cluster_id": None,
            "distance": pick.uniform(0.05, 0.5), "probability": 0.0 if outside else pick.random(),
            "instances": 1 + int(900 / (number + 3)) + int(pick.random() ** 6 * 20),
            "x": pick.gauss(x, wide), "y": pick.gauss(y, wide),
        })  # fmt: skip
    session.execute(sa.insert(ClusterMembership), rows)


def measure(loads: int, shots: Path | None = None) -> dict[str, float]:
    """The figures of the map."""
    figures = {}
    for labels, clusters in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'map.sqlite3'}"
            version_id = seed(url, labels, clusters)
            path = f"/versions/{version_id}/map"
            with server(url) as (address, _):
                paints = list(_paints(address, path, loads))
                driven, lassos = _visit(address, path, loads, shots)
        short = "100k" if labels == 100_000 else str(labels)
        figures[f"map_paint_ms_{short}"] = p95(paints)
        figures[f"map_paint_median_ms_{short}"] = statistics.median(paints)
        figures[f"map_paint_driven_ms_{short}"] = p95(driven)
        figures[f"lasso_ms_{short}"] = p95(lassos)
    return figures


def _paints(address: str, path: str, loads: int) -> Iterator[float]:
    """From the navigation to the painted points, in ms, with nobody else listening."""
    cookie = Visitor(address, "reviewer 0").cookie
    with devtools() as browser:
        for number in range(loads + 1):
            with fresh_page(browser, address, cookie, CLOCK, (WIDTH, HEIGHT)) as page:
                browser.call("Page.navigate", page, url=address + path)
                browser.wait("Runtime.consoleAPICalled", page)
                found = browser.call("Runtime.evaluate", page, expression="window.paintedAt")
                if number:
                    yield float(found["result"]["value"])


def _visit(
    address: str, path: str, loads: int, shots: Path | None
) -> tuple[list[float], list[float]]:
    from playwright.sync_api import sync_playwright

    paints, lassos = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
        )
        signed = _sign_in(browser, address)
        for number in range(loads + 1):
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT}, storage_state=signed
            )
            context.set_default_timeout(60_000)
            context.add_init_script(CLOCK)
            page = context.new_page()
            page.goto(address + path)
            page.locator("[data-map][data-ready]").wait_for()
            if number:
                paints.append(page.evaluate("window.paintedAt"))
                lassos.append(_lasso(page, number))
            if number == 1 and shots:
                page.screenshot(
                    path=shots / f"map-{page.locator('[data-map]').get_attribute('data-ready')}.png"
                )
            context.close()
        browser.close()
    return paints, lassos


def _sign_in(browser: Any, address: str) -> Any:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill("reviewer 0")
    page.get_by_label("Password").fill(seeding.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    kept = context.storage_state()
    context.close()
    return kept


def _lasso(page: Any, number: int) -> float:
    """Draw round most of the map; the page says how long it took from the pointer's rise on."""
    box = page.locator("[data-map]").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    corners = [(-0.4, -0.4), (0.4, -0.35), (0.42, 0.4), (0.1, 0.2 + 0.02 * number), (-0.4, 0.4)]
    points = [(middle[0] + a * box["width"], middle[1] + b * box["height"]) for a, b in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=12)
    page.mouse.up()
    held = page.locator("[data-map]")
    page.locator("[data-map][data-selected]:not([data-selected='0'])").wait_for()
    return float(held.get_attribute("data-took"))
