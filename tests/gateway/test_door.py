"""The door: kept replies cost nothing, faults are retried, the cap stops cleanly."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.budget import Budget, Prices
from gateway.chat import OpenAIChat
from gateway.connection import Connection
from gateway.door import Answer, Door, open_role
from gateway.faults import BudgetSpent, EndpointUnusable
from gateway.limits import Pause, Retries, RetryBudget
from gateway.roles import Role, resolve_role
from gateway.settings import load_role
from store.engine import get_engine, reading
from store.errors import InvalidInput
from store.runs import get_run, start_run
from store.states import RunKind
from store.tables import ModelReply
from tests.fakes import BROKEN, EMPTY, REFUSAL, TOO_LONG, TOO_MANY, FakeEndpoint, Fault

MESSAGES = ({"role": "user", "content": "hello"},)


def reply(_body: object) -> str:
    return "fine"


def ask(
    engine: sa.Engine, endpoint: FakeEndpoint, *messages: Sequence[dict[str, str]],
    budget: Budget | None = None, retries: Retries | None = None,
) -> list[Answer]:  # fmt: skip
    """The answers of one door, as one process would get them."""
    chat = OpenAIChat(Connection(api_key="k", base_url=endpoint.base_url, timeout_s=10))
    waits = Retries(pause=Pause(sleep=lambda _s: None))
    door = Door(engine, chat, "m", budget=budget or Budget(), retries=retries or waits)
    try:
        return [door.ask(m) for m in messages or (MESSAGES,)]
    finally:
        chat.close()


def test_a_second_process_sends_nothing(engine: sa.Engine) -> None:
    prices = Budget(prices=Prices(1.0, 2.0))
    with FakeEndpoint(reply) as endpoint:
        (first,) = ask(engine, endpoint, budget=prices)
        (second,) = ask(engine, endpoint)
        assert len(endpoint.bodies) == 1
    assert (first.text, first.cached) == ("fine", False)
    assert prices.spend.cost_usd == pytest.approx(140e-6)
    assert (second.text, second.cached) == ("fine", True)
    assert second.request_hash == first.request_hash


def test_the_row_says_what_was_asked_and_paid(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        (answer,) = ask(engine, endpoint, budget=Budget(prices=Prices(1.0, 2.0)))
    with reading(engine) as session:
        row = session.get(ModelReply, answer.request_hash)
        assert row is not None
        assert row.request["messages"] == [dict(m) for m in MESSAGES]
        assert (row.model, row.reply, row.prompt_tokens, row.completion_tokens) == (
            "m", "fine", 100, 20,
        )  # fmt: skip
        assert row.cost_usd == pytest.approx(140e-6)


def test_faults_are_retried_and_the_reply_is_paid_once(sqlite_url: str) -> None:
    faults = [TOO_MANY, BROKEN, Fault(hang_up=True), Fault(cut_body=True)]
    budget = Budget()
    with FakeEndpoint(reply, faults) as endpoint:
        (answer,) = ask(get_engine(sqlite_url), endpoint, budget=budget)
        assert len(endpoint.bodies) == 5
    assert answer.text == "fine"
    assert budget.spend.requests == 1


@pytest.mark.parametrize(
    ("fault", "trouble", "truncated"),
    [
        (REFUSAL, "refused: I cannot", False),
        (TOO_LONG, "cut off at 4,096 tokens", True),
        (EMPTY, "empty", False),
    ],
)
def test_a_reply_that_cannot_be_used_says_why_now_and_later(
    sqlite_url: str, fault: Fault, trouble: str, truncated: bool
) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply, [fault]) as endpoint:
        (first,) = ask(engine, endpoint)
        (kept,) = ask(engine, endpoint)
        assert len(endpoint.bodies) == 1
    for answer in (first, kept):
        assert trouble in (answer.trouble or "")
        assert (answer.truncated, answer.failed) == (truncated, False)


def test_a_request_that_fails_for_good_is_not_kept(sqlite_url: str) -> None:
    """The next run sends it again."""
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply, [BROKEN] * 6) as endpoint:
        (failed,) = ask(engine, endpoint)
        (answer,) = ask(engine, endpoint)
    assert failed.failed
    assert "500" in (failed.trouble or "")
    assert answer.text == "fine"


def test_a_server_that_stays_down_stops_the_run(sqlite_url: str) -> None:
    retries = Retries(budget=RetryBudget(start=3), pause=Pause(sleep=lambda _s: None))
    with FakeEndpoint(reply, [BROKEN] * 50) as endpoint:
        with pytest.raises(EndpointUnusable, match="stopped"):
            ask(get_engine(sqlite_url), endpoint, retries=retries)
        assert len(endpoint.bodies) == 4


def test_the_cap_stops_before_it_is_passed_and_a_higher_one_goes_on(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    asked = [({"role": "user", "content": f"question {n}"},) for n in range(10)]
    capped = Budget(max_tokens=4096 + 500)
    with FakeEndpoint(reply) as endpoint:
        with pytest.raises(BudgetSpent):
            ask(engine, endpoint, *asked, budget=capped)
        paid = len(endpoint.bodies)
        assert 0 < paid < 10
        assert capped.spend.tokens == 120 * paid <= 4096 + 500
        answers = ask(engine, endpoint, *asked)
        assert len(endpoint.bodies) == 10
    assert [answer.cached for answer in answers] == [True] * paid + [False] * (10 - paid)


def test_equal_requests_at_once_are_paid_for_once(sqlite_url: str) -> None:
    with FakeEndpoint(reply) as endpoint:
        chat = OpenAIChat(Connection(api_key="k", base_url=endpoint.base_url))
        door = Door(get_engine(sqlite_url), chat, "m")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _n: door.ask(MESSAGES), range(8)))
        chat.close()
        assert len(endpoint.bodies) == 1
    assert sorted(answer.cached for answer in answers) == [False] + [True] * 7


def test_a_door_needs_an_endpoint_and_a_model(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    engine = get_engine(sqlite_url)
    nowhere = resolve_role(Role.JUDGE, options={"model": "m"})
    with pytest.raises(InvalidInput, match="OPENAI_API_KEY"), open_role(engine, nowhere):
        pytest.fail("it opened")
    nameless = resolve_role(Role.JUDGE, options={"base_url": "http://127.0.0.1:1/v1"})
    with pytest.raises(InvalidInput, match="--model"), open_role(engine, nameless):
        pytest.fail("it opened")


@pytest.mark.parametrize("role", [Role.NAMER, Role.JUDGE])
def test_any_role_can_be_asked_by_its_settings(
    sqlite_url: str, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As other rooms ask the namer and the judge: settings, a door, a reply."""
    with FakeEndpoint(lambda _b: '{"name": "checking"}') as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv(f"MRALIGN_{role.upper()}_MODEL", "small")
        with open_role(get_engine(sqlite_url), load_role(role)) as door:
            answer = door.ask(MESSAGES, {"title": "name", "type": "object"})
        assert endpoint.bodies[0]["model"] == "small"
    assert (answer.text, answer.trouble) == ('{"name": "checking"}', None)


