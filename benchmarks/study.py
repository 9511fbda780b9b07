"""A study of people from the first label to the export, by keys in a browser.

    python -m benchmarks.study [--per-stratum N]

Four strata of as many traces, two people blind to each other, each in a browser of their own with
proposals; one accepts, the other corrects some. A curator settles where they differ. The figures of
the page are held against those of the terminal.
"""

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import col

from annotator.agreement.plans import Plan, create_study
from annotator.agreement.studies import CONSENSUS
from benchmarks import annotated, seeding
from benchmarks.insight import ARGUMENTS
from benchmarks.record import save
from benchmarks.review_server import seeded_engine, server
from mralign.agreement import compare
from mralign.sources import load_source
from store import annotations
from store.engine import reading, transaction
from store.people import get_person
from store.study_tables import Study
from store.tables import TracePair

MOVES = 3_000  # enough traces for four strata
NAMES = ("reviewer 0", "reviewer 1")
WRONG = {NAMES[0]: 0.1, NAMES[1]: 0.3}  # how often each finds a proposal wrong
READY = "[data-segment][aria-current]"


@dataclass
class Presses:
    """How many keys segments took."""

    right: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)


@contextmanager
def signed_in(browser: Any, address: str, name: str) -> Iterator[Any]:
    """A page of somebody who is signed in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(seeding.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    yield page
    context.close()


def press(page: Any, keys: str) -> int:
    """Press keys one after another, then Enter; how many that were."""
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    return len(keys) + 1


def label(page: Any, address: str, name: str, traces: int, presses: Presses) -> None:
    """Label every trace: accept what is proposed, or put two other categories."""
    chance = random.Random(name)
    page.goto(f"{address}/label")
    for number in range(traces):
        page.get_by_text(f"{number + 1} of {traces}", exact=False).first.wait_for()
        page.locator(READY).wait_for()
        letters = page.locator("[data-letter]").evaluate_all(
            "all => all.map(o => o.dataset.letter)"
        )
        for _ in range(page.locator("[data-segment]").count()):
            if chance.random() < WRONG[name]:
                presses.wrong.append(press(page, "".join(chance.sample(letters, 2))))
            else:
                presses.right.append(press(page, ""))
        press(page, "")
    page.get_by_role("heading", name="double", exact=True).wait_for()


def settle(page: Any, address: str) -> int:
    """Take one side wherever the two differ; how many decisions that were."""
    page.goto(f"{address}/adjudicate")
    decisions = 0
    while "/adjudicate/" in page.url:
        here = page.url
        page.locator(READY).wait_for()
        for _ in range(page.locator("[data-segment]").count()):
            press(page, "12"[decisions % 2])
            decisions += 1
        press(page, "")
        page.wait_for_url(lambda url, old=here: url != old)
    return decisions


def difference(engine: sa.Engine, study: Study, page: Any, address: str) -> float:
    """How far the figures that the page shows lie from those of the terminal, at most."""
    page.goto(address)
    sides = [load_source(engine, f"run:{study.run_id}/person:{name}") for name in NAMES]
    over = compare(engine, sides[0], sides[1], 100).document()["over"]
    rows = page.locator(".figures tbody tr").all()
    worst = 0.0
    for row, name in zip(rows, list(over["categories"])[:7], strict=False):
        for place, kind in enumerate(over):
            shown = row.locator("td").nth(1 + place).inner_text().split()[0]
            worst = max(worst, abs(float(shown) - over[kind][name]["value"]))
    return worst


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--per-stratum", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'study.sqlite3'}"
        engine, seeded = seeded_engine(url, reviewers=3)
        with transaction(engine) as session:
            annotated.annotate(session, seeded, MOVES)
            gap = sa.update(TracePair).values(hit_gap=col(TracePair.id) % 2 == 0)
            session.execute(gap)
            plan = Plan(
                "double", NAMES, per_stratum=options.per_stratum, proposals=True, polar=True
            )
            study, drawn = create_study(session, plan, by=get_person(session, "reviewer 2"))
        with server(url) as (address, _):
            figures = measure(engine, study, f"{address}", len(drawn.strata))
    save("study", figures, {"per_stratum": options.per_stratum, "traces": len(drawn.strata)})


def measure(engine: sa.Engine, study: Study, address: str, traces: int) -> dict[str, float]:
    """Label, compare, settle and export."""
    from playwright.sync_api import sync_playwright

    presses, own, began = Presses(), f"{address}/studies/{study.id}", time.perf_counter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
        )
        for name in NAMES:
            with signed_in(browser, address, name) as page:
                label(page, own, name, traces, presses)
        labelled_s = time.perf_counter() - began
        with signed_in(browser, address, "reviewer 2") as page:
            apart = difference(engine, study, page, own)
            decisions = settle(page, own)
            lines = page.request.get(f"{own}/export").text().splitlines()
        browser.close()
    with reading(engine) as session:
        settled = len(list(annotations.list_label_sets(session, study.run_id, CONSENSUS)))
    return {
        "segments": len(presses.right) + len(presses.wrong),
        "presses_right_at_most": max(presses.right),
        "presses_wrong_at_most": max(presses.wrong),
        "presses_a_segment": (sum(presses.right) + sum(presses.wrong) + 2 * traces)
        / (len(presses.right) + len(presses.wrong)),
        "labelled_s": labelled_s,
        "page_to_terminal": apart,
        "decisions": decisions,
        "traces_settled": settled,
        "lines_exported": len(lines),
    }


if __name__ == "__main__":
    main()
