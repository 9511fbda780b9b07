"""Keys: how long until the next card is painted, and whether any is lost however fast they come."""

import time
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import col

from benchmarks.browser import Tab, tab, until
from benchmarks.review_server import seeded_engine, server
from benchmarks.seeding import CLUSTERS
from benchmarks.visitors import p95
from store.engine import reading
from store.tables import ReviewEvent

CARDS = 75  # decisions on one version, which has eighty clusters
READS_MS = 200  # nobody has read a card sooner; AT_ONCE are decided without reading
AT_ONCE = 40
BURST, BETWEEN_KEYS_MS = 60, 2
DECIDING = ("assign", "flag", "skip")


def measure_keys(folder: Path, decisions: int) -> dict[str, float]:
    """The p95 of key to paint, and the keys that were lost or doubled, all on SQLite."""
    versions = -(-decisions // CARDS)
    blind_version, burst_version = versions, versions + 1
    url = f"sqlite:///{folder / 'keys.sqlite3'}"
    engine, seeded = seeded_engine(url, 1, versions=versions + 2)
    with server(url) as (address, _), tab(address) as opened:
        opened.sign_in("reviewer 0")
        times_ms: list[float] = []
        for number in range(versions):
            wanted = min(CARDS, decisions - len(times_ms))
            times_ms += decide_one_by_one(opened, seeded.version_id + number, wanted, READS_MS)
        unread_ms = decide_one_by_one(opened, seeded.version_id + blind_version, AT_ONCE, 0)
        sent = decide_in_a_burst(opened, engine, seeded.version_id + burst_version)
    done = Counter(list_kinds(engine, seeded.version_id + burst_version))
    wanted_kinds = Counter({"a": "assign", "f": "flag", "l": "skip"}[key] for key in sent)
    return {
        "key_to_paint_p95_ms": p95(times_ms),
        "key_to_paint_decisions": len(times_ms),
        "key_to_paint_unread_p95_ms": p95(unread_ms),
        "keys_lost": sum((wanted_kinds - done).values()),
        "keys_doubled": sum((done - wanted_kinds).values()),
    }


def begin(opened: Tab, version_id: int) -> None:
    """Open the queue and begin with the first card."""
    opened.open(f"/versions/{version_id}/queue")
    opened.press("Enter")
    opened.ask("window.painted.length = 0")


def decide_one_by_one(opened: Tab, version_id: int, count: int, reads_ms: int) -> list[float]:
    """Accept so many cards, each when it was there so long; the times from key to paint, in ms."""
    begin(opened, version_id)
    for number in range(1, count + 1):
        opened.page.wait_for_timeout(reads_ms)
        opened.press("a")
        opened.ask(until(f"window.painted.length >= {number}", "painted"))
    return [float(time_ms) for time_ms in opened.ask("window.painted")]


def decide_in_a_burst(opened: Tab, engine: sa.Engine, version_id: int) -> str:
    """Press a, f and l one after the other without looking; what was pressed."""
    keys = "".join("aafl"[number % 4] for number in range(BURST))
    begin(opened, version_id)
    opened.page.keyboard.type(keys, delay=BETWEEN_KEYS_MS)
    deadline, before = time.monotonic() + 30, -1
    while time.monotonic() < deadline and before != (now := len(list_kinds(engine, version_id))):
        before = now
        time.sleep(1)
    return keys


def list_kinds(engine: sa.Engine, version_id: int) -> list[str]:
    """The kinds of the decisions on a version, in order."""
    query = sa.select(col(ReviewEvent.kind)).where(
        col(ReviewEvent.version_id) == version_id, col(ReviewEvent.kind).in_(DECIDING)
    )
    with reading(engine) as session:
        return list(session.execute(query.order_by(col(ReviewEvent.revision))).scalars())


assert BURST < CLUSTERS and CARDS < CLUSTERS
