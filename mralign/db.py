"""`mralign db`: the schema of the database."""

import typer

from store import schema
from store.engine import get_engine
from store.errors import SchemaMismatch

app = typer.Typer(
    help="Bring the database's schema up to date, or check it.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def upgrade() -> None:
    """Create the schema, or bring it up to what this version of mralign expects."""
    engine = get_engine()
    before = schema.current_revision(engine)
    schema.upgrade(engine)
    after = schema.head_revision(engine)
    url = engine.url.render_as_string(hide_password=True)
    typer.echo(f"{url}: schema {after}" + (" (already)" if before == after else ""))


@app.command()
def check() -> None:
    """Fail unless the schema is current and matches the tables exactly."""
    engine = get_engine()
    schema.require_current(engine)
    changes = schema.differences(engine)
    if changes:
        raise SchemaMismatch(
            "expected the database to match the tables, but it differs: " + "; ".join(changes)
        )
    typer.echo(f"schema {schema.head_revision(engine)}: current, and matches the tables")
