"""Caps are kept, whatever happens at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.budget import Budget, Prices, estimated_prompt_tokens, with_usage
from gateway.exchange import ChatReply, ChatRequest
from gateway.faults import BudgetSpent

REQUEST = ChatRequest("m", ({"role": "user", "content": "x" * 30},), max_tokens=50)
MOST = estimated_prompt_tokens(REQUEST) + 50


def test_the_price_is_per_million() -> None:
    assert Prices(2.0, 8.0).cost_usd(1_000_000, 500_000) == pytest.approx(6.0)


def test_a_request_that_could_pass_the_cap_is_not_begun() -> None:
    budget = Budget(max_tokens=MOST)
    with budget.reserve(REQUEST) as held:
        held.reply = ChatReply("x", prompt_tokens=10, completion_tokens=5)
    assert budget.spend.tokens == 15
    with pytest.raises(BudgetSpent, match="15 tokens"), budget.reserve(REQUEST):
        pytest.fail("the block ran")


def test_money_is_capped_as_well() -> None:
    budget = Budget(max_usd=0.0001, prices=Prices(1.0, 10.0))
    with pytest.raises(BudgetSpent, match="USD"), budget.reserve(REQUEST):
        pytest.fail("the block ran")


def test_an_attempt_that_failed_costs_what_it_may_have_been_billed() -> None:
    budget = Budget(max_tokens=10_000)
    for billed in (False, True):
        with pytest.raises(ValueError, match="cut"), budget.reserve(REQUEST) as held:
            held.billed = billed
            raise ValueError("cut")
    assert budget.spend.unanswered_tokens == MOST
    assert budget.spend.requests == 0


def test_threads_wait_for_room_and_never_pass_the_cap() -> None:
    """With room for one at a time, all that fit are done and the cap holds."""
    budget, lock = Budget(max_tokens=MOST + 9 * 12), threading.Lock()
    done, refused = 0, 0

    def work(_: int) -> None:
        nonlocal done, refused
        try:
            with budget.reserve(REQUEST) as held:
                held.reply = ChatReply("x", prompt_tokens=10, completion_tokens=2)
            with lock:
                done += 1
        except BudgetSpent:
            with lock:
                refused += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert (done, refused) == (10, 30)
    assert budget.spend.tokens == 120


@given(st.text(max_size=200))
def test_replies_without_usage_are_estimated(text: str) -> None:
    reply = with_usage(ChatReply(text), REQUEST)
    assert reply.prompt_tokens == estimated_prompt_tokens(REQUEST)
    assert reply.completion_tokens >= 1
    assert with_usage(reply, REQUEST) == reply
