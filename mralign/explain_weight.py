"""`mralign explain-weight`: from a weight of an export down to labels, prompts and decisions."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mralign.database import open_database
from mralign.terminal import say, show_table
from store.engine import reading
from store.errors import InvalidInput

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    """How an explanation is printed."""

    TEXT = "text"
    JSON = "json"
    PROV = "prov"


@app.command()
def explain_weight(
    export: Annotated[str, typer.Argument(help="Number or folder of the export.")],
    trace: Annotated[str, typer.Argument(help="Id of the trace.")],
    segment: Annotated[
        int | None, typer.Option(min=0, help="A segment of the thinking, from 0.")
    ] = None,
    char: Annotated[
        int | None, typer.Option(min=0, help="A character of the completion, from 0.")
    ] = None,
    token: Annotated[
        int | None, typer.Option(min=0, help="A token of the completion, from 0; see --tokenizer.")
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option(help="The policy's folder or name, for --token.")
    ] = None,
    output: Annotated[
        Format, typer.Option("--format", help="prov is W3C PROV, as JSON.")
    ] = Format.TEXT,
) -> None:
    """Explain one weight; without a place, list the weights of the trace.

    From the weight to its move, the cells of the matrices with their support, the label sets of
    every annotator, what models were asked and replied, clusters, review decisions, and the
    version of the vocabulary.
    """
    given = [place for place in (segment, char, token) if place is not None]
    if len(given) > 1:
        raise typer.BadParameter("name one place: --segment, --char or --token")
    if (token is None) != (tokenizer is None):
        raise typer.BadParameter("--token and --tokenizer go together")
    with reading(open_database()) as session:
        if token is not None and tokenizer is not None:
            char = _character_of(session, export, trace, token, tokenizer)
        if not given:
            _list_weights(session, export, trace)
            return
        from alignment.explanation.lineage import explain

        document = explain(session, export, trace, segment=segment, character=char)
    _show(document, output)


def _show(document: dict[str, Any], output: Format) -> None:
    from alignment.explanation.lines import explanation_text
    from alignment.explanation.provenance import prov_document

    if output is Format.TEXT:
        say(explanation_text(document))
        return
    shown = prov_document(document) if output is Format.PROV else document
    say(json.dumps(shown, indent=1, ensure_ascii=True))


def _list_weights(session: "Session", export: str, trace: str) -> None:
    from alignment.explanation.lineage import get_export, get_row

    row = get_row(get_export(session, export), trace)
    rows = [
        (unit["first_segment"], unit["start"], unit["end"], ", ".join(unit["labels"]) or None,
         unit["weight"], unit.get("weight_low"), unit.get("weight_high"), unit["clipped"])
        for unit in row["segments"]
    ]  # fmt: skip
    columns = ("segment", "start", "end", "labels", "weight", "low", "high", "clipped")
    polarity = "positive" if row["label"] else "negative"
    show_table(columns, rows, f"{row['id']}, {polarity}; characters of the completion")


def _character_of(session: "Session", export: str, trace: str, token: int, tokenizer: str) -> int:
    """The first character of a token, which decides what it weighs."""
    from alignment.explanation.lineage import get_export, get_row
    from alignment.explanation.places import token_starts
    from alignment.export.tokens import TokenError, open_encoder

    row = get_row(get_export(session, export), trace)
    try:
        starts = token_starts(row, open_encoder(_open_tokenizer(tokenizer)))
    except TokenError as error:
        raise InvalidInput(str(error)) from error
    if token >= len(starts):
        raise InvalidInput(
            f"expected a token from 0 to {len(starts) - 1} of {trace!r}, got {token}"
        )
    return starts[token]


def _open_tokenizer(name: str) -> Any:
    try:
        from transformers import AutoTokenizer

        known = str(Path(name).resolve()) if Path(name).exists() else name
        return AutoTokenizer.from_pretrained(known)
    except ImportError as error:
        raise InvalidInput("a tokenizer needs transformers: install mralign[train]") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"expected a tokenizer in {name}: {str(error)[:300]}") from error
