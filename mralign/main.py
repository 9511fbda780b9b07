"""`mralign NOUN VERB`: nouns are loaded when they are used, so that help is quick."""

import gc
import sys
from importlib import import_module
from importlib.metadata import version as installed_version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mralign.terminal import printable
from store.errors import MralignError
from store.invocation import invoked

NOUNS = {
    "demo": "Run the whole pipeline on the sample data and serve the pages.",
    "db": "Bring the database's schema up to date, or check it.",
    "traces": "Import traces and set their polarity.",
    "label": "Give every segment open labels, by a model or offline.",
    "cluster": "Cluster the open labels.",
    "taxonomy": "Show, compare, approve and freeze the vocabulary.",
    "annotate": "Put the frozen vocabulary's categories on every segment.",
    "agreement": "How far two sources of controlled labels agree.",
    "study": "People label traces blind to each other: set up, figures, export.",
    "transitions": "How the reasoning moves between categories.",
    "export": "Write the training set, and start training on it.",
    "train": "Train a policy from a recipe file, in one process or several.",
    "explain-weight": "Where a weight of an export comes from.",
    "evaluate": "Accuracy and misleading rate of a policy or of traces.",
    "models": "Which language models are asked, and who said so.",
    "batches": "Requests that were sent as files, and how far they have come.",
    "runs": "What ran, with what parameters, and how it ended.",
    "people": "Add people, set their roles and passwords.",
    "serve": "Serve the pages.",
}


class Nouns(TyperGroup):
    """A group whose commands live in modules of their own, imported on use."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The nouns in the order of the pipeline."""
        return list(NOUNS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Import the noun's module and make its command."""
        if cmd_name not in NOUNS:
            return None
        command = get_command(import_module(f"mralign.{cmd_name.replace('-', '_')}").app)
        command.name = cmd_name
        return command

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """List the nouns without importing any of them."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))
        formatter.write_text("\n`mralign NOUN --help` says more of each.")


app = typer.Typer(cls=Nouns, add_completion=False)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"mralign {installed_version('mralign')}")
        raise typer.Exit


@app.callback()
def cli(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """From reasoning traces to an agreed vocabulary, and from it to better training.

    The database is a file of yours by default; MRALIGN_DATABASE_URL names another.
    """


def main() -> None:
    """Run the command line; an error that the user can mend is one line on standard error."""
    gc.freeze()  # what is there stays
    gc.set_threshold(50_000, 20, 20)  # work comes in batches of many small objects and no cycles
    try:
        with invoked(["mralign", *sys.argv[1:]]):
            app(prog_name="mralign")
    except MralignError as error:
        typer.echo(f"mralign: {printable(str(error))}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
