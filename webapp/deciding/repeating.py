"""A form that arrives twice, because its answer was lost on the way, is obeyed once."""

import hashlib
import json
from collections.abc import Callable

from sqlmodel import Session

from store.audit import Actor
from store.engine import transaction
from store.receipts import add_receipt, find_receipt
from webapp.dependencies import Visit
from webapp.serving import forgery

NUMBER_FIELD = "decision"
NUMBER_CHARACTERS = 64


def once(visit: Visit, deed: Callable[[Session, Actor], int]) -> int:
    """Do what a form asks, in one transaction, unless the very same form was obeyed before.

    The result is the deed's, or what the deed gave the first time: a revision, or minus an act.
    """
    key = visit.form.token(NUMBER_FIELD)
    key = key if len(key) <= NUMBER_CHARACTERS and key.isascii() and key.isprintable() else ""
    content = _digest(visit)
    with transaction(visit.engine) as session:
        person = visit.actor
        before = find_receipt(session, person, key, content)
        if before is not None:
            return before
        done = deed(session, person)
        add_receipt(session, person, key, content, done)
        return done


def _digest(visit: Visit) -> str:
    """The sha256 of what was sent, and where to; the token differs from session to session."""
    fields = {name: list(values) for name, values in visit.form.fields.items()}
    fields.pop(forgery.TOKEN_FIELD, None)
    document = json.dumps([visit.request.url.path, fields], sort_keys=True)
    return hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
