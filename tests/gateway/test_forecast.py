"""What a job would send, without sending it."""

import pytest

from gateway.budget import Prices
from gateway.door import Door
from gateway.exchange import ChatReply, ChatRequest
from gateway.forecast import ENOUGH_REPLIES, Rehearsal, expected_tokens
from gateway.schemas import open_labels
from store.engine import get_engine


def unsent(request: ChatRequest) -> ChatReply:
    raise AssertionError(f"a dry run sent {request}")


def asked(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"question {number}"}]


def test_equal_requests_count_once_and_kept_ones_not_at_all(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    Door(engine, lambda _r: ChatReply("fine"), "m").ask(asked(0))
    rehearsed = Rehearsal(Door(engine, unsent, "m", prices=Prices(1.0, 2.0)))
    answers = [rehearsed.ask(asked(number)) for number in (0, 1, 2, 1)]
    assert [answer.failed for answer in answers] == [False, True, True, True]
    found = rehearsed.forecast()
    assert (found.requests, found.kept, found.most_reply_tokens) == (2, 1, 2 * 4096)
    expected = (found.prompt_tokens + 2 * found.reply_tokens) / 1e6
    assert found.cost_usd == pytest.approx(expected)
    assert found.most_usd > found.cost_usd > 0


def test_the_models_own_replies_say_how_long_the_next_will_be(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    door = Door(engine, lambda _r: ChatReply("x", prompt_tokens=1, completion_tokens=700), "m")
    for number in range(ENOUGH_REPLIES):
        door.ask(asked(number))
    rehearsed = Rehearsal(door)
    rehearsed.ask(asked(-1))
    assert rehearsed.forecast().reply_tokens == 700


@pytest.mark.parametrize(("limits", "seconds"), [((30, None), 20.0), ((None, 60), None)])
def test_the_slowest_limit_sets_the_time(
    sqlite_url: str, limits: tuple[int | None, int | None], seconds: float | None
) -> None:
    rehearsed = Rehearsal(Door(get_engine(sqlite_url), unsent, "m"), 64, *limits)
    for number in range(10):
        rehearsed.ask(asked(number))
    found = rehearsed.forecast()
    tokens = found.prompt_tokens + found.reply_tokens
    assert found.seconds == pytest.approx(seconds or float(tokens))


def test_a_reply_grows_with_the_list_that_it_fills() -> None:
    assert expected_tokens(open_labels(100)) > expected_tokens(open_labels(10)) > 0
    assert expected_tokens(None) > 0
