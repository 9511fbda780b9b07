"""The door: kept replies cost nothing, faults are retried, the cap stops cleanly."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from gateway.budget import Budget, Prices
from gateway.chat import OpenAIChat
from gateway.door import Answer, Door, open_door
from gateway.faults import BudgetSpent, EndpointUnusable
from gateway.limits import Pause, Retries, RetryBudget
from gateway.settings import ModelSettings
from store.engine import get_engine, reading
from store.errors import InvalidInput
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
    chat = OpenAIChat(api_key="k", base_url=endpoint.base_url, timeout_s=10)
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
    assert (first.text, first.cached, first.tokens) == ("fine", False, 120)
    assert first.cost_usd == pytest.approx(140e-6)
    assert prices.spend.cost_usd == pytest.approx(140e-6)
    assert (second.text, second.cached, second.tokens, second.cost_usd) == ("fine", True, 0, 0.0)
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
        chat = OpenAIChat(api_key="k", base_url=endpoint.base_url)
        door = Door(get_engine(sqlite_url), chat, "m")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _n: door.ask(MESSAGES), range(8)))
        chat.close()
        assert len(endpoint.bodies) == 1
    assert sorted(answer.cached for answer in answers) == [False] + [True] * 7


def test_a_door_needs_an_endpoint_and_a_model(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    nowhere = ModelSettings(api_key=None, base_url=None, model="m")
    with pytest.raises(InvalidInput, match="OPENAI_API_KEY"), open_door(engine, settings=nowhere):
        pytest.fail("it opened")
    nameless = ModelSettings(api_key=None, base_url="http://127.0.0.1:1/v1", model=None)
    with pytest.raises(InvalidInput, match="--model"), open_door(engine, settings=nameless):
        pytest.fail("it opened")
