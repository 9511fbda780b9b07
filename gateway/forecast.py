"""What a job would send and cost, found by rehearsing it: the same requests, and none is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, func, select

from gateway.budget import estimated_prompt_tokens
from gateway.cache import find_reply, request_hash
from gateway.door import Answer, Door, answered
from gateway.exchange import ChatRequest, Messages
from store.engine import reading
from store.tables import ModelReply

TOKENS_PER_ITEM = 45  # a step of a reply: its segments, its labels, the JSON around them
TOKENS_PER_REPLY = 30
ENOUGH_REPLIES = 20  # of a model, before their mean says more than the schema
TOKENS_PER_SECOND = 50.0  # of one reply, as hosted models write
FIRST_TOKEN_S = 1.0


@dataclass(frozen=True)
class Forecast:
    """Requests that would be sent, with the tokens and dollars to expect and the most possible."""

    model: str
    requests: int = 0
    kept: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    most_reply_tokens: int = 0
    cost_usd: float = 0.0
    most_usd: float = 0.0
    seconds: float = 0.0


@dataclass
class Rehearsal:
    """Stands where a door would stand: kept replies are given, everything else is counted.

    What depends on a reply that is not there yet, a second try above all, is not counted.
    """

    door: Door
    at_once: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    kept: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    most_reply_tokens: int = 0
    _seen: set[str] = field(default_factory=set, repr=False)
    _mean: float | None = None

    def __post_init__(self) -> None:
        self._mean = mean_reply_tokens(self.door.engine, self.door.model)

    def ask(
        self, messages: Messages, schema: Mapping[str, Any] | None = None, stretch: int = 1
    ) -> Answer:
        """The kept reply, or an answer that nobody gave."""
        request = self.door.request(messages, schema, stretch)
        key = request_hash(request)
        if (kept := find_reply(self.door.engine, key)) is not None:
            self.kept += 1
            return answered(kept, key, request.max_tokens, cached=True)
        if key not in self._seen:
            self._seen.add(key)
            self.prompt_tokens += estimated_prompt_tokens(request)
            self.reply_tokens += min(request.max_tokens, self._expected(request))
            self.most_reply_tokens += request.max_tokens
        return Answer("", key, trouble="not sent", failed=True)

    def _expected(self, request: ChatRequest) -> int:
        return expected_tokens(request.schema) if self._mean is None else round(self._mean)

    def forecast(self) -> Forecast:
        """What was counted."""
        prices = self.door.prices or self.door.budget.prices
        return Forecast(
            self.door.model, len(self._seen), self.kept, self.prompt_tokens, self.reply_tokens,
            self.most_reply_tokens, prices.cost_usd(self.prompt_tokens, self.reply_tokens),
            prices.cost_usd(self.prompt_tokens, self.most_reply_tokens), self._seconds(),
        )  # fmt: skip

    def _seconds(self) -> float:
        requests, tokens = len(self._seen), self.prompt_tokens + self.reply_tokens
        working = (requests * FIRST_TOKEN_S + self.reply_tokens / TOKENS_PER_SECOND) / self.at_once
        by_requests = 60 * requests / (self.requests_per_minute or float("inf"))
        by_tokens = 60 * tokens / (self.tokens_per_minute or float("inf"))
        return max(working, by_requests, by_tokens)


def mean_reply_tokens(engine: sa.Engine, model: str) -> float | None:
    """The mean length of the model's kept replies; None where they are few."""
    columns = (func.count(), func.avg(col(ModelReply.completion_tokens)))
    with reading(engine) as session:
        count, mean = session.exec(select(*columns).where(col(ModelReply.model) == model)).one()
    return float(mean) if count >= ENOUGH_REPLIES else None


def expected_tokens(schema: Mapping[str, Any] | None) -> int:
    """The length of a reply that fills the schema's list once over."""
    lists = (schema or {}).get("properties", {}).values()
    items = max((int(each.get("maxItems", 0)) for each in lists), default=0)
    return TOKENS_PER_REPLY + TOKENS_PER_ITEM * max(1, items)
