"""Replies that were paid for, kept in the store by the hash of their request."""

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from gateway.exchange import ChatReply, ChatRequest
from store.engine import transaction
from store.metadata import utc_now
from store.runs import add_spend
from store.tables import ModelReply

REFUSED = "refusal"
# Plain statements: a reply's row is written and read once, so that the unit of work, which costs
# more than the statement, has nothing to track.
_TABLE = SQLModel.metadata.tables[str(ModelReply.__tablename__)]
_KEEP = {
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(),
}
_KEPT = sa.select(_TABLE).where(_TABLE.c.request_hash == sa.bindparam("key"))


def request_hash(request: ChatRequest) -> str:
    """The sha256 of the request as canonical JSON: model, messages, schema, parameters."""
    text = json.dumps(request.canonical(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def as_kept(reply: ChatReply) -> ChatReply:
    """The reply as the store will give it back, so that the first reading equals the later ones."""
    if reply.refusal is not None:
        text, finish = "", REFUSED
    else:
        text, finish = storable(reply.text), storable(reply.finish_reason or "")[:32]
    refusal = None if reply.refusal is None else storable(reply.refusal) or REFUSED
    return replace(reply, text=text, finish_reason=finish or None, refusal=refusal, reasoning="")


def find_reply(engine: sa.Engine, key: str) -> ChatReply | None:
    """The reply that is kept for this hash."""
    with engine.connect() as connection:
        row = connection.execute(_KEPT, {"key": key}).one_or_none()
    return None if row is None else _as_reply(row)


def _as_reply(row: sa.Row[Any]) -> ChatReply:
    refused = row.finish_reason == REFUSED
    return ChatReply(
        text="" if refused else row.reply,
        finish_reason=row.finish_reason,
        refusal=row.reply if refused else None,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
    )


@dataclass(frozen=True)
class Paid:
    """A reply, as `as_kept` gives it, with what it cost and the run that pays for it."""

    key: str
    request: ChatRequest
    reply: ChatReply
    cost_usd: float = 0.0
    run_id: int | None = None

    def row(self) -> dict[str, Any]:
        """The reply's row."""
        reply = self.reply
        return {
            "request_hash": self.key,
            "model": storable(self.request.model)[:200],
            "request": _storable_json(self.request.canonical()),
            "reply": reply.text if reply.refusal is None else reply.refusal,
            "finish_reason": reply.finish_reason,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
            "cost_usd": self.cost_usd,
            "created_at": utc_now(),
        }


def keep_paid(session: Session, paid: Sequence[Paid]) -> None:
    """Keep replies and add what they cost to their runs; a reply that was there first stays."""
    connection = session.connection()
    connection.execute(_KEEP[connection.dialect.name], [each.row() for each in paid])
    for run_id in {each.run_id for each in paid if each.run_id is not None}:
        its = [each for each in paid if each.run_id == run_id]
        tokens = sum(each.reply.prompt_tokens + each.reply.completion_tokens for each in its)
        add_spend(session, run_id, tokens, sum(each.cost_usd for each in its))


class Keeper:
    """Commits replies for many threads: those that come while one commit is made share the next."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[Paid, Future[None]]] = []
        self._line, self._writing = threading.Lock(), threading.Lock()

    def keep(self, paid: Paid) -> None:
        """Commit a reply; when this returns it is in the store."""
        kept: Future[None] = Future()
        with self._line:
            self._waiting.append((paid, kept))
        with self._writing:
            if not kept.done():  # else the one before has written it with its own
                self._write()
        kept.result()

    def _write(self) -> None:
        with self._line:
            group, self._waiting = self._waiting, []
        try:
            self._commit([paid for paid, _ in group])
        except Exception:
            if len(group) == 1:
                raise
            for paid, kept in group:  # one that cannot be kept must not take the others with it
                self._settle(paid, kept)
            return
        for _, kept in group:
            kept.set_result(None)

    def _settle(self, paid: Paid, kept: "Future[None]") -> None:
        try:
            self._commit([paid])
        except Exception as error:
            kept.set_exception(error)
        else:
            kept.set_result(None)

    def _commit(self, group: Sequence[Paid]) -> None:
        with transaction(self._engine) as session:
            keep_paid(session, group)


def storable(text: str) -> str:
    """The text without what no database takes: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _storable_json(document: Any) -> Any:
    if isinstance(document, dict):
        return {storable(name): _storable_json(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_storable_json(item) for item in document]
    return storable(document) if isinstance(document, str) else document
