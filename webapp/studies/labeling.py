"""What the page needs on which a trace is labelled or adjudicated."""

import json
from collections.abc import Mapping, Sequence

from sqlmodel import Session

from annotator.labeling.consensus import Labels
from store.errors import InvalidInput
from store.study_tables import Study
from store.taxonomies import list_categories
from webapp.dependencies import Visit
from webapp.pages.studies import Card, Offer, PaletteKey
from webapp.queries import traces
from webapp.serving.forms import Form
from webapp.showing.colours import macro_classes
from webapp.showing.keymap import label_letters

DEFAULT_CONFIDENCE = 8


def list_palette(session: Session, visit: Visit, study: Study) -> list[PaletteKey]:
    """The categories of the study's version with their keys and colours."""
    rows = list_categories(session, study.version_id)
    colours = macro_classes(row.macro_strategy for row in rows)
    letters = label_letters([row.name for row in rows], visit.shell().keys)
    return [
        PaletteKey(row.key, row.name, row.macro_strategy, row.definition, letter,
                   colours[row.macro_strategy])
        for row, letter in zip(rows, letters, strict=True)
    ]  # fmt: skip


def list_cards(
    session: Session,
    trace_id: int,
    saved: Mapping[int, Labels],
    offers: Mapping[int, Sequence[Offer]],
    open_ones: frozenset[int] | None = None,
) -> list[Card]:
    """The segments of a trace; where `open_ones` are named, the others only give context."""
    return [
        Card(
            position=piece.position,
            text=piece.text,
            hidden_characters=piece.hidden_characters,
            open=open_ones is None or piece.position in open_ones,
            saved=saved.get(piece.position),
            offers=offers.get(piece.position, ()),
            state=_state(saved.get(piece.position), offers.get(piece.position, ())),
        )
        for piece in traces.list_segments(session, trace_id, 0)
    ]


def _state(saved: Labels | None, offers: Sequence[Offer]) -> str:
    given = {offer.digit: list(offer.labels) for offer in offers}
    return json.dumps({"saved": None if saved is None else list(saved), "offers": given})


def read_labels(form: Form) -> Labels | None:
    """The labels that a form puts on a segment; None where it takes them back.

    Raises:
        InvalidInput: a confidence is missing or none.
    """
    if form.token("back") == "yes":
        return None
    keys, sure = form.fields.get("category", ()), form.fields.get("confidence", ())
    if len(keys) != len(sure):
        raise InvalidInput(f"expected a confidence a category, got {len(sure)} for {len(keys)}")
    return tuple(
        (key[:100], _confidence(value)) for key, value in zip(keys, sure, strict=True) if key
    )


def _confidence(value: str) -> float:
    try:
        number = float(value) if len(value) <= 20 else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= 10:
        raise InvalidInput(f"expected a confidence from 0 to 10, got {value[:20]!r}")
    return number
