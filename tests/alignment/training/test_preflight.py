"""What a training run would do is known, and refused, before a weight is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alignment.policies.policy import PolicyError, load_policy, prepare_tuning
from alignment.training import preflight
from alignment.training.preflight import check_training
from alignment.training.recipe import TrainingConfig, TrainingError

pytestmark = pytest.mark.models

MakeExport = Callable[[Sequence[Any]], Path]


@pytest.fixture
def config(tiny_policy_folder: Path) -> TrainingConfig:
    return TrainingConfig(policy=str(tiny_policy_folder), device="cpu", lora_r=4, lambda_r=None)


@pytest.fixture
def export(make_export: MakeExport, make_record: Any) -> Path:
    return make_export([make_record(number) for number in range(8)])


def test_sizes_are_those_of_the_model_that_training_loads(
    export: Path, config: TrainingConfig
) -> None:
    checked = check_training(export, config, processes=2)
    model = load_policy(config.policy, device="cpu").model
    assert checked.parameters == model.num_parameters()
    adapted = prepare_tuning(model, "lora", 4)
    assert checked.trainable == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert checked.has_template and checked.memory.there > 0
    assert len(checked.prepared.steps) == 3, "two micro-batches of 2 × 2 rows in each epoch"
    assert checked.prepared.config.lambda_r == 2.0


def test_what_cannot_fit_is_refused_and_what_is_tight_is_warned_about(
    export: Path, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_memory_there", lambda device: (1, 10**9))
    assert "gradient_checkpointing" in check_training(export, config).warnings[-1]
    monkeypatch.setattr(preflight, "_memory_there", lambda device: (1, 10))
    with pytest.raises(TrainingError, match="smaller policy, tuning lora"):
        check_training(export, replace(config, tuning="full"))


def test_a_policy_that_is_none_and_a_loss_without_pairs_are_refused(
    export: Path, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hollow").mkdir()
    with pytest.raises(PolicyError, match="could be opened"):
        check_training(export, replace(config, policy=str(tmp_path / "hollow")))
    with pytest.raises(PolicyError, match="does not exist"):
        check_training(export, replace(config, policy="./nowhere"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PolicyError, match="the package bitsandbytes"):
        check_training(export, replace(config, tuning="qlora"))
