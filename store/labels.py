"""Open labels and their instances: added without doubles, counted as an inventory."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from store.errors import InvalidInput
from store.tables import LabelInstance, OpenLabel

MAX_LABEL = 200
_SEPARATORS = re.compile(r"[\s_\-‐-―]+")


@dataclass(frozen=True)
class InventoryRow:
    """A distinct label of a run with the number of its instances."""

    open_label_id: int
    key: str
    text: str
    definition: str | None
    instances: int


def label_key(text: str) -> str:
    """The form that spellings of one label share: case, separators and spaces folded.

    Raises:
        InvalidInput: nothing is left, or more than 200 characters are.
    """
    shown = "".join(
        c for c in unicodedata.normalize("NFKC", text) if c.isprintable() or c.isspace()
    )
    key = _SEPARATORS.sub(" ", shown.casefold()).strip()
    if not key or len(key) > MAX_LABEL:
        raise InvalidInput(f"expected a label of 1 to {MAX_LABEL} characters, got {len(key)}")
    return key


def get_or_add_open_labels(session: Session, labels: Sequence[tuple[str, str | None]]) -> list[int]:
    """The numbers of the labels (text, definition), new ones added; a first definition stays."""
    keys = [label_key(text) for text, _ in labels]
    known = _ids(session, keys)
    fresh: dict[str, dict[str, Any]] = {}
    for key, (text, definition) in zip(keys, labels, strict=True):
        if key not in known:
            fresh.setdefault(key, {"key": key, "text": _shown(text), "definition": definition})
    if fresh:
        session.execute(_insert_new(session, OpenLabel, ["key"]), list(fresh.values()))
        known |= _ids(session, list(fresh))
    return [known[key] for key in keys]


def _shown(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_LABEL]


def _ids(session: Session, keys: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    distinct = list(dict.fromkeys(keys))
    for start in range(0, len(distinct), 500):
        some = distinct[start : start + 500]
        query = select(OpenLabel.key, OpenLabel.id).where(col(OpenLabel.key).in_(some))
        found.update({key: number for key, number in session.exec(query)})
    return found


def _insert_new(session: Session, table: Any, unique: list[str]) -> Any:
    """An insert that leaves a row alone which is there already, on either store."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing(index_elements=unique)


def add_instances(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    """Add label instances; one that is there already is left as it is.

    Each row has run_id, segment_id, open_label_id, step and confidence (0 to 10).
    """
    listed = list(rows)
    if listed:
        unique = ["run_id", "segment_id", "open_label_id"]
        table = SQLModel.metadata.tables[str(LabelInstance.__tablename__)]
        # A plain statement: an instance is written and not looked at again.
        session.connection().execute(_insert_new(session, table, unique), listed)


def list_inventory(session: Session, run_id: int) -> list[InventoryRow]:
    """The distinct labels of a label run, most frequent first, then by key."""
    count = sa.func.count(col(LabelInstance.id))
    query = (
        sa.select(
            col(OpenLabel.id),
            col(OpenLabel.key),
            col(OpenLabel.text),
            col(OpenLabel.definition),
            count,
        )
        .join(LabelInstance, col(LabelInstance.open_label_id) == col(OpenLabel.id))
        .where(col(LabelInstance.run_id) == run_id)
        .group_by(col(OpenLabel.id))
        .order_by(count.desc(), col(OpenLabel.key))
    )
    return [InventoryRow(*row) for row in session.execute(query)]
