"""Interrupted and resumed, or spread over processes, a run gives the losses of one in one go."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alignment.training.checkpoints import read_state
from alignment.training.course import Observer, train_from_export
from alignment.training.launching import Recipe, launch_arguments, write_recipe
from alignment.training.recipe import StepMetrics, TrainingConfig, TrainingError, TrainingResult

pytestmark = pytest.mark.models

MakeExport = Callable[[Sequence[Any]], Path]


class PowerCut(Exception):
    """The machine went away."""


@pytest.fixture
def config(tiny_policy_folder: Path) -> TrainingConfig:
    return TrainingConfig(
        policy=str(tiny_policy_folder), device="cpu", learning_rate=1e-3, batch_size=2,
        accumulation=2, lora_r=4, epochs=3, moving_z0=True, save_every=2,
    )  # fmt: skip


@pytest.fixture
def export(make_export: MakeExport, make_record: Any) -> Path:
    folder = make_export([make_record(number) for number in range(7)])
    held_back = "".join(json.dumps(make_record(number)) + "\n" for number in (7, 8))
    (folder / "validation.jsonl").write_text(held_back, encoding="utf-8")
    return folder


def curve(result: TrainingResult) -> list[tuple[Any, ...]]:
    return [(s.step, s.loss, s.z0, s.margin, s.grad_norm, s.learning_rate, s.validation_loss)
            for s in result.steps]  # fmt: skip


def weights(result: TrainingResult) -> bytes:
    return (result.checkpoint / "adapter_model.safetensors").read_bytes()


def cut_at(step: int) -> Observer:
    def on_step(metrics: StepMetrics) -> None:
        if metrics.step == step:
            raise PowerCut

    return Observer(on_step=on_step)


def test_a_resumed_run_is_the_uninterrupted_one_exactly(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    whole = train_from_export(export, tmp_path / "whole", config)
    with pytest.raises(PowerCut):
        train_from_export(export, tmp_path / "cut", config, cut_at(3))
    seen: list[int] = []
    observer = Observer(on_step=lambda metrics: seen.append(metrics.step))
    resumed = train_from_export(export, tmp_path / "cut", config, observer, resume=True)
    assert seen == [3, 4, 5, 6]
    assert curve(resumed) == curve(whole) and weights(resumed) == weights(whole)
    mean = read_state(whole.checkpoint)["moving_mean"]
    assert read_state(resumed.checkpoint)["moving_mean"] == mean != 0.0
    assert not (tmp_path / "cut" / "progress").exists()


def test_a_run_is_resumed_with_its_own_settings_and_rows_only(
    export: Path, tmp_path: Path, config: TrainingConfig, make_record: Any, make_export: MakeExport
) -> None:
    with pytest.raises(PowerCut):
        train_from_export(export, tmp_path / "out", config, cut_at(3))
    with pytest.raises(TrainingError, match="other settings"):
        train_from_export(export, tmp_path / "out", replace(config, beta=0.2), resume=True)
    heavier = make_export([make_record(number, weights=(2.0, 1.0, 1.0)) for number in range(7)])
    with pytest.raises(TrainingError, match="other settings, rows"):
        train_from_export(heavier, tmp_path / "out", config, resume=True)
    (tmp_path / "out" / "progress" / "progress.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match="broken"):
        train_from_export(export, tmp_path / "out", config, resume=True)


def test_two_processes_give_the_losses_of_one(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    """A micro-batch of four is one process's, or two processes' of two each."""
    several = replace(config, max_steps=3, save_every=0, accumulation=1)
    alone = train_from_export(export, tmp_path / "alone", replace(several, batch_size=4))
    recipe = Recipe(export, tmp_path / "two", several, processes=2)
    arguments = launch_arguments(recipe, write_recipe(recipe), resume=False)
    beside = Path(__file__).with_name("beside.py")
    ended = subprocess.run(
        [*arguments[: arguments.index("-m", 2) + 0], str(beside), str(recipe.output)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert arguments[0] == sys.executable
    together = read_state(tmp_path / "two" / "checkpoint")
    assert together["processes"] == 2
    for one, two in zip(alone.steps, together["steps"], strict=True):
        assert two["loss"] == pytest.approx(one.loss, abs=2e-6)
        assert two["z0"] == pytest.approx(one.z0, abs=1e-4)
        assert two["grad_norm"] == pytest.approx(one.grad_norm, rel=1e-3)
        assert two["validation_loss"] == pytest.approx(one.validation_loss, abs=1e-5)
        assert two["tokens"] == one.tokens
