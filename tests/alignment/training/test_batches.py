"""Batches and mismatched pairs: complete, seeded, and never of one question."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignment.export.tokens import TokenizedExample
from alignment.training.batches import (
    BatchError,
    collate,
    group_steps,
    mismatched_example,
    mismatched_pairs,
    plan_batches,
)

pytestmark = pytest.mark.models

keys = st.lists(st.sampled_from("abcde"), min_size=2, max_size=30).filter(lambda k: len(set(k)) > 1)


@given(keys=keys, size=st.integers(1, 9), epochs=st.integers(1, 3), seed=st.integers(0, 99))
def test_each_epoch_takes_every_example_once_and_pairs_cross_questions(
    keys: list[str], size: int, epochs: int, seed: int
) -> None:
    plan = plan_batches(keys, size, epochs, seed)
    for epoch in range(epochs):
        drawn = [row for micro in plan if micro.epoch == epoch for row in micro.examples]
        assert sorted(drawn) == list(range(len(keys)))
    for micro in plan:
        assert [prompt for prompt, _ in micro.pairs] == list(micro.examples)
        assert all(keys[prompt] != keys[completion] for prompt, completion in micro.pairs)


@given(keys=keys, seed=st.integers(0, 99))
def test_pairs_are_a_derangement_of_the_batch_wherever_one_exists(
    keys: list[str], seed: int
) -> None:
    pairs = mismatched_pairs(range(len(keys)), keys, np.random.default_rng(seed))
    if 2 * max(Counter(keys).values()) <= len(keys):
        assert sorted(completion for _, completion in pairs) == list(range(len(keys)))


def test_a_batch_of_one_borrows_a_completion_of_another_question() -> None:
    plan = plan_batches(["a", "a", "b"], batch_size=1, epochs=2, seed=0)
    assert [len(micro.pairs) for micro in plan] == [1] * 6
    assert {micro.pairs[0] for micro in plan if micro.examples == (0,)} == {(0, 2)}


def test_the_seed_decides_and_epochs_differ() -> None:
    names = [str(number) for number in range(40)]
    plan = plan_batches(names, 4, 3, seed=7)
    assert plan == plan_batches(names, 4, 3, seed=7)
    assert plan != plan_batches(names, 4, 3, seed=8)
    assert plan[:10] == plan_batches(names, 4, 1, seed=7)
    assert [micro.examples for micro in plan[:10]] != [micro.examples for micro in plan[10:20]]


def test_one_question_alone_is_refused() -> None:
    with pytest.raises(BatchError, match="at least two questions"):
        plan_batches(["a", "a"], 2, 1, 0)


@pytest.mark.parametrize(("names", "size"), [([], 2), (["a", "b"], 0)])
def test_nothing_to_draw_is_refused(names: list[str], size: int) -> None:
    with pytest.raises(BatchError, match="at least one example"):
        plan_batches(names, size, 1, 0)


def test_steps_never_span_two_epochs() -> None:
    plan = plan_batches([str(n) for n in range(10)], 2, 2, 0)
    steps = group_steps(plan, 3)
    assert [len(step) for step in steps] == [3, 2, 3, 2]
    assert [micro for step in steps for micro in step] == list(plan)


def example(name: str, prompt: list[int], completion: list[int]) -> TokenizedExample:
    count = len(completion)
    return TokenizedExample(
        row_id=name,
        question_key=name,
        desirable=True,
        prompt_ids=np.array(prompt),
        completion_ids=np.array(completion),
        weights=np.linspace(0.5, 2.0, count, dtype=np.float32),
        segments=np.arange(count),
    )


def test_collating_pads_on_the_right_with_mask_and_weight_zero() -> None:
    batch = collate([example("a", [1, 2], [3, 4, 5]), example("b", [6], [7])], pad_id=9)
    assert batch.input_ids.tolist() == [[1, 2, 3, 4, 5], [6, 7, 9, 9, 9]]
    assert batch.attention_mask.tolist() == [[1] * 5, [1, 1, 0, 0, 0]]
    assert batch.completion_mask.int().tolist() == [[0, 0, 1, 1, 1], [0, 1, 0, 0, 0]]
    assert batch.token_weights.tolist() == [[0, 0, 0.5, 1.25, 2.0], [0, 0.5, 0, 0, 0]]
    assert batch.token_segments.tolist() == [[0, 0, 0, 1, 2], [0, 0, 0, 0, 0]]
    assert batch.to(torch.device("cpu")).token_weights.dtype == torch.float32


def test_a_mismatched_pair_is_one_prompt_with_anothers_completion_unweighted() -> None:
    first, second = example("a", [1, 2], [3, 4, 5]), example("b", [6], [7, 8, 9])
    pair = mismatched_example(first, second, max_tokens=10)
    assert pair.prompt_ids.tolist() == [1, 2] and pair.completion_ids.tolist() == [7, 8, 9]
    assert pair.weights.tolist() == [1.0, 1.0, 1.0]
    assert mismatched_example(first, second, max_tokens=4).completion_ids.tolist() == [7, 8]


def test_different_questions_are_paired_by_key_not_by_row() -> None:
    def partners(keys: list[str]) -> Any:
        return mismatched_pairs(range(4), keys, np.random.default_rng(0))

    assert all(
        {prompt, completion} != {0, 1} and {prompt, completion} != {2, 3}
        for prompt, completion in partners(["a", "a", "b", "b"])
    )
