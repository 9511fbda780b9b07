"""Receipts: a form that is sent twice, because the answer was lost, is obeyed once."""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from store.audit import Actor
from store.metadata import utc_now


def find_receipt(session: Session, person: Actor, key: str, content_hash: str) -> int | None:
    """What the same form of the same person did before, if it was obeyed."""
    row = _find(session, person, key) if key else None
    return int(row[1]) if row is not None and row[0] == content_hash else None


def add_receipt(session: Session, person: Actor, key: str, content_hash: str, done: int) -> None:
    """Remember what a form did, in the transaction in which it did it.

    Another form with a number that is taken leaves no receipt: its number was not its own.
    """
    if key and _find(session, person, key) is None:
        row = {"person_id": person.id, "key": key, "content_hash": content_hash, "done": done}
        receipts = SQLModel.metadata.tables["receipt"]
        session.connection().execute(sa.insert(receipts), {**row, "created_at": utc_now()})


def _find(session: Session, person: Actor, key: str) -> Any:
    asked = {"person_id": person.id, "key": key}
    return session.connection().execute(_kept(), asked).first()


@cache
def _kept() -> sa.Select[Any]:
    """Every decision asks it, so that the statement is made once."""
    receipt = SQLModel.metadata.tables["receipt"].c
    return sa.select(receipt.content_hash, receipt.done).where(
        receipt.person_id == sa.bindparam("person_id"), receipt.key == sa.bindparam("key")
    )
