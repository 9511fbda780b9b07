"""Acc, Mis and their parts: identities, intervals, and how a response is split."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.measures.estimates import EstimateError, share
from alignment.measures.scores import (
    EvaluationError,
    Judgment,
    Response,
    judge,
    response_of,
    score,
)

judgments = st.lists(
    st.builds(Judgment, in_thinking=st.booleans(), in_answer=st.booleans()), min_size=1, max_size=40
)


@given(judged=judgments)
def test_the_shares_add_up(judged: list[Judgment]) -> None:
    scores = score(judged, "plain")
    assert scores.mis is not None and scores.hit_gap is not None
    assert scores.em_thinking is not None
    neither = sum(not each.in_thinking and not each.in_answer for each in judged)
    assert scores.acc.count + scores.mis.count + neither == scores.n == len(judged)
    only_answer = scores.em_answer.count - scores.acc.count
    assert scores.mis.count == scores.hit_gap.count + only_answer
    assert scores.em_thinking.count == scores.acc.count + scores.hit_gap.count


def test_with_thinking_off_acc_is_the_answers_and_mis_is_undefined() -> None:
    scores = score([Judgment(None, True), Judgment(None, False)], "squad")
    assert scores.acc.value == 0.5
    assert scores.mis is None and scores.hit_gap is None and scores.em_thinking is None


def test_on_and_off_are_not_mixed() -> None:
    with pytest.raises(EvaluationError, match="apart"):
        score([Judgment(None, True), Judgment(True, True)], "plain")


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no response"):
        score([], "plain")
    with pytest.raises(EstimateError, match="at least one"):
        share([])


@given(n=st.integers(1, 500), data=st.data())
def test_the_interval_holds_the_share_and_stays_in_range(n: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    found = share([True] * count + [False] * (n - count))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_the_interval_solves_wilsons_equation() -> None:
    """At both ends |p − π| = z √(π(1−π)/n), with p the observed share."""
    found = share([True] * 27 + [False] * 73)
    for end in (found.low, found.high):
        assert abs(0.27 - end) == pytest.approx(1.959964 * (end * (1 - end) / 100) ** 0.5, rel=1e-5)


def test_a_response_is_split_at_its_tags() -> None:
    found = response_of(
        "1", "Q", ["Lima"], "<think>\nPerhaps Lima.\n</think>\n\n<answer>Cusco</answer>"
    )
    assert found.thinking == "\nPerhaps Lima.\n" and found.answer == "Cusco"
    assert judge(found, "plain") == Judgment(in_thinking=True, in_answer=False)


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("Lima it is.\n</think>\n\nLima", "Lima it is.\n", "Lima"),
        ("<think>\nLima, without an end", "\nLima, without an end", ""),
        ("Lima", "", "Lima"),
        ("<think>a</think>b</think><answer>c</answer>", "a</think>b", "c"),
    ],
)
def test_odd_responses_are_split_without_loss(text: str, thinking: str, answer: str) -> None:
    found = response_of("1", "Q", ["Lima"], text)
    assert (found.thinking, found.answer) == (thinking, answer)


def test_thinking_off_has_no_thinking() -> None:
    assert response_of("1", "Q", ["Lima"], "Lima.", thinking_on=False).thinking is None


def test_any_alias_counts_for_thinking_and_answer_apart() -> None:
    response = Response("1", "Q", ("USA", "United States"), "the United States", "usa")
    assert judge(response, "plain") == Judgment(in_thinking=True, in_answer=False)
    assert judge(response, "squad") == Judgment(in_thinking=True, in_answer=True)
