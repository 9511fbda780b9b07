"""The Batch API in the place of doors: requests are gathered, sent as files, and awaited.

Whoever asks is rehearsed: every request whose reply is not there is noted, and answered with
"not yet". What was noted goes out in batches, and when they are back the rehearsal is repeated,
since some requests depend on replies (a second try, an adjudication). When it asks for nothing new
the work is done for good, by replies that are kept.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from gateway.batch_file import MAX_BYTES, MAX_REQUESTS, line_of
from gateway.batch_service import RemoteBatch
from gateway.batches import Services, advance, close, holder, open_services, send
from gateway.budget import Budget, Prices, Reservation
from gateway.cache import find_reply, request_hash
from gateway.dialect import Dialect
from gateway.door import Answer, Door, answered
from gateway.exchange import ChatRequest, Messages
from gateway.faults import BudgetSpent, RepliesPending
from gateway.roles import RoleSettings
from store import batches
from store.batch_tables import BatchRequest, ModelBatch
from store.engine import reading, transaction
from store.metadata import utc_now
from store.states import BatchStatus

ATTEMPTS = 3  # batches that one process puts a request into, where it may succeed in another
ROWS_A_COMMIT = 200
POLL_S = 60.0

OnWait = Callable[[int, int], None]  # requests answered, and of how many


@dataclass(frozen=True)
class FileLimits:
    """How much goes into one batch."""

    requests: int = MAX_REQUESTS
    size_bytes: int = MAX_BYTES


@dataclass
class Stack:
    """Requests for one batch, written to the store some at a time."""

    batch: ModelBatch | None = None
    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    count: int = 0
    size_bytes: int = 0


@dataclass
class Gatherer:
    """Stands where a role's door would stand; what is not kept is put into a batch."""

    door: Door
    role: RoleSettings
    gathering: "Gathering"
    stack: Stack = field(default_factory=Stack)

    def ask(
        self, messages: Messages, schema: Mapping[str, Any] | None = None, stretch: int = 1
    ) -> Answer:
        """The kept reply, or an answer that says what the request waits for.

        The first request goes ahead by itself: it shows that the key and the model are right, and
        which form of request the server takes, before many are sent that cannot be mended.

        Raises:
            BudgetSpent: the request could pass the cap.
        """
        request = self.door.request(messages, schema, stretch)
        key = request_hash(request)
        kept = find_reply(self.door.engine, key)
        if kept is not None:
            return answered(kept, key, request.max_tokens, cached=True)
        reason = self.gathering.why_not(key)
        if reason is not None:
            return Answer("", key, trouble=reason, failed=True)
        if not self._dialect.settled:
            if not self.gathering.fits(request, self.prices):
                raise BudgetSpent(self.door.budget.explain(request))
            return self.door.ask(messages, schema, stretch)
        self._put(key, request)
        return Answer("", key, trouble="it goes into a batch", failed=True)

    @property
    def prices(self) -> Prices:
        """What a batch costs: a share of the role's prices."""
        share = self.role.batch_price_share
        return Prices(self.role.price_in_usd * share, self.role.price_out_usd * share)

    @property
    def _dialect(self) -> Dialect:
        """What the server was found to take; a chat that has no dialect takes the first form."""
        found: Dialect = getattr(self.door.chat, "dialect", Dialect(settled=True))
        return found

    def _put(self, key: str, request: ChatRequest) -> None:
        if not self.gathering.take(request, self.prices):
            raise BudgetSpent(self.door.budget.explain(request))
        size = len(line_of(key, self._dialect.body(request)))
        limits, stack = self.gathering.limits, self.stack
        if stack.count >= limits.requests or stack.size_bytes + size > limits.size_bytes:
            self.seal()
            stack = self.stack
        stack.rows.append((key, request.canonical()))
        stack.count, stack.size_bytes = stack.count + 1, stack.size_bytes + size
        self.gathering.tried[key] = self.gathering.tried.get(key, 0) + 1
        if len(stack.rows) >= ROWS_A_COMMIT:
            self._write()

    def _write(self) -> None:
        stack, engine = self.stack, self.door.engine
        if not stack.rows:
            return
        with transaction(engine) as session:
            batch = stack.batch or self._new_batch()
            batch.held_at = utc_now()
            session.add(batch)
            session.flush()
            batches.add_requests(session, batch, stack.rows)
        stack.batch = batch
        stack.rows = []

    def _new_batch(self) -> ModelBatch:
        return ModelBatch(
            key=uuid4().hex, run_id=self.door.run_id, status=BatchStatus.PREPARED,
            model=self.door.model, base_url=self.role.base_url,
            key_variable=self.role.key_variable, prices=asdict(self.prices),
            dialect=asdict(self._dialect), holder=holder(),
        )  # fmt: skip

    def seal(self) -> None:
        """Send what was gathered."""
        self._write()
        batch, self.stack = self.stack.batch, Stack()
        if batch is None:
            return
        self.gathering.awaited.add(batch.id)
        if batch.requests:
            send(self.door.engine, batch, self.gathering.service(batch))
        else:  # another process took every one of them in the meantime
            close(self.door.engine, batch, RemoteBatch("", "cancelled"))


