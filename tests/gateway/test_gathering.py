"""The Batch API against a real server: nothing is ordered twice, nothing that came back is lost."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from gateway.batches import advance, cancel, has_ended, holder, open_services
from gateway.budget import Budget
from gateway.door import open_role
from gateway.exchange import ChatRequest
from gateway.faults import BudgetSpent, EndpointUnusable, RepliesPending, TransientFault
from gateway.gathering import FileLimits, Gatherer, Gathering, open_gathering
from gateway.schemas import open_labels
from store.batch_tables import BatchRequest, ModelBatch
from store.batches import list_batches
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput
from store.runs import get_run, start_run
from store.states import BatchStatus, RunKind
from store.tables import ModelReply
from tests.fakes import FakeEndpoint, Fault

SCHEMA = open_labels(1)
ASKED = 7
ONE_AHEAD = 1  # goes to the model directly, before anything is ordered


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"question {number}"}]


def reply(body: dict[str, Any]) -> str:
    return "to " + str(body["messages"][-1]["content"])


@contextmanager
def gathering_to(
    engine: sa.Engine, endpoint: FakeEndpoint, budget: Budget | None = None, **options: Any
) -> Iterator[tuple[Gathering, Gatherer]]:
    role = endpoint.role(price_in_usd=1.0, price_out_usd=2.0, timeout_s=5.0, **options)
    cap = budget or Budget()
    with open_role(engine, role, cap) as door, open_gathering(engine, cap, 0.001) as gathering:
        services = gathering.service

        def quick(batch: ModelBatch) -> Any:
            service = services(batch)
            service.retries = replace(service.retries, attempts=2, first_wait_s=0.0)
            return service

        gathering.service = quick
        yield gathering, gathering.join(door, role)


def rehearsal(gatherer: Gatherer, count: int = ASKED) -> Callable[[], list[str]]:
    return lambda: [gatherer.ask(messages(n), SCHEMA).text for n in range(count)]


def go_through(engine: sa.Engine, endpoint: FakeEndpoint, count: int = ASKED) -> list[str]:
    """Everything from the first request to the last reply, as one process would do it."""
    with gathering_to(engine, endpoint) as (gathering, gatherer):
        gathering.answer_all(rehearsal(gatherer, count))
        return rehearsal(gatherer, count)()


def order(engine: sa.Engine, endpoint: FakeEndpoint) -> None:
    """The first half of that: a process that does not wait."""
    with (
        gathering_to(engine, endpoint) as (gathering, gatherer),
        pytest.raises(RepliesPending, match="batch 1"),
    ):
        gathering.answer_all(rehearsal(gatherer), wait=False)


def expected(count: int = ASKED) -> list[str]:
    return [f"to question {n}" for n in range(count)]


def closed(engine: sa.Engine) -> list[ModelBatch]:
    with reading(engine) as session:
        return [b for b in list_batches(session) if b.status == BatchStatus.CLOSED]


def test_one_request_goes_ahead_and_the_rest_in_a_batch_at_its_price(engine: sa.Engine) -> None:
    run = start_run(engine, RunKind.LABEL)
    budget = Budget()
    with FakeEndpoint(reply) as endpoint:
        with gathering_to(engine, endpoint, budget) as (gathering, gatherer):
            gatherer.door.run_id = run.id
            gathering.answer_all(rehearsal(gatherer))
            assert rehearsal(gatherer)() == expected()
        assert (len(endpoint.bodies), len(endpoint.desk.ordered())) == (ONE_AHEAD, ASKED - 1)
        (batch,) = endpoint.desk.batches.values()
        assert (batch["endpoint"], batch["completion_window"]) == ("/v1/chat/completions", "24h")
        again = go_through(engine, endpoint)
        assert (len(endpoint.bodies), len(endpoint.desk.batches)) == (ONE_AHEAD, 1)
    assert again == expected()
    cost_usd = 140e-6 + (ASKED - 1) * 70e-6
    assert budget.spend.cost_usd == pytest.approx(cost_usd)
    with reading(engine) as session:
        paid = get_run(session, run.id)
        assert (paid.tokens, paid.cost_usd) == (120 * ASKED, pytest.approx(cost_usd))
        assert session.exec(select(BatchRequest)).all() == []


def test_a_line_is_what_would_have_been_sent_directly(sqlite_url: str) -> None:
    """In the form that the server was found to take, with what the role adds to it."""
    engine = get_engine(sqlite_url)
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    with FakeEndpoint(reply, takes=("json_object",)) as endpoint:
        with gathering_to(engine, endpoint, extra_body=extra) as (gathering, gatherer):
            gathering.answer_all(rehearsal(gatherer, 2))
        (line,) = endpoint.desk.lines("file-0")
        assert line["body"] == endpoint.bodies[-1] | {"messages": messages(1)}
    assert line["body"]["response_format"] == {"type": "json_object"}
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")


@pytest.mark.parametrize("limits", [FileLimits(requests=2), FileLimits(size_bytes=2_100)])
def test_a_file_holds_no_more_than_it_may(sqlite_url: str, limits: FileLimits) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        with gathering_to(engine, endpoint) as (gathering, gatherer):
            gathering.limits = limits
            gathering.answer_all(rehearsal(gatherer))
            assert rehearsal(gatherer)() == expected()
        sizes = [content for name, content in endpoint.desk.files.values() if "mralign" in name]
        ordered = endpoint.desk.ordered()
    assert len(sizes) == 3
    assert all(len(content) <= limits.size_bytes for content in sizes)
    assert len(set(ordered)) == len(ordered) == ASKED - 1


STEPS = ["GET files all", "POST files all", "GET batches all", "POST batches all",
         "GET batches one", "GET files content"]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_is_lost_at_any_step_orders_nothing_twice(
    sqlite_url: str, step: str, times: int
) -> None:
    """Lost once it is repeated; lost twice the process ends, and another one goes on."""
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        again = step if step.startswith("GET") else step.replace("POST", "GET")
        endpoint.desk.hang_up_after = [f"{step} 1", f"{again} 2"][:times]
        if times == 2:
            with pytest.raises(TransientFault):
                go_through(engine, endpoint)
        assert go_through(engine, endpoint) == expected()
        assert len(endpoint.desk.batches) == 1
        assert len(endpoint.bodies) == ONE_AHEAD
        uploads = [name for name, _ in endpoint.desk.files.values() if name.startswith("mralign")]
    assert len(uploads) == 1


@pytest.mark.parametrize(("ending", "answered"), [("expired", 2), ("cancelled", 3), ("failed", 0)])
def test_what_a_batch_brought_before_its_end_is_kept(
    sqlite_url: str, ending: str, answered: int
) -> None:
    """The rest goes into another batch: now where the server ran out of time, else later."""
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        endpoint.desk.endings, endpoint.desk.answered = [ending], answered
        first = go_through(engine, endpoint)
        (batch,) = [b for b in closed(engine) if b.remote_status == ending]
        assert (batch.answered, batch.failed) == (answered, ASKED - 1 - answered)
        have = Counter(expected()) & Counter(first)
        assert have.total() == (ASKED if ending == "expired" else answered + ONE_AHEAD)
        assert go_through(engine, endpoint) == expected()
        twice = Counter(endpoint.desk.ordered())
        ahead = len(endpoint.bodies) - ONE_AHEAD  # the second process sends one directly, too
    assert sum(count - 1 for count in twice.values()) + ahead == ASKED - 1 - answered


def test_a_failed_batch_says_what_the_server_said(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        endpoint.desk.endings = ["failed"]
        with gathering_to(engine, endpoint) as (gathering, gatherer):
            gathering.answer_all(rehearsal(gatherer))
            answer = gatherer.ask(messages(1), SCHEMA)
    assert answer.failed
    assert answer.trouble == "the batch failed: Enqueued token limit reached"
    assert closed(engine)[0].message == "Enqueued token limit reached"


@pytest.mark.parametrize(("status", "batches"), [(400, 1), (500, 3)])
def test_a_line_that_fails_is_sent_again_where_that_may_help(
    sqlite_url: str, status: int, batches: int
) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        endpoint.desk.fail_line = lambda body: status if "3" in reply(body) else None
        with gathering_to(engine, endpoint) as (gathering, gatherer):
            gathering.answer_all(rehearsal(gatherer))
            answer = gatherer.ask(messages(3), SCHEMA)
        assert len(endpoint.desk.batches) == batches
        assert answer.failed and f"{status}: no" in (answer.trouble or "")
        endpoint.desk.fail_line = lambda _body: None
        assert go_through(engine, endpoint) == expected()


def test_nobody_has_to_wait_and_another_process_fetches(engine: sa.Engine) -> None:
    with FakeEndpoint(reply) as endpoint:
        order(engine, endpoint)
        order(engine, endpoint)
        assert go_through(engine, endpoint) == expected()
        assert len(endpoint.desk.batches) == 1


def test_two_runs_that_need_the_same_share_one_batch(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        with (
            gathering_to(engine, endpoint) as (first, one),
            gathering_to(engine, endpoint) as (second, two),
        ):
            with pytest.raises(RepliesPending):
                first.answer_all(rehearsal(one), wait=False)
            second.answer_all(rehearsal(two, ASKED + 3))
            assert rehearsal(two, ASKED + 3)() == expected(ASKED + 3)
            first.answer_all(rehearsal(one))
        ordered = endpoint.desk.ordered()
    assert len(set(ordered)) == len(ordered) == ASKED + 3 - 2 * ONE_AHEAD


def test_requests_that_another_process_ordered_in_between_are_left_to_it(sqlite_url: str) -> None:
    """The rows decide, not what was seen before: no request stands in two open batches."""
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        with (
            gathering_to(engine, endpoint) as (first, one),
            gathering_to(engine, endpoint) as (_second, two),
        ):
            for gatherer in (one, two):
                rehearsal(gatherer)()
            two.seal()
            first.answer_all(rehearsal(one))
            assert rehearsal(one)() == expected()
        ordered = endpoint.desk.ordered()
    assert len(set(ordered)) == len(ordered)


def test_a_cap_lets_out_what_fits_and_then_says_so(sqlite_url: str) -> None:
    """4,096 tokens of room a request at half of 2 USD; a reply takes 20 of them."""
    engine = get_engine(sqlite_url)
    cap = Budget(max_usd=3 * 4_100e-6)
    with FakeEndpoint(reply) as endpoint:
        with gathering_to(engine, endpoint, cap) as (gathering, gatherer):
            gathering.answer_all(rehearsal(gatherer))
        sizes = [batch["request_counts"]["total"] for batch in endpoint.desk.batches.values()]
        assert max(sizes) == 2 and sum(sizes) == ASKED - 1
        with (
            gathering_to(engine, endpoint, Budget(max_usd=0.001)) as (gathering, gatherer),
            pytest.raises(BudgetSpent, match="stopped at the cap"),
        ):
            gathering.answer_all(rehearsal(gatherer, ASKED + 1))
        assert cap.spend.cost_usd <= 3 * 4_100e-6


def test_a_bad_key_stops_before_anything_is_ordered(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply, [Fault(status=401)]) as endpoint:
        with pytest.raises(EndpointUnusable):
            go_through(engine, endpoint)
        assert endpoint.desk.steps == []


def test_a_batch_under_way_can_be_cancelled_and_what_it_has_is_kept(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint, open_services() as services:
        endpoint.desk.answered = 4
        order(engine, endpoint)
        assert cancel(engine, 1, services).remote_status == "cancelling"
        done = advance(engine, 1, services)
        with pytest.raises(InvalidInput, match="closed"):
            cancel(engine, 1, services)
    assert (done.status, done.remote_status, done.answered) == (BatchStatus.CLOSED, "cancelled", 4)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_batch_whose_sender_died_can_be_cancelled(sqlite_url: str, ordered: bool) -> None:
    """It is looked for at the server, since the order may have lost its answer."""
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint, open_services() as services:
        noun = "batches" if ordered else "files"
        endpoint.desk.hang_up_after = [f"POST {noun} all 1", f"GET {noun} all 2"]
        with pytest.raises(TransientFault):
            go_through(engine, endpoint)
        assert len(endpoint.desk.batches) == ordered
        batch = cancel(engine, 1, services)
    assert batch.status == (BatchStatus.SUBMITTED if ordered else BatchStatus.CLOSED)


def test_a_batch_that_a_live_process_is_sending_is_left_to_it(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint, open_services() as services:
        endpoint.desk.hang_up_after = ["POST files all 1", "GET files all 2"]
        with pytest.raises(TransientFault):
            go_through(engine, endpoint)
        name = holder().rpartition("/")[0]
        with transaction(engine) as session:
            session.get_one(ModelBatch, 1).holder = f"{name}/1"
        seen = len(endpoint.desk.steps)
        assert advance(engine, 1, services).status == BatchStatus.PREPARED
        with pytest.raises(InvalidInput, match="being sent"):
            cancel(engine, 1, services)
        assert len(endpoint.desk.steps) == seen


def test_only_a_process_of_this_machine_is_known_to_have_ended() -> None:
    assert not has_ended(holder())
    assert has_ended(holder().rpartition("/")[0] + "/999999999")
    assert not has_ended("elsewhere/999999999")
    assert not has_ended(None)


def test_a_reply_that_a_direct_run_kept_first_stays(sqlite_url: str) -> None:
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint:
        order(engine, endpoint)
        endpoint.answer = lambda _body: "directly"
        with open_role(engine, endpoint.role()) as door:
            assert door.ask(messages(3), SCHEMA).text == "directly"
        endpoint.answer = reply
        assert go_through(engine, endpoint)[3] == "directly"
    with reading(engine) as session:
        assert len(session.exec(select(ModelReply)).all()) == ASKED
        assert session.exec(select(BatchRequest)).all() == []


def test_what_is_asked_for_a_second_time_goes_into_a_second_batch(sqlite_url: str) -> None:
    """As a retry does that quotes the first reply."""
    engine = get_engine(sqlite_url)
    with FakeEndpoint(reply) as endpoint, gathering_to(engine, endpoint) as (gathering, gatherer):

        def ask() -> None:
            for number in range(3):
                first = gatherer.ask(messages(number), SCHEMA)
                if first.trouble is None:
                    said = {"role": "assistant", "content": first.text}
                    gatherer.ask([*messages(number), said, *messages(-number)], SCHEMA)

        gathering.answer_all(ask)
        sizes = [batch["request_counts"]["total"] for batch in endpoint.desk.batches.values()]
    assert sizes == [3, 2]


def test_a_request_outlives_being_written_down() -> None:
    request = ChatRequest("m", messages(1), SCHEMA, seed=3)
    assert ChatRequest.of_canonical(request.canonical()).canonical() == request.canonical()
