"""Receipts: a form that is sent twice, because the answer was lost, is obeyed once."""

from sqlmodel import Session

from store.review_tables import Receipt
from store.tables import Person


def find_receipt(session: Session, person: Person, key: str, content_hash: str) -> int | None:
    """What the same form of the same person did before, if it was obeyed."""
    found = session.get(Receipt, (person.id, key)) if key else None
    return found.done if found and found.content_hash == content_hash else None


def add_receipt(session: Session, person: Person, key: str, content_hash: str, done: int) -> None:
    """Remember what a form did, in the transaction in which it did it.

    Another form with a number that is taken leaves no receipt: its number was not its own.
    """
    if key and session.get(Receipt, (person.id, key)) is None:
        row = Receipt(person_id=person.id, key=key, content_hash=content_hash, done=done)
        session.add(row)
