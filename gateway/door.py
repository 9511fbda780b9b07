"""The one door to a language model: the cache, the retries, the cap, and the client."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from gateway.budget import Budget, Prices, with_usage
from gateway.cache import Keeper, Paid, as_kept, find_reply, request_hash
from gateway.chat import OpenAIChat
from gateway.connection import Connection
from gateway.exchange import Chat, ChatReply, ChatRequest, Messages
from gateway.faults import ChatFault, TransientFault
from gateway.limits import Retries
from gateway.pacing import Pace
from gateway.roles import RoleSettings
from gateway.settings import find_secret
from store.errors import InvalidInput

UNPACED = 256  # more than anybody asks at once


@dataclass(frozen=True)
class Answer:
    """A reply as the rooms above see it. `trouble` says why `text` cannot be used, if so.

    `failed` means that nothing was answered, so the same request may be sent in a later run.
    """

    text: str
    request_hash: str
    trouble: str | None = None
    truncated: bool = False
    failed: bool = False
    cached: bool = False


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
    extra: Mapping[str, Any] | None = None  # goes into the body as it is
    suffix: str | None = None  # ends the question
    deployment: str | None = None
    run_id: int | None = None  # the run that pays
    prices: Prices | None = None  # the model's own; else the budget's
    pace: Pace = field(default_factory=lambda: Pace(UNPACED))
    keeper: Keeper = field(init=False, repr=False)
    _asking: dict[str, tuple[threading.Lock, int]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.engine)

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
        return answered(reply, key, request.max_tokens)

    def request(
        self, messages: Messages, schema: Mapping[str, Any] | None = None, stretch: int = 1
    ) -> ChatRequest:
        """What would be sent."""
        return ChatRequest(
            self.model, suffixed(messages, self.suffix), schema, self.temperature,
            self.max_tokens * stretch, self.seed, self.extra, self.deployment,
        )  # fmt: skip

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
            cost_usd = self._cost_usd(reply)
            self.keeper.keep(Paid(key, request, reply, cost_usd, self.run_id))
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


def answered(reply: ChatReply, key: str, max_tokens: int, *, cached: bool = False) -> Answer:
    """The answer that a reply amounts to, with the reason where it cannot be used."""
    truncated = reply.finish_reason == "length" and reply.refusal is None
    trouble = None
    if reply.refusal is not None:
        trouble = f"the model refused: {reply.refusal[:200]}"
    elif truncated:
        trouble = f"the reply was cut off at {max_tokens:,} tokens"
    elif not reply.text.strip():
        trouble = "the reply was empty"
    return Answer(reply.text, key, trouble, truncated, cached=cached)


def suffixed(messages: Messages, suffix: str | None) -> Messages:
    """The messages, with the suffix at the end of the last that a user wrote."""
    if suffix is None:
        return messages
    last = max(n for n, message in enumerate(messages) if message["role"] == "user")
    ended = {**messages[last], "content": f"{messages[last]['content']}\n\n{suffix}"}
    return [*messages[:last], ended, *messages[last + 1 :]]


def role_has_endpoint(role: RoleSettings) -> bool:
    """Whether the role's key is set, or the address of a server that may want none."""
    return role.base_url is not None or find_secret(role.key_variable) is not None


@contextmanager
def open_role(
    engine: sa.Engine, role: RoleSettings, budget: Budget | None = None, pace: Pace | None = None
) -> Iterator[Door]:
    """A door to the model of a role; nothing is sent before the first question.

    Any room may ask any role, whose settings `gateway.settings.load_role` reads:

        with open_role(engine, load_role(Role.JUDGE)) as door:
            answer = door.ask(messages, schema)

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
        Connection(
            api_key=key, base_url=role.base_url, timeout_s=role.timeout_s, on_headers=pace.observe
        )
    )
    try:
        yield Door(
            engine, chat, role.model, role.temperature, role.max_tokens, role.seed,
            budget=budget or Budget(), extra=role.extra_body, suffix=role.suffix,
            deployment=role.deployment, prices=role.prices, pace=pace,
        )  # fmt: skip
    finally:
        chat.close()
