"""What a run may spend: caps on tokens and money, kept before a request is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.exchange import ChatReply, ChatRequest
from gateway.faults import BudgetSpent

BYTES_PER_TOKEN = 3  # below what English and JSON need, so that an estimate errs upwards
TOKENS_PER_MESSAGE = 8


@dataclass(frozen=True)
class Prices:
    """Dollars per million tokens."""

    prompt_usd: float = 0.0
    completion_usd: float = 0.0

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of a request."""
        return (prompt_tokens * self.prompt_usd + completion_tokens * self.completion_usd) / 1e6


@dataclass
class Spend:
    """What was paid so far. `unanswered_tokens`: estimates of what failed and may be billed."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unanswered_tokens: int = 0
    cost_usd: float = 0.0
    faults: int = 0  # attempts without a reply
    kept: int = 0  # replies that were there already, and cost nothing

    @property
    def tokens(self) -> int:
        """All tokens that were or may have been billed."""
        return self.prompt_tokens + self.completion_tokens + self.unanswered_tokens


@dataclass(eq=False)  # two that look alike are still two
class Reservation:
    """The most that one attempt can cost, until `reply` says what it did, or `billed` is False."""

    prompt_tokens: int
    completion_tokens: int
    prices: Prices
    reply: ChatReply | None = None
    billed: bool = False

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def most_usd(self) -> float:
        """What the attempt costs if the reply takes all its room."""
        return self.prices.cost_usd(self.prompt_tokens, self.completion_tokens)


class Budget:
    """Caps of one run, shared by its threads.

    An attempt reserves the most it can cost. If that could pass a cap it waits for those under way
    to settle, and raises once nothing is under way, so a run ends at its cap and not beyond it.
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        max_usd: float | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.max_tokens, self.max_usd = max_tokens, max_usd
        self.prices = prices or Prices()
        self.spend = Spend()
        self._reserved: list[Reservation] = []
        self._settled = threading.Condition()

    @contextmanager
    def reserve(self, request: ChatRequest, prices: Prices | None = None) -> Iterator[Reservation]:
        """Hold the most that the request can cost while the block runs, then book what it did.

        `prices` are the model's own, where the models of a run differ.

        Raises:
            BudgetSpent: the request could pass a cap.
        """
        prompt_tokens = estimated_prompt_tokens(request)
        held = Reservation(prompt_tokens, request.max_tokens, prices or self.prices)
        with self._settled:
            while not self._fits(held):
                if not self._reserved:
                    raise BudgetSpent(self._explain(held))
                self._settled.wait()
            self._reserved.append(held)
        try:
            yield held
        finally:
            with self._settled:
                self._reserved.remove(held)
                self._book(held)
                self._settled.notify_all()

    def widen(self, held: Reservation, request: ChatRequest) -> bool:
        """Let a reservation hold one request more; False where that could pass a cap.

        Nobody waits: this is for requests that are gathered before they are sent.
        """
        with self._settled:
            more = Reservation(estimated_prompt_tokens(request), request.max_tokens, held.prices)
            if not self._fits(more):
                return False
            held.prompt_tokens += more.prompt_tokens
            held.completion_tokens += more.completion_tokens
            if held not in self._reserved:
                self._reserved.append(held)
            return True

    def release(self, held: Reservation) -> None:
        """What was gathered is answered, and booked reply by reply."""
        with self._settled:
            if held in self._reserved:
                self._reserved.remove(held)
            held.prompt_tokens = held.completion_tokens = 0
            self._settled.notify_all()

    def book(self, reply: ChatReply, prices: Prices) -> None:
        """A reply came by another way than an attempt."""
        with self._settled:
            self._pay(reply, prices)

    def explain(self, request: ChatRequest) -> str:
        """Why the request is not sent."""
        return self._explain(
            Reservation(estimated_prompt_tokens(request), request.max_tokens, self.prices)
        )

    def _fits(self, held: Reservation) -> bool:
        waiting = [*self._reserved, held]
        tokens = self.spend.tokens + sum(r.tokens for r in waiting)
        usd = self.spend.cost_usd + sum(r.most_usd for r in waiting)
        return (self.max_tokens is None or tokens <= self.max_tokens) and (
            self.max_usd is None or usd <= self.max_usd
        )

    def count_kept(self) -> None:
        """A reply was there already."""
        with self._settled:
            self.spend.kept += 1

    def _book(self, held: Reservation) -> None:
        if held.reply is not None:
            self._pay(held.reply, held.prices)
            return
        self.spend.faults += 1
        if held.billed:
            self.spend.unanswered_tokens += held.tokens
            self.spend.cost_usd += held.most_usd

    def _pay(self, reply: ChatReply, prices: Prices) -> None:
        spend = self.spend
        spend.requests += 1
        spend.prompt_tokens += reply.prompt_tokens
        spend.completion_tokens += reply.completion_tokens
        spend.cost_usd += prices.cost_usd(reply.prompt_tokens, reply.completion_tokens)

    def _explain(self, held: Reservation) -> str:
        caps = [f"{self.max_tokens:,} tokens"] if self.max_tokens is not None else []
        caps += [f"{self.max_usd:.4f} USD"] if self.max_usd is not None else []
        return (
            f"stopped at the cap of {' and '.join(caps)}: {self.spend.tokens:,} tokens and "
            f"{self.spend.cost_usd:.4f} USD are spent, the next request may take "
            f"{held.tokens:,} tokens; replies are kept: a run with a higher cap goes on from here"
        )


def estimated_prompt_tokens(request: ChatRequest) -> int:
    """Tokens of the messages and the schema, estimated from their bytes, rather too many."""
    texts = [message["content"] for message in request.messages]
    texts += [str(request.schema)] if request.schema is not None else []
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    return size // BYTES_PER_TOKEN + TOKENS_PER_MESSAGE * len(texts)


def with_usage(reply: ChatReply, request: ChatRequest) -> ChatReply:
    """The reply with estimated token counts where the server named none."""
    if reply.prompt_tokens or reply.completion_tokens:
        return reply
    size = len((reply.text + reply.reasoning).encode("utf-8", "replace"))
    return replace(
        reply,
        prompt_tokens=estimated_prompt_tokens(request),
        completion_tokens=size // BYTES_PER_TOKEN + 1,
    )