def test_what_a_role_adds_is_sent_and_makes_another_request(sqlite_url: str) -> None:
    body = {"chat_template_kwargs": {"enable_thinking": False}}
    variants: list[dict[str, Any]] = [
        {}, {"extra_body": body}, {"suffix": "/no_think"}, {"deployment": "int4"},
    ]  # fmt: skip
    with FakeEndpoint(reply) as endpoint:
        for options in [*variants, *variants]:
            with open_role(get_engine(sqlite_url), endpoint.role(**options)) as door:
                door.ask(MESSAGES)
        plain, extra, ended, elsewhere = endpoint.bodies
    assert extra == plain | body
    assert ended["messages"] == [{"role": "user", "content": "hello\n\n/no_think"}]
    assert elsewhere == plain, "the name of a deployment stays here"


def test_a_reply_and_what_its_run_paid_are_committed_together(engine: sa.Engine) -> None:
    """A kill right after it finds the cost in the run's row; a kept reply costs nothing."""
    run = start_run(engine, RunKind.LABEL)
    with FakeEndpoint(reply) as endpoint:
        for _ in range(2):
            with open_role(engine, endpoint.role(price_in_usd=1.0, price_out_usd=2.0)) as door:
                door.run_id = run.id
                door.ask(MESSAGES)
    with reading(engine) as session:
        paid = get_run(session, run.id)
        assert (paid.tokens, paid.cost_usd) == (120, pytest.approx(140e-6))
