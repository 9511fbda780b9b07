"""Replies are kept once and come back as they were."""

import dataclasses
import json

import pytest
import sqlalchemy as sa
from sqlmodel import col, func, select

from gateway.cache import Paid, as_kept, find_reply, keep_reply, request_hash
from gateway.exchange import ChatReply, ChatRequest
from store.engine import reading
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
    keep_reply(engine, Paid(key, REQUEST, as_kept(reply), 0.25))
    assert find_reply(engine, key) == as_kept(reply)


def test_the_first_of_two_replies_stays(engine: sa.Engine) -> None:
    key = request_hash(REQUEST)
    for text in ("first", "second"):
        keep_reply(engine, Paid(key, REQUEST, as_kept(ChatReply(text, "stop"))))
    kept = find_reply(engine, key)
    assert kept is not None
    assert kept.text == "first"
    with reading(engine) as session:
        assert session.exec(select(func.count(col(ModelReply.request_hash)))).one() == 1
