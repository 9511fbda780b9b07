"""What the terminal shows: tables and lines that no trace can steer, and progress."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer

LOG_WIDTH = 160
LOG_EVERY_S = 30.0


class Advance(Protocol):
    """Say how many items are done, and of how many if that is known."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show it."""


def printable(text: str) -> str:
    """The text with control characters shown, so that no trace can steer a terminal."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def say(line: str, err: bool = False) -> None:
    """Print a line, its control characters shown; `err` sends it to standard error."""
    typer.echo(printable(line), err=err)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table: numbers to the right, everything else to the left."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left", box=None)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(Text(column), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(printable(cell_text(cell))) for cell in row))
    # A log has no width to fit into; cutting names there would lose them.
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    console.print(table)


def cell_text(cell: object) -> str:
    """A cell as text: thousands separated, four decimals, a dash for nothing."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return f"{cell:,}" if isinstance(cell, int) and not isinstance(cell, bool) else str(cell)


def duration(seconds: float) -> str:
    """A time as people say it: seconds, minutes, hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


@contextmanager
def progress(stage: str, note: Callable[[], str] | None = None) -> Iterator[Advance]:
    """A bar on standard error where that is a terminal.

    Elsewhere nothing, or a line every half minute where `note` has something to say.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    quiet = not sys.stderr.isatty()
    log = _Log(stage, note) if quiet and note is not None else None
    with Progress(
        *columns, *times, TextColumn("{task.fields[note]}"),
        console=Console(stderr=True), disable=quiet,
    ) as bar:  # fmt: skip
        task = bar.add_task(escape(printable(stage)), total=None, note="")

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total, note=note() if note else "")
            if log is not None:
                log.line(done, total)

        yield advance


class _Log:
    """Progress as lines, now and then, with the time that is left."""

    def __init__(self, stage: str, note: Callable[[], str]) -> None:
        self._stage, self._note = stage, note
        self._began = self._said = time.monotonic()
        self._first: int | None = None

    def line(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done
        if now - self._said < LOG_EVERY_S or total is None:
            return
        self._said = now
        rate = (done - self._first) / (now - self._began)
        left = duration((total - done) / rate) if rate > 0 else "unknown"
        say(f"{self._stage}: {done:,} of {total:,}, {self._note()}, {left} left", err=True)
