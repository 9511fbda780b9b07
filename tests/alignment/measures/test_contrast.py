"""Before and after: McNemar against scipy, intervals against resampling by hand, strata."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.evaluation.comparison import compare_rows
from alignment.measures.contrast import contrast, match_questions, mcnemar, stratum_of
from alignment.measures.estimates import EstimateError
from alignment.measures.judged import Row, exact_judgments
from alignment.measures.scores import Response


@given(gained=st.integers(0, 300), lost=st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(gained: int, lost: int) -> None:
    from scipy.stats import binomtest

    changed = gained + lost
    expected = binomtest(gained, changed, 0.5).pvalue if changed else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


def test_mcnemar_by_hand() -> None:
    """9 against 1: 2 (1 + 10) / 2^10."""
    assert mcnemar(9, 1) == pytest.approx(22 / 1024)
    assert mcnemar(0, 0) == 1.0


def test_mcnemar_of_many_thousands_neither_overflows_nor_takes_long() -> None:
    assert mcnemar(4000, 3000) < 1e-30
    assert mcnemar(3500, 3500) == 1.0


def test_a_question_counts_once_however_many_draws_it_has() -> None:
    before = {"a": [0.0, 0.0], "b": [1.0], "c": [1.0, 0.0]}
    after = {"a": [1.0, 0.0], "b": [1.0, 1.0], "c": [1.0], "d": [1.0]}
    found = contrast("Acc", before, after, match_questions(before, after).questions)
    assert found.before == 0.5 and found.after == pytest.approx(2.5 / 3)
    assert found.difference == pytest.approx(1 / 3)
    assert (found.gained, found.lost, found.p_value) == (2, 0, 0.5)


def test_the_interval_is_the_paired_bootstrap() -> None:
    generator = np.random.default_rng(3)
    ones = generator.integers(0, 2, 300).astype(float)
    others = np.where(generator.random(300) < 0.2, 1.0, ones)
    before = {str(n): [value] for n, value in enumerate(ones)}
    after = {str(n): [value] for n, value in enumerate(others)}
    found = contrast("Acc", before, after, list(before))
    change = others - ones
    drawn = [change[generator.integers(0, 300, 300)].mean() for _ in range(4000)]
    assert found.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.012)
    assert found.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.012)


def test_unmatched_questions_are_counted_on_both_sides() -> None:
    matched = match_questions({"a": [1.0], "b": [1.0]}, {"b": [1.0], "c": [0.0], "d": [0.0]})
    assert (matched.questions, matched.only_before, matched.only_after) == (("b",), 1, 2)
    with pytest.raises(EstimateError, match="both sides"):
        contrast("Acc", {}, {}, [])


@pytest.mark.parametrize(
    ("draws", "stratum"),
    [
        ([(True, True)], "right"),
        ([(False, False)], "wrong"),
        ([(True, False)], "inconsistent"),
        ([(False, True)], "inconsistent"),
        ([(True, True), (False, False)], "inconsistent"),
        ([(True, True), (True, True)], "right"),
    ],
)
def test_a_question_is_right_or_wrong_where_every_draw_is(
    draws: list[tuple[bool, bool]], stratum: str
) -> None:
    assert stratum_of(draws) == stratum


def row(key: str, thinking: str | None, answer: str) -> Row:
    response = Response(key, key, ("Lima",), thinking, answer)
    return Row(key, key, key, ("Lima",), thinking, answer, judgments=exact_judgments(response))


BASE = [
    row("right", "Lima", "Lima"),
    row("wrong", "Quito", "Quito"),
    row("lost", "Lima", "Quito"),
    row("only base", "", ""),
]


def test_the_strata_are_the_bases_and_share_out_the_gain() -> None:
    after = [
        row("lost", "Lima", "Lima"),
        row("right", "Lima", "Lima"),
        row("wrong", "Lima", "Quito"),
        row("only here", "Lima", "Lima"),
    ]
    found = compare_rows("run 1", BASE, after)
    assert (found.questions, found.only_base, found.only_here) == (3, 1, 1)
    plain = {c.stratum: c for c in found.contrasts if c.figure == "Acc · plain"}
    assert {name: c.questions for name, c in plain.items()} == {
        "all": 3, "right": 1, "wrong": 1, "inconsistent": 1,
    }  # fmt: skip
    assert {name: c.difference for name, c in plain.items()} == {
        "all": pytest.approx(1 / 3), "right": 0.0, "wrong": 0.0, "inconsistent": 1.0,
    }  # fmt: skip


def test_an_arm_without_thinking_is_compared_by_its_answers_alone() -> None:
    """Acc of thinking is EM_t ∧ EM_a, Acc without is EM_a: they are not one figure."""
    after = [row("right", None, "Quito"), row("lost", None, "Lima")]
    found = compare_rows("run 1", BASE, after)
    assert {c.figure for c in found.contrasts} == {"EM_a · plain", "EM_a · squad"}
    assert {c.stratum for c in found.contrasts} == {"all", "right", "inconsistent"}


def test_other_tasks_have_no_figure_in_common() -> None:
    judged = [Row("right", "", "right", (), None, "", judgments={"truthful": True,
                                                                 "informative": True})]  # fmt: skip
    assert compare_rows("run 1", BASE, judged).contrasts == ()
