"""Responses that were drawn are kept: a run that is cut short goes on, and draws nothing twice."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from alignment.policies import generation
from alignment.policies.decoding import Decoding
from alignment.policies.generation import Drawn, Message, draw
from alignment.policies.policy import Policy, load_policy
from alignment.sampling.kept_draws import KeptDraws, hash_adapter

pytestmark = pytest.mark.models

PROMPTS: Sequence[Sequence[Message]] = [[("user", f"What is number {n}?")] for n in range(5)]
DECODING = Decoding(temperature=1.0, max_new_tokens=6, batch_size=2)


@pytest.fixture(scope="module")
def policy(tiny_policy_folder: Path) -> Policy:
    return load_policy(tiny_policy_folder, device="cpu")


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that the policy drew."""
    sizes: list[int] = []
    really = generation._batch

    def counted(*arguments: object) -> list[Drawn]:
        drawn = really(*arguments)  # type: ignore[arg-type]
        sizes.append(len(drawn))
        return drawn

    monkeypatch.setattr(generation, "_batch", counted)
    return sizes


def test_a_run_that_was_cut_short_goes_on(
    policy: Policy, engine: sa.Engine, batches: list[int]
) -> None:
    """And gives what a run without a break gives."""
    kept = KeptDraws(engine, "tiny", "weights", DECODING)
    whole = draw(policy, PROMPTS, DECODING)
    assert batches == [2, 2, 1]

    def stop(done: int, _total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(policy, PROMPTS, DECODING, stop, kept)
    assert draw(policy, PROMPTS, DECODING, kept=kept) == whole
    assert batches == [2, 2, 1, 2, 2, 1], "the second run drew its last batch only"


def test_what_decides_a_response_decides_whether_it_is_kept(
    policy: Policy, engine: sa.Engine, batches: list[int]
) -> None:
    """Other weights, another seed or other neighbours in the batch are drawn anew."""
    draw(policy, PROMPTS, DECODING, kept=KeptDraws(engine, "tiny", "weights", DECODING))
    batches.clear()
    draw(policy, PROMPTS, DECODING, kept=KeptDraws(engine, "tiny", "others", DECODING))
    seeded = replace(DECODING, seed=1)
    draw(policy, PROMPTS, seeded, kept=KeptDraws(engine, "tiny", "weights", seeded))
    draw(policy, PROMPTS[1:], DECODING, kept=KeptDraws(engine, "tiny", "weights", DECODING))
    assert batches == [2, 2, 1, 2, 2, 1, 2, 2]


def test_an_adapter_is_part_of_the_weights(tmp_path: Path) -> None:
    """Two adapters on one base are two policies."""
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"one")
    first = hash_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"two")
    assert hash_adapter(None) == "" != first != hash_adapter(tmp_path)