@dataclass
class Gathering:
    """The roles of a run and the batches that it waits for."""

    engine: sa.Engine
    budget: Budget
    service: Services
    poll_s: float = POLL_S
    limits: FileLimits = field(default_factory=FileLimits)
    sleep: Callable[[float], None] = time.sleep
    awaited: set[int] = field(default_factory=set)
    tried: dict[str, int] = field(default_factory=dict)
    gatherers: list[Gatherer] = field(default_factory=list)
    _held: dict[Prices, Reservation] = field(default_factory=dict)

    def join(self, door: Door, role: RoleSettings) -> Gatherer:
        """What stands for the door of a role."""
        self.gatherers.append(Gatherer(door, role, self))
        return self.gatherers[-1]

    def answer_all(
        self, rehearse: Callable[[], object], wait: bool = True, on_wait: OnWait | None = None
    ) -> None:
        """Rehearse, send, wait and keep, until the rehearsal asks for nothing new.

        Raises:
            RepliesPending: the batches are sent, and nobody wants to wait.
            BudgetSpent: nothing more could be sent under the cap.
            EndpointUnusable: the key, the model or the address is wrong.
        """
        while True:
            spent = self._gathered(rehearse)
            if not self.awaited:
                if spent is not None:
                    raise spent
                return
            if not wait:
                numbers = ", ".join(map(str, sorted(self.awaited)))
                raise RepliesPending(f"waiting for batch {numbers}")
            self._await(on_wait)

    def _gathered(self, rehearse: Callable[[], object]) -> BudgetSpent | None:
        spent = None
        try:
            rehearse()
        except BudgetSpent as error:
            spent = error
        for gatherer in self.gatherers:
            gatherer.seal()
        return spent

    def _await(self, on_wait: OnWait | None) -> None:
        while True:
            now = [
                advance(self.engine, number, self.service, self.budget.book)
                for number in sorted(self.awaited)
            ]
            if on_wait is not None:
                on_wait(sum(b.answered + b.failed for b in now), sum(b.requests for b in now))
            if all(batch.status == BatchStatus.CLOSED for batch in now):
                break
            self.sleep(self.poll_s)
        self.awaited.clear()
        for held in self._held.values():
            self.budget.release(held)

    def why_not(self, key: str) -> str | None:
        """Why a request is not gathered now; None if it should be."""
        with reading(self.engine) as session:
            row = batches.find_request(session, key)
        if row is None:
            return "it goes into a batch" if key in self.tried else None
        if row.error is None:
            self.awaited.add(row.batch_id)
            self.tried.setdefault(key, 1)
            return f"it waits in batch {row.batch_id}"
        return None if self._again(row) else row.error

    def _again(self, row: BatchRequest) -> bool:
        tried = self.tried.get(row.request_hash, 0)
        return tried == 0 or (row.transient and tried < ATTEMPTS)

    def take(self, request: ChatRequest, prices: Prices) -> bool:
        """Reserve the most that a request can cost; False where that could pass a cap."""
        held = self._held.setdefault(prices, Reservation(0, 0, prices))
        return self.budget.widen(held, request)

    def fits(self, request: ChatRequest, prices: Prices) -> bool:
        """Whether the most that a request can cost is left."""
        held = Reservation(0, 0, prices)
        fits = self.budget.widen(held, request)
        self.budget.release(held)
        return fits


@contextmanager
def open_gathering(
    engine: sa.Engine, budget: Budget, poll_s: float = POLL_S
) -> Iterator[Gathering]:
    """A gathering without roles; they join with their doors."""
    with open_services() as services:
        yield Gathering(engine, budget, services, poll_s)
