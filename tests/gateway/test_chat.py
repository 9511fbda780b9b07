"""The real client against a real server: what it sends, what it reads, how it sorts faults."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.chat import OpenAIChat, read_completion
from gateway.connection import Connection, retry_after_s, status_fault
from gateway.exchange import ChatReply, ChatRequest
from gateway.faults import EndpointUnusable, RequestRejected, TransientFault
from gateway.schemas import open_labels
from tests.fakes import REASONING, REFUSAL, TOO_LONG, FakeEndpoint, Fault

KEY = "sk-test-0123456789abcdef"
REQUEST = ChatRequest("some-model", ({"role": "user", "content": "JSON please"},), open_labels(2))


def ask(endpoint: FakeEndpoint, request: ChatRequest = REQUEST) -> ChatReply:
    chat = OpenAIChat(Connection(api_key=KEY, base_url=endpoint.base_url, timeout_s=10))
    try:
        return chat(request)
    finally:
        chat.close()


@pytest.fixture
def plain() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(answer=lambda _body: '{"steps": []}') as endpoint:
        yield endpoint


def test_a_request_carries_the_schema_and_the_reply_its_usage(plain: FakeEndpoint) -> None:
    reply = ask(plain)
    (body,) = plain.bodies
    assert body["response_format"]["json_schema"]["schema"] == REQUEST.schema
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("some-model", 0.0, 4096)
    assert reply == ChatReply('{"steps": []}', "stop", None, "", 100, 20)
    assert plain.keys == [KEY]


@pytest.mark.parametrize(
    ("takes", "refused_keyword", "last", "requests"),
    [
        (("json_schema",), "uniqueItems", "json_schema", 2),
        (("json_object",), None, "json_object", 3),
        ((), None, None, 4),
    ],
)
def test_the_dialect_is_found_once(
    takes: tuple[str, ...], refused_keyword: str | None, last: str | None, requests: int
) -> None:
    """A server that refuses a form of reply is asked more simply, and so from then on."""
    with FakeEndpoint(takes=takes, refused_keyword=refused_keyword) as endpoint:
        chat = OpenAIChat(Connection(api_key=None, base_url=endpoint.base_url))
        for _ in range(3):
            chat(REQUEST)
        chat.close()
    formats = [body.get("response_format", {}).get("type") for body in endpoint.bodies]
    assert len(formats) == requests + 2
    assert set(formats[requests - 1 :]) == {last}


@pytest.mark.parametrize(
    ("message", "gone", "instead"),
    [
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
         "max_tokens", "max_completion_tokens"),
        ("'temperature' does not support 0 with this model.", "temperature", "max_tokens"),
    ],
)  # fmt: skip
def test_a_parameter_that_the_model_refuses_is_left_out(
    message: str, gone: str, instead: str
) -> None:
    fault = Fault(status=400, error={"message": message})
    with FakeEndpoint(faults=[fault]) as endpoint:
        ask(endpoint)
    assert gone in endpoint.bodies[0]
    assert gone not in endpoint.bodies[1]
    assert instead in endpoint.bodies[1]


def test_a_request_that_no_dialect_helps_is_rejected() -> None:
    refused = Fault(status=400, error={"message": "the context is too long"})
    with (
        FakeEndpoint(faults=[refused] * 4) as endpoint,
        pytest.raises(RequestRejected, match="long"),
    ):
        ask(endpoint)
    assert len(endpoint.bodies) == 4


def test_a_refusal_without_a_schema_says_nothing_of_formats() -> None:
    """One request and not four, and the next request with a schema keeps its strictest form."""
    plain = replace(REQUEST, schema=None)
    with FakeEndpoint(faults=[Fault(status=400)]) as endpoint:
        chat = OpenAIChat(Connection(api_key=None, base_url=endpoint.base_url))
        with pytest.raises(RequestRejected):
            chat(plain)
        chat(REQUEST)
        chat.close()
    assert [body.get("response_format", {}).get("type") for body in endpoint.bodies] == [
        None, "json_schema",
    ]  # fmt: skip


def test_after_a_success_a_rejection_is_believed() -> None:
    """The dialect is known by then, so a bad request costs one request and not four."""
    with FakeEndpoint(faults=[None, Fault(status=400)]) as endpoint:
        chat = OpenAIChat(Connection(api_key=None, base_url=endpoint.base_url))
        chat(REQUEST)
        with pytest.raises(RequestRejected):
            chat(REQUEST)
        chat.close()
    assert len(endpoint.bodies) == 2


TRANSIENT = {
    "error": Fault(status=500),
    "overload": Fault(status=503),
    "rate": Fault(status=429),
    "hang up": Fault(hang_up=True),
    "cut body": Fault(cut_body=True),
    "no JSON": Fault(raw_body="<html>welcome to the proxy</html>"),
    "no choice": Fault(raw_body='{"choices": []}'),
    "error inside": Fault(raw_body='{"error": {"message": "upstream"}}'),
    "null": Fault(raw_body="null"),
    "broken off": Fault(finish_reason="error", change=lambda _text: ""),
}


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT)
def test_what_may_pass_is_transient(fault: Fault) -> None:
    with FakeEndpoint(faults=[fault]) as endpoint, pytest.raises(TransientFault):
        ask(endpoint)


def test_a_wait_that_the_server_asks_for_is_known() -> None:
    fault = Fault(status=429, headers={"Retry-After": "7"})
    with FakeEndpoint(faults=[fault]) as endpoint, pytest.raises(TransientFault) as caught:
        ask(endpoint)
    assert caught.value.retry_after_s == 7


def test_a_server_that_does_not_answer_in_time_may_have_billed() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        chat = OpenAIChat(Connection(api_key=None, base_url=url, timeout_s=0.2))
        with pytest.raises(TransientFault, match="in time") as caught:
            chat(REQUEST)
        chat.close()
    assert caught.value.billed


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_hopeless_endpoint_stops_everything_and_keeps_the_key_secret(status: int) -> None:
    """Even a server that quotes the key back does not get it into a message or a traceback."""
    fault = Fault(status=status, echo_key=True)
    with FakeEndpoint(faults=[fault]) as endpoint, pytest.raises(EndpointUnusable) as caught:
        ask(endpoint)
    assert "bad key [key]" in str(caught.value)
    assert "OPENAI_API_KEY" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("status", "code"), [(429, "insufficient_quota"), (400, "billing_hard_limit_reached")]
)
def test_an_empty_account_is_no_reason_to_wait(status: int, code: str) -> None:
    fault = status_fault(status, "no quota", {"retry-after": "1"}, code)
    assert isinstance(fault, EndpointUnusable)


@pytest.mark.parametrize("word", ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens"])
def test_a_reply_without_more_room_is_cut_off_whatever_the_server_calls_it(word: str) -> None:
    with FakeEndpoint(faults=[Fault(finish_reason=word)]) as endpoint:
        assert ask(endpoint).finish_reason == "length"


def test_thinking_that_took_all_the_room_is_no_reply() -> None:
    """The content is empty then, and what stands in reasoning_content is not taken for it."""
    with FakeEndpoint(faults=[Fault(as_reasoning=True, finish_reason="length")]) as endpoint:
        reply = ask(endpoint)
    assert (reply.text, reply.finish_reason) == ("", "length")


def test_a_call_of_a_tool_is_an_empty_reply() -> None:
    document = {"choices": [{"message": {"content": None, "tool_calls": [{"id": "x"}]},
                             "finish_reason": "tool_calls"}]}  # fmt: skip
    assert read_completion(document).text == ""


def test_reasoning_refusal_and_truncation_are_told_apart() -> None:
    with FakeEndpoint(answer=lambda _b: '{"a": 1}', faults=[REASONING, REFUSAL, TOO_LONG]) as end:
        reasoned, refused, cut = ask(end), ask(end), ask(end)
    assert reasoned.text == '{"a": 1}'
    assert (refused.text, refused.refusal) == ("", "I cannot help with that.")
    assert cut.finish_reason == "length"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        ({"content": None, "reasoning": "thought"}, "thought"),
        ({"content": 7}, ""),
        ({}, ""),
    ],
)
def test_contents_of_odd_shapes_are_read(message: dict[str, Any], text: str) -> None:
    document = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": "none"}
    assert read_completion(document).text == text
