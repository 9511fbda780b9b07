"""Shares and means: Wilson's interval, and draws over questions where responses hang together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.measures.estimates import EstimateError, grouped, mean, question_draws, share, wilson


def test_wilson_at_no_hit_is_the_textbooks() -> None:
    """0 of 20: the upper end is z² / (n + z²)."""
    squared = 1.959963984540054**2
    assert wilson(0, 20) == pytest.approx((0.0, squared / (20 + squared)))


def test_one_response_a_question_is_wilsons() -> None:
    assert share([True, False], ["a", "b"]) == share([True, False])


def test_draws_of_one_question_are_no_further_evidence() -> None:
    """Forty copies of ten outcomes are as sure as the ten, not as four hundred."""
    outcomes, questions = [True, False] * 5, list(range(10))
    copied = share(outcomes * 40, questions * 40)
    assert copied.n == 400 and copied.questions == 10 and copied.interval == "bootstrap"
    assert copied.value == 0.5
    assert copied.high - copied.low > 0.5 > share(outcomes * 40).high - share(outcomes * 40).low


def test_the_interval_of_a_mean_is_near_the_normal_one() -> None:
    values = np.random.default_rng(5).normal(3.0, 2.0, 400)
    found = mean(list(values))
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


@given(questions=st.integers(1, 30), replicates=st.integers(1, 50), seed=st.integers(0, 9))
def test_every_draw_has_as_many_questions_as_there_are(
    questions: int, replicates: int, seed: int
) -> None:
    drawn = np.concatenate(list(question_draws(questions, replicates, seed)))
    assert drawn.shape == (replicates, questions)
    assert (drawn.sum(axis=1) == questions).all()


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=30),
)
def test_the_value_lies_in_its_interval(rows: list[tuple[bool, int]]) -> None:
    found = share([outcome for outcome, _ in rows], [question for _, question in rows])
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_questions_are_numbered_as_they_come() -> None:
    assert grouped(["b", "a", "b"]).tolist() == [0, 1, 0]


def test_nothing_has_no_mean() -> None:
    with pytest.raises(EstimateError, match="at least one"):
        mean([])
