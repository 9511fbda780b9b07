"""Receipts: a form that is sent twice, because the answer was lost, is obeyed once."""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from store.audit import Actor
from store.metadata import utc_now


def find_receipt(session: Session, person: Actor, key: str, content_hash: str) -> int | None:
    """What the same form of the same person did before, if it was obeyed."""
    asked = {"person_id": person.id, "key": key}
    row = session.connection().execute(_kept(), asked).first() if key else None
    return int(row[1]) if row is not None and row[0] == content_hash else None


def add_receipt(session: Session, person: Actor, key: str, content_hash: str, done: int) -> None:
    """Remember what a form did, in the transaction in which it did it.

    Another form with a number that is taken leaves no receipt: its number was not its own.
    """
    if key:
        row = {"person_id": person.id, "key": key, "content_hash": content_hash, "done": done}
        session.connection().execute(_kept_if_new(), {**row, "created_at": utc_now()})


@cache
def _kept() -> sa.Select[Any]:
    """Every decision asks it, so that the statement is made once."""
    receipt = SQLModel.metadata.tables["receipt"].c
    return sa.select(receipt.content_hash, receipt.done).where(
        receipt.person_id == sa.bindparam("person_id"), receipt.key == sa.bindparam("key")
    )


@cache
def _kept_if_new() -> sa.Insert:
    """A receipt, where there is none with its number."""
    receipts = SQLModel.metadata.tables["receipt"]
    row = sa.select(*(sa.bindparam(each.name, type_=each.type) for each in receipts.c))
    return sa.insert(receipts).from_select(list(receipts.c), row.where(~_kept().exists()))
