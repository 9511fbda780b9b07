"""Write docs/cli.md and docs/tables.md from the program itself; `--check` fails if they are old."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel
from typer.main import get_command

import store.tables  # noqa: F401  every table registers itself
from mralign.main import NOUNS, app

DOCS = Path(__file__).parents[1] / "docs"


def cli_page() -> str:
    """Every command with its options, as the program has them."""
    root: Any = get_command(app)
    lines = ["# Commands", "", "Written by `make docs` from the program; do not edit.", ""]
    for noun in NOUNS:
        lines += _command(f"mralign {noun}", root.get_command(None, noun))
    return "\n".join(lines)


def _command(path: str, command: Any) -> Iterator[str]:
    yield f"## `{path}`\n"
    yield f"{_prose(command.help)}\n"
    rows = [_option(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        yield "| option | meaning |\n| --- | --- |"
        yield "\n".join(rows) + "\n"
    for name, verb in getattr(command, "commands", {}).items():
        yield from _command(f"{path} {name}", verb)


def _option(parameter: Any) -> str:
    names = ", ".join(parameter.opts + parameter.secondary_opts)
    if parameter.param_type_name == "argument":
        names = (parameter.metavar or parameter.name).upper()
    shown = getattr(parameter, "help", None) or ""
    default = parameter.default
    tail = f" Default: {default}." if isinstance(default, str | int | float) else ""
    return f"| `{names}` | {shown}{tail if default not in (False, '') else ''} |".replace("\n", " ")


def _prose(text: str | None) -> str:
    return "\n".join(line.strip() for line in (text or "").strip().splitlines())


def tables_page() -> str:
    """Every table with its columns, as the store defines them."""
    lines = ["# Tables", "", "Written by `make docs` from the tables in `store/`; do not edit.", ""]
    by_table = {model.__tablename__: model for model in _models()}
    for table in SQLModel.metadata.sorted_tables:
        model = by_table[table.name]
        lines += [f"## `{table.name}`", "", _prose(model.__doc__), ""]
        lines += ["| column | type | |", "| --- | --- | --- |"]
        lines += [_column(column) for column in table.columns] + [""]
    return "\n".join(lines)


def _models() -> Iterator[Any]:
    yield from (mapper.class_ for mapper in SQLModel._sa_registry.mappers)


def _column(column: sa.Column[Any]) -> str:
    notes = ["key"] if column.primary_key else []
    notes += [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
    notes += ["unique"] if column.unique else []
    notes += ["may be empty"] if column.nullable else []
    return f"| `{column.name}` | {type(column.type).__name__} | {', '.join(notes)} |"


def main() -> int:
    """Write the pages, or say which are old."""
    pages = {DOCS / "cli.md": cli_page(), DOCS / "tables.md": tables_page()}
    old = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in old:
            print(f"docs/{path.name} is old; run `make docs`")
        return 1 if old else 0
    for path, text in pages.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
