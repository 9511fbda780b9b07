"""`mralign taxonomy migrate` and `import`: what was done elsewhere or before, taken over."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from mralign.version_names import name_or_number
from store.engine import transaction
from store.errors import InvalidInput
from store.runs import find_latest_run
from store.states import RunKind
from taxonomy.versions.carryover import CarryOver, carry_over
from taxonomy.versions.imported import create_imported
from taxonomy.vocabulary.skos_reading import MOST_CHARACTERS, ReadVocabulary, SkosError, read_skos

SHOWN = 20


def migrate(
    before: Annotated[str, typer.Option("--from", help="The version that the labels have.")],
    after: Annotated[str, typer.Option("--to", help="The frozen version that they are to have.")],
    annotate_run: Annotated[
        int | None, typer.Option(help="The annotate run; by default the newest of --from.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take the controlled labels of a version over to another, as a new annotate run.

    A category's labels go where nine tenths of its instances went; else the open labels of a step
    decide, if they all went one way. Traces with a label that cannot be mapped are queued:
    `mralign annotate run --resume N` with the same annotators does them anew.
    """
    done = carry_over(open_database(), name_or_number(before), name_or_number(after), annotate_run)
    if as_json:
        fates = {key: vars(fate) for key, fate in done.plan.fates.items()}
        document = {"run": done.run.id, "traces": done.traces, "queued": list(done.queued),
                    "fates": fates}  # fmt: skip
        typer.echo(json.dumps(document, indent=2, ensure_ascii=True))
    else:
        show_carry_over(done)


def show_carry_over(done: CarryOver) -> None:
    """Where each category went, and what is left to do."""
    rows = [
        (fate.key, fate.target or "by the open labels of a step, or anew", fate.likely, fate.share)
        for fate in done.plan.fates.values()
        if fate.target != fate.key
    ]
    if rows:
        show_table(("category", "goes to", "most went to", "share"), rows)
    say(f"run {done.run.id}: {done.run.message}")
    if done.queued:
        shown = ", ".join(map(str, done.queued[:SHOWN]))
        more = f" and {len(done.queued) - SHOWN} more" if len(done.queued) > SHOWN else ""
        say(f"to annotate anew: traces {shown}{more}; `mralign annotate run --resume "
            f"{done.run.id}` does them")  # fmt: skip


def import_(
    file: Annotated[Path, typer.Argument(help="A SKOS file: Turtle, or JSON-LD (.json, .jsonld).")],
    name: Annotated[str, typer.Option(help="A name that no version has.")],
    cluster_run: Annotated[
        int | None, typer.Option(help="The cluster run; by default the newest, if there is one.")
    ] = None,
) -> None:
    """Make a draft of a SKOS vocabulary; its alternative names decide about labels of that name.

    Nothing is fetched. A file that lacks names or definitions is refused, and leaves nothing.
    """
    found = _read(file)
    with transaction(open_database()) as session:
        if cluster_run is None:
            newest = find_latest_run(session, RunKind.CLUSTER)
            cluster_run = newest.id if newest else None
        version, placed = create_imported(session, name, found, cluster_run)
    say(f"{version.name}: a draft with {len(found.categories)} categories from {file.name}; "
        f"{placed} labels placed by their names")  # fmt: skip
    for note in found.notes:
        say(f"note: {note}")


def _read(file: Path) -> ReadVocabulary:
    format_ = "json-ld" if file.suffix.lower() in (".json", ".jsonld") else "turtle"
    try:
        if file.stat().st_size > MOST_CHARACTERS:
            raise InvalidInput(f"expected at most {MOST_CHARACTERS:,} bytes, {file} has more")
        return read_skos(file.read_text(encoding="utf-8"), format_)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"expected a text file at {file}, got {type(error).__name__}") from error
    except SkosError as error:
        raise InvalidInput(f"{file}: {error}") from error
