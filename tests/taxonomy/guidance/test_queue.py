"""Answers correct the rows that are like them, and the queue asks where that pays."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from taxonomy.guidance.answers import SPEAKERS, Answers, as_shares
from taxonomy.guidance.queue import (
    Outlook,
    foresee,
    look_ahead,
    rank_questions,
    weigh_rows,
    weigh_stakes,
)
from taxonomy.guidance.spreading import Guess
from taxonomy.labels.embedding import Vectors, unit

GROUPS, EACH = 6, 20


def draw(seed: int = 0) -> tuple[Vectors, NDArray[np.int64]]:
    """Six tight groups of rows; the true category of each is the group's parity."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(GROUPS), EACH)
    centres = unit(random.normal(size=(GROUPS, 32)).astype(np.float32))
    noise = 0.05 * random.normal(size=(GROUPS * EACH, 32)).astype(np.float32)
    return unit(centres[group] + noise), group


def unsure(rows: int) -> Guess:
    return Guess(np.tile([0.55, 0.45], (rows, 1)), np.full(rows, 0.02))


def start(seed: int = 0, error_rate: float = 0.05) -> tuple[Answers, NDArray[np.int64]]:
    vectors, group = draw(seed)
    return Answers(vectors, as_shares(unsure(len(vectors))), error_rate), group


def test_without_answers_the_guess_is_unchanged() -> None:
    answers, _ = start()
    before = unsure(GROUPS * EACH)
    np.testing.assert_allclose(answers.learn().guess.probabilities, before.probabilities)
    np.testing.assert_allclose(answers.learn().guess.noise, before.noise)


def test_an_answer_corrects_its_group_and_leaves_distant_rows() -> None:
    answers, group = start()
    answers.give(int(np.flatnonzero(group == 1)[0]), 1)
    found = answers.learn().guess.probabilities.argmax(axis=1)
    assert (found[group == 1] == 1).all()
    assert (found[group != 1] == 0).all()


def test_an_answer_of_noise_raises_the_noise_of_its_group_alone() -> None:
    answers, group = start()
    answers.give(int(np.flatnonzero(group == 2)[0]), answers.noise)
    noise = answers.learn().guess.noise
    assert noise[group == 2].min() > 0.25
    assert noise[group != 2].max() < 0.05


def test_the_order_of_answers_does_not_matter() -> None:
    given = [(3, 0), (25, 1), (3, 1), (70, 2)]
    one, other = start()[0], start()[0]
    for row, answer in given:
        one.give(row, answer)
    for row, answer in [given[3], given[0], given[2], given[1]]:
        other.give(row, answer)
    np.testing.assert_allclose(
        one.learn().guess.probabilities, other.learn().guess.probabilities, atol=1e-9
    )


def test_an_answer_that_is_withdrawn_leaves_nothing() -> None:
    answers, _ = start()
    answers.give(5, 1)
    answers.withdraw(5)
    assert not answers.given
    np.testing.assert_allclose(answers.learn().trust, 1.0)


@pytest.mark.parametrize(("row", "answer"), [(-1, 0), (GROUPS * EACH, 0), (0, 3), (0, -1)])
def test_answers_about_what_is_not_there_are_refused(row: int, answer: int) -> None:
    with pytest.raises(ValueError, match="expected a"):
        start()[0].give(row, answer)


def test_an_answer_against_all_its_neighbours_is_doubted_and_asked_again() -> None:
    answers, group = start()
    rows = np.flatnonzero(group == 3)
    for row in rows[:12].tolist():
        answers.give(row, 1)
    answers.give(int(rows[12]), 0)
    learned = answers.learn()
    assert learned.trust[rows[12]] < 0.5 < learned.trust[rows[:12]].min()
    # Its group is settled, so the odd answer is worth more than any other row of the group.
    weights = weigh_rows(np.arange(len(group)), [1] * len(group))
    asked = [each for each in rank_questions(answers, learned, weights, 200) if each.again]
    assert asked[0].row == rows[12]


def test_the_first_questions_go_to_different_groups() -> None:
    answers, group = start()
    weights = weigh_rows(np.arange(len(group)), [1] * len(group))
    asked = []
    for _ in range(GROUPS):
        question = rank_questions(answers, answers.learn(), weights, 1)[0]
        answers.give(question.row, int(group[question.row]) % 2)
        asked.append(int(group[question.row]))
    assert sorted(asked) == list(range(GROUPS))


def test_among_equals_the_label_of_most_instances_is_asked_first() -> None:
    answers, group = start()
    instances = [1] * len(group)
    instances[47] = 500
    weights = weigh_rows(np.arange(len(group)), instances)
    assert rank_questions(answers, answers.learn(), weights, 1)[0].row == 47


def test_a_row_is_shown_by_its_most_frequent_label() -> None:
    weights = weigh_rows(np.array([0, 1, 0, 1]), [3, 2, 9, 2])
    assert weights.lead.tolist() == [2, 1]
    assert weights.share.sum() == pytest.approx(1.0)


def test_answers_raise_what_is_expected_to_be_right_until_more_no_longer_pays() -> None:
    answers, group = start()
    weights = weigh_rows(np.arange(len(group)), [1] * len(group))

    def look() -> Outlook:
        learned = answers.learn()
        return look_ahead(learned, weights, weigh_stakes(answers, learned, weights))

    first = look()
    assert first.pays and first.expected_right < 0.6 < first.expected_after <= 1.0
    for row in range(0, len(group), 2):
        answers.give(row, int(group[row]) % 2)
    last = look()
    assert last.expected_right > 0.9
    gain, earlier = (each.expected_after - each.expected_right for each in (last, first))
    assert gain < earlier / 5


def test_the_next_answers_gain_less_and_less_and_at_most_all_that_is_lost() -> None:
    """Six groups: six answers gain nearly everything that twenty do."""
    answers, group = start()
    learned, weights = answers.learn(), weigh_rows(np.arange(len(group)), [1] * len(group))
    stakes = weigh_stakes(answers, learned, weights)
    gains = foresee(stakes, 20)
    assert gains[0] == pytest.approx(stakes.gains().max(), rel=1e-5)
    assert all(later <= sooner * 1.001 for sooner, later in pairwise(gains))
    assert sum(gains) <= stakes.losing.sum() * 1.001
    assert sum(gains[:6]) > 0.7 * sum(gains)


def test_of_many_answers_those_that_surprise_are_heard_and_some_that_agree() -> None:
    """Half of each; whatever the order that they came in."""
    rows = SPEAKERS + 200
    before = np.tile([0.9, 0.05, 0.05], (rows, 1))
    vectors = unit(np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32))
    surprising = set(range(0, rows, 8))
    given = {row: [1 if row in surprising else 0] for row in range(rows)}
    heard = Answers(vectors, before, given=given).speakers().tolist()
    assert len(heard) == SPEAKERS and surprising <= set(heard)
    turned = dict(reversed(given.items()))
    assert Answers(vectors, before, given=turned).speakers().tolist() == heard
