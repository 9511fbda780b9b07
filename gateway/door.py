"""The one door to a language model: the cache, the retries, the cap, and the client."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gateway.budget import Budget, Prices, with_usage
from gateway.cache import as_kept, find_reply, keep_reply, request_hash
from gateway.chat import OpenAIChat
from gateway.exchange import Chat, ChatReply, ChatRequest, Messages
from gateway.faults import ChatFault, TransientFault
from gateway.limits import Retries
from gateway.pacing import Pace
from gateway.roles import RoleSettings
from gateway.settings import ModelSettings, find_secret, model_settings
from store.errors import InvalidInput

UNPACED = 256  # more than anybody asks at once


@dataclass(frozen=True)
class Answer:
    """A reply as the rooms above see it. `trouble` says why `text` cannot be used, if so.

    `failed` means that nothing was answered, so the same request may be sent in a later run.
    `tokens` and `cost_usd` are what this call paid: nothing where the reply was kept already.
    """

    text: str
    request_hash: str
    trouble: str | None = None
    truncated: bool = False
    failed: bool = False
    cached: bool = False
    tokens: int = 0
    cost_usd: float = 0.0


@dataclass
class Door:
    """A model with its parameters, behind everything that keeps it honest and affordable.

    Its doors' budget and retries may be shared: one cap for a run, one pause for an endpoint.
    Never ask inside a transaction of the store: a reply is committed in one of its own.
    """

    engine: sa.Engine
    chat: Chat
    model: str
    temperature: float | None = 0.0
    max_tokens: int = 4096
    seed: int | None = None
    budget: Budget = field(default_factory=Budget)
    retries: Retries = field(default_factory=Retries)
    prices: Prices | None = None  # the model's own; else the budget's
    pace: Pace = field(default_factory=lambda: Pace(UNPACED))
    _asking: dict[str, tuple[threading.Lock, int]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(
        self, messages: Messages, schema: Mapping[str, Any] | None = None, stretch: int = 1
    ) -> Answer:
        """The kept reply, or a new one, committed before it is given.

        `stretch` multiplies the room for the reply, for one that was cut off.

        Raises:
            BudgetSpent: the request could pass the cap.
            EndpointUnusable: no request will succeed.
        """
        request = self.request(messages, schema, stretch)
        key = request_hash(request)
        with self._alone(key):
            kept = find_reply(self.engine, key)
            if kept is not None:
                self.budget.count_kept()
                return answered(kept, key, request.max_tokens, cached=True)
            try:
                reply = self.retries.run(lambda: self._send(request, key))
            except ChatFault as fault:
                return Answer("", key, trouble=str(fault), failed=True)
        return answered(reply, key, request.max_tokens, cost_usd=self._cost_usd(reply))

    def request(
        self, messages: Messages, schema: Mapping[str, Any] | None = None, stretch: int = 1
    ) -> ChatRequest:
        """What would be sent."""
        room = self.max_tokens * stretch
        return ChatRequest(self.model, messages, schema, self.temperature, room, self.seed)

    def _send(self, request: ChatRequest, key: str) -> ChatReply:
        with self.budget.reserve(request, self.prices) as held:
            try:
                with self.pace.slot(held.prompt_tokens):
                    reply = as_kept(with_usage(self.chat(request), request))
            except TransientFault as fault:
                held.billed = fault.billed
                if fault.crowded:
                    self.pace.crowded()
                raise
            self.pace.succeeded()
            held.reply = reply
            keep_reply(self.engine, key, request, reply, self._cost_usd(reply))
        return reply

    def _cost_usd(self, reply: ChatReply) -> float:
        prices = self.prices or self.budget.prices
        return prices.cost_usd(reply.prompt_tokens, reply.completion_tokens)

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Let equal requests wait for the first of them, so that it alone is paid for."""
        with self._lock:
            turn, users = self._asking.get(key, (threading.Lock(), 0))
            self._asking[key] = (turn, users + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                turn, users = self._asking.pop(key)
                if users > 1:
                    self._asking[key] = (turn, users - 1)


def answered(
    reply: ChatReply, key: str, max_tokens: int, *, cached: bool = False, cost_usd: float = 0.0
) -> Answer:
    """The answer that a reply amounts to, with the reason where it cannot be used."""
    truncated = reply.finish_reason == "length" and reply.refusal is None
    trouble = None
    if reply.refusal is not None:
        trouble = f"the model refused: {reply.refusal[:200]}"
    elif truncated:
        trouble = f"the reply was cut off at {max_tokens:,} tokens"
    elif not reply.text.strip():
        trouble = "the reply was empty"
    tokens = 0 if cached else reply.prompt_tokens + reply.completion_tokens
    return Answer(reply.text, key, trouble, truncated, False, cached, tokens, cost_usd)


@contextmanager
def open_door(
    engine: sa.Engine,
    *,
    model: str | None = None,
    budget: Budget | None = None,
    max_tokens: int = 4096,
    temperature: float | None = 0.0,
    timeout_s: float = 120.0,
    settings: ModelSettings | None = None,
) -> Iterator[Door]:
    """A door to the endpoint of the settings; nothing is sent before the first question.

    Raises:
        InvalidInput: no endpoint or no model is named.
    """
    settings = settings or model_settings()
    if not settings.has_endpoint:
        raise InvalidInput("expected an endpoint: set OPENAI_API_KEY, or OPENAI_BASE_URL, or both")
    wanted = model or settings.model
    if not wanted:
        raise InvalidInput("expected the name of a model: give --model or set MRALIGN_MODEL")
    chat = OpenAIChat(api_key=settings.secret(), base_url=settings.base_url, timeout_s=timeout_s)
    try:
        yield Door(engine, chat, wanted, temperature, max_tokens, budget=budget or Budget())
    finally:
        chat.close()


def role_has_endpoint(role: RoleSettings) -> bool:
    """Whether the role's key is set, or the address of a server that may want none."""
    return role.base_url is not None or find_secret(role.key_variable) is not None


@contextmanager
def open_role(
    engine: sa.Engine, role: RoleSettings, budget: Budget | None = None, pace: Pace | None = None
) -> Iterator[Door]:
    """A door to the model of a role; nothing is sent before the first question.

    Roles that ask one model of one endpoint should share their `pace`.

    Raises:
        InvalidInput: the role has no endpoint or no model.
    """
    secret = find_secret(role.key_variable)
    if not role_has_endpoint(role):
        raise InvalidInput(
            f"expected an endpoint for the {role.role}: set {role.key_variable}, or its base_url"
        )
    if not role.model:
        raise InvalidInput(
            f"expected the name of a model for the {role.role}: give --model or set MRALIGN_MODEL; "
            "`mralign models show` lists what is in force"
        )
    key = secret.get_secret_value() if secret else None
    pace = pace or Pace(role.at_once, role.requests_per_minute, role.tokens_per_minute)
    chat = OpenAIChat(
        api_key=key, base_url=role.base_url, timeout_s=role.timeout_s, on_headers=pace.observe
    )
    try:
        yield Door(
            engine, chat, role.model, role.temperature, role.max_tokens, role.seed,
            budget=budget or Budget(), prices=role.prices, pace=pace,
        )  # fmt: skip
    finally:
        chat.close()
