"""What the terminal shows: tables and lines that no trace can steer, and progress."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import typer

LOG_WIDTH = 160


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


@contextmanager
def progress(stage: str) -> Iterator[Advance]:
    """A bar on standard error where that is a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    quiet = not sys.stderr.isatty()
    with Progress(
        *columns, TimeElapsedColumn(), console=Console(stderr=True), disable=quiet
    ) as bar:
        task = bar.add_task(escape(printable(stage)), total=None)

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
