"""Sampling from a policy that learned one conversation by heart."""

from dataclasses import replace
from pathlib import Path

import pytest

from alignment.policies.decoding import Decoding, DecodingError
from alignment.policies.generation import GenerationError, generate
from alignment.policies.policy import Policy, load_policy
from alignment.policies.tiny import build_tiny_policy, conversation

pytestmark = pytest.mark.models

PROMPT = [("user", "What is the capital of Peru?")]
SHORT = [("user", "Peru?")]
COMPLETION = "<think>\nIt is Lima.\n</think>\n\n<answer>Lima</answer>"
GREEDY = Decoding(temperature=0, max_new_tokens=60)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    texts = [conversation(PROMPT, COMPLETION), conversation(SHORT, COMPLETION)] * 20
    folder = tmp_path_factory.mktemp("learned")
    return load_policy(build_tiny_policy(texts, folder, seed=0, pretrain_steps=120), device="cpu")


def test_a_learned_response_comes_back_with_its_tags_and_ends(learned: Policy) -> None:
    assert generate(learned, [PROMPT], GREEDY) == [COMPLETION]


def test_prompts_of_unlike_length_share_a_batch(learned: Policy) -> None:
    together = generate(learned, [PROMPT, SHORT], GREEDY)
    apart = generate(learned, [PROMPT, SHORT], replace(GREEDY, batch_size=1))
    assert together == apart == [COMPLETION, COMPLETION]


def test_a_prefilled_think_tag_opens_the_response(learned: Policy) -> None:
    template = str(learned.tokenizer.chat_template)
    opened = template.replace("assistant\\n", "assistant\\n<think>\\n")
    assert opened != template
    try:
        learned.tokenizer.chat_template = opened
        assert generate(learned, [PROMPT], GREEDY) == [COMPLETION]
    finally:
        learned.tokenizer.chat_template = template


def test_the_seed_decides_what_is_drawn(tiny_policy_folder: Path) -> None:
    policy = load_policy(tiny_policy_folder, device="cpu")
    warm = Decoding(temperature=1.5, max_new_tokens=8, seed=3)
    first = generate(policy, [PROMPT, SHORT], warm)
    assert first == generate(policy, [PROMPT, SHORT], warm)
    assert first != generate(policy, [PROMPT, SHORT], replace(warm, seed=4))


def test_progress_counts_responses(learned: Policy) -> None:
    seen: list[tuple[int, int]] = []
    generate(
        learned,
        [PROMPT] * 3,
        replace(GREEDY, batch_size=2),
        lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2, 3), (3, 3)]


def test_a_prompt_that_fills_the_context_is_refused(learned: Policy) -> None:
    with pytest.raises(GenerationError, match="no room"):
        generate(learned, [[("user", "Peru " * 5000)]], GREEDY)


@pytest.mark.parametrize(
    "change", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_k": -1}, {"max_new_tokens": 0}]
)
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(DecodingError, match="Expected"):
        replace(GREEDY, **change)  # type: ignore[arg-type]
