"""A review of the paper's size in a database, and the pages on it in a process of their own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from benchmarks import seeding
from benchmarks.seeding import Seeded
from benchmarks.settings import environment
from store import schema
from store.engine import get_engine


@contextmanager
def server(url: str, *options: str) -> Iterator[tuple[str, int]]:
    """`mralign serve` on a database: its address and its process."""
    command = [sys.executable, "-m", "mralign", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://[\d.]+:\d+", line)
        if found is None:
            raise RuntimeError(f"expected the server to tell its address, got {line!r}")
        yield found[0], process.pid
    finally:
        process.terminate()
        process.wait()


def seeded_engine(url: str, reviewers: int, **options: Any) -> tuple[sa.Engine, Seeded]:
    """A database with the review in it; the options are those of `seeding.seed`."""
    engine = get_engine(url)
    schema.upgrade(engine)
    return engine, seeding.seed(engine, reviewers, **options)
