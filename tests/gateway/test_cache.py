"""Replies are kept once and come back as they were."""

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlmodel import col, func, select

from gateway.cache import Keeper, Paid, as_kept, find_reply, request_hash
from gateway.exchange import ChatReply, ChatRequest
from store.engine import get_engine, reading
from store.tables import ModelReply

REQUEST = ChatRequest("m", ({"role": "user", "content": "a\x00b \ud800 ü"},), {"title": "t"})
HOSTILE = "nul \x00, half a pair \ud83d, markup <b>, and text"


def test_equal_requests_have_one_hash() -> None:
    assert request_hash(REQUEST) == request_hash(dataclasses.replace(REQUEST))
    assert len(request_hash(REQUEST)) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"messages": ({"role": "system", "content": "a\x00b \ud800 ü"},)},
        {"schema": None},
        {"temperature": 0.5},
        {"max_tokens": 1},
        {"seed": 7},
        {"extra": {"top_k": 1}},
        {"deployment": "int4"},
    ],
    ids=repr,
)
def test_whatever_changes_the_question_changes_the_hash(change: dict[str, object]) -> None:
    assert request_hash(dataclasses.replace(REQUEST, **change)) != request_hash(REQUEST)


def test_a_request_is_read_back_as_it_was_written_down() -> None:
    for request in (REQUEST, dataclasses.replace(REQUEST, extra={"a": [1]}, deployment="d")):
        document = json.loads(json.dumps(request.canonical()))
        assert request_hash(ChatRequest.of_canonical(document)) == request_hash(request)


@pytest.mark.parametrize(
    "reply",
    [
        ChatReply(HOSTILE, "stop", prompt_tokens=3, completion_tokens=4),
        ChatReply("", "stop", refusal=HOSTILE),
        ChatReply("", None),
        ChatReply("cut", "length"),
    ],
    ids=repr,
)
def test_a_reply_comes_back_as_it_was_first_read(engine: sa.Engine, reply: ChatReply) -> None:
    key = request_hash(REQUEST)
    assert find_reply(engine, key) is None
    Keeper(engine).keep(Paid(key, REQUEST, as_kept(reply), 0.25))
    assert find_reply(engine, key) == as_kept(reply)


def test_the_first_of_two_replies_stays(engine: sa.Engine) -> None:
    key = request_hash(REQUEST)
    for text in ("first", "second"):
        Keeper(engine).keep(Paid(key, REQUEST, as_kept(ChatReply(text, "stop"))))
    kept = find_reply(engine, key)
    assert kept is not None
    assert kept.text == "first"
    with reading(engine) as session:
        assert session.exec(select(func.count(col(ModelReply.request_hash)))).one() == 1


def test_replies_that_come_at_once_are_all_kept(engine: sa.Engine) -> None:
    keeper, threads = Keeper(engine), 16
    asked = [dataclasses.replace(REQUEST, seed=number) for number in range(200)]

    def keep(request: ChatRequest) -> None:
        keeper.keep(Paid(request_hash(request), request, as_kept(ChatReply("x", "stop"))))
        assert find_reply(engine, request_hash(request)) is not None, "it returned too early"

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(keep, asked))


def test_a_reply_that_cannot_be_kept_says_so_and_leaves_the_others(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    keeper = Keeper(engine)
    good = [dataclasses.replace(REQUEST, seed=number) for number in range(40)]
    bad = dataclasses.replace(REQUEST, messages=({"role": "user", "content": object()},))  # type: ignore[dict-item]

    def keep(request: ChatRequest) -> bool:
        key = "bad" if request is bad else request_hash(request)
        try:
            keeper.keep(Paid(key, request, as_kept(ChatReply("x", "stop"))))
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(keep, [*good[:20], bad, *good[20:]]))
    assert kept == [True] * 20 + [False] + [True] * 20
    assert all(find_reply(engine, request_hash(request)) for request in good)
