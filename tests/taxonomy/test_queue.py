"""Answers correct the rows that are like them, and the queue asks where that pays."""

import numpy as np
import pytest
from numpy.typing import NDArray

from taxonomy.answers import Answers, as_shares
from taxonomy.embedding import Vectors, unit
from taxonomy.queue import look_ahead, rank_questions, weigh_rows
from taxonomy.spreading import Guess

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
    first = look_ahead(answers.learn(), weights, rank_questions(answers, answers.learn(), weights))
    for row in range(0, len(group), 2):
        answers.give(row, int(group[row]) % 2)
    last = look_ahead(answers.learn(), weights, rank_questions(answers, answers.learn(), weights))
    assert first.pays and first.expected_right < 0.6
    assert last.expected_right > 0.9 and last.next_gain < first.next_gain / 20
