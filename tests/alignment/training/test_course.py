"""Training on a real (tiny) policy: the identity at the start, determinism, refusals, effects."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from alignment.export.rows import ExportFolderError
from alignment.policies.policy import PolicyError, adapter_base, add_lora, load_policy
from alignment.training.checkpoints import read_state, write_checkpoint
from alignment.training.course import (
    Observer,
    StepMetrics,
    TrainingConfig,
    TrainingError,
    TrainingResult,
    train_from_export,
)
from alignment.training.trainer import Trainer, learning_rate

pytestmark = pytest.mark.models

MakeExport = Callable[[Sequence[Any]], Path]


@pytest.fixture
def config(tiny_policy_folder: Path) -> TrainingConfig:
    return TrainingConfig(
        policy=str(tiny_policy_folder),
        device="cpu",
        learning_rate=1e-3,
        batch_size=4,
        accumulation=1,
        lora_r=4,
        max_steps=3,
    )


@pytest.fixture
def export(make_export: MakeExport, make_record: Any) -> Path:
    return make_export([make_record(number) for number in range(8)])


def losses(result: TrainingResult) -> list[float]:
    return [step.loss for step in result.steps]


def test_the_first_loss_is_half_the_mean_lambda(
    export: Path, tmp_path: Path, config: TrainingConfig, make_record: Any, make_export: MakeExport
) -> None:
    """Three desirable and one undesirable example at λ_r = 1.5 give 0.5625."""
    folder = make_export([make_record(number) for number in (0, 1, 2, 3)])
    result = train_from_export(folder, tmp_path, replace(config, max_steps=1))
    assert result.steps[0].loss == pytest.approx(0.5625, abs=1e-6)
    assert result.steps[0].z0 == pytest.approx(0.0, abs=1e-4)
    assert result.steps[0].margin == pytest.approx(0.0, abs=1e-4)


def test_training_separates_the_polarities(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    result = train_from_export(
        export, tmp_path, replace(config, epochs=20, max_steps=None, accumulation=2)
    )
    first, last = result.steps[0], result.steps[-1]
    assert first.margin is not None and last.margin is not None
    assert last.loss < first.loss - 0.05
    assert last.margin > first.margin + 1
    assert [step.epoch for step in result.steps] == list(range(1, 21))


def test_the_same_seed_gives_the_same_losses_and_another_does_not(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    first = train_from_export(export, tmp_path / "a", config)
    again = train_from_export(export, tmp_path / "b", config)
    other = train_from_export(export, tmp_path / "c", replace(config, seed=1))
    assert losses(first) == losses(again) != losses(other)
    saved = [(r.checkpoint / "adapter_model.safetensors").read_bytes() for r in (first, again)]
    assert saved[0] == saved[1]


def test_weights_steer_training_and_uniform_weights_switch_them_off(
    export: Path,
    tmp_path: Path,
    config: TrainingConfig,
    make_record: Any,
    make_export: MakeExport,
) -> None:
    weighted = train_from_export(export, tmp_path / "a", config)
    uniform = train_from_export(export, tmp_path / "b", replace(config, uniform_weights=True))
    ones = make_export([make_record(number, weights=[1.0] * 3) for number in range(8)])
    by_export = train_from_export(ones, tmp_path / "c", config)
    assert losses(uniform) == losses(by_export) != losses(weighted)
    assert uniform.weights["mean"] == 1.0 and weighted.weights["max"] == 2.0


def test_padding_and_accumulation_leave_the_reference_at_the_policy(
    export: Path, tmp_path: Path, config: TrainingConfig, make_record: Any, make_export: MakeExport
) -> None:
    """Before the first update, rewards are 0 whatever lengths share a batch."""
    records = [make_record(number, words=4 + 9 * (number % 4)) for number in range(8)]
    folder = make_export(records)
    result = train_from_export(
        folder, tmp_path, replace(config, batch_size=3, accumulation=3, max_steps=1)
    )
    step = result.steps[0]
    assert step.reward_desirable == pytest.approx(0.0, abs=1e-4)
    assert step.reward_undesirable == pytest.approx(0.0, abs=1e-4)


def test_the_checkpoint_holds_adapter_tokenizer_and_provenance(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    result = train_from_export(export, tmp_path, config)
    assert adapter_base(result.checkpoint) == config.policy
    policy = load_policy(config.policy, device="cpu", adapter=result.checkpoint)
    ids = torch.arange(10)[None]
    with torch.no_grad():
        adapted = policy.model(input_ids=ids).logits
        with policy.model.disable_adapter():
            assert not torch.equal(adapted, policy.model(input_ids=ids).logits)
    state = read_state(result.checkpoint)
    assert state["taxonomy_hash"] == result.taxonomy_hash == "0123abcd"
    assert state["config"]["lambda_r"] == 1.5
    assert [step["loss"] for step in state["steps"]] == losses(result)
    assert (result.checkpoint / "tokenizer.json").is_file()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_failed_write_leaves_the_earlier_checkpoint(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    result = train_from_export(export, tmp_path, config)
    before = (result.checkpoint / "adapter_model.safetensors").read_bytes()
    policy = load_policy(config.policy, device="cpu")
    policy = replace(policy, model=add_lora(policy.model, r=4))
    with pytest.raises(ValueError, match="JSON"):
        write_checkpoint(result.checkpoint, policy, {"loss": float("nan")})
    assert (result.checkpoint / "adapter_model.safetensors").read_bytes() == before
    write_checkpoint(result.checkpoint, policy, {"again": True})
    assert read_state(result.checkpoint) == {"again": True}
    assert [p.name for p in result.checkpoint.parent.iterdir() if p.name.startswith(".")] == []


def test_every_step_is_reported_as_it_ends(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    seen: list[StepMetrics] = []
    scored: list[tuple[int, int]] = []
    observer = Observer(
        on_step=seen.append, on_reference=lambda done, total: scored.append((done, total))
    )
    result = train_from_export(export, tmp_path, config, observer)
    assert tuple(seen) == result.steps
    assert [step.step for step in seen] == [1, 2, 3] and seen[0].steps == 3
    assert scored[-1][0] == scored[-1][1] and scored == sorted(scored)
    assert result.tokens == sum(step.tokens for step in seen) > 0


def test_overlong_rows_are_thinned_and_counted(
    tmp_path: Path, config: TrainingConfig, make_record: Any, make_export: MakeExport
) -> None:
    long = make_record(9, weights=[1.0] * 12, words=30)
    folder = make_export([make_record(1), make_record(2), long])
    result = train_from_export(folder, tmp_path, replace(config, max_tokens=400))
    assert result.counts["thinned"] == 1 and result.counts["dropped_long"] == 0
    assert result.counts["rows"] == result.counts["trained_on"] == 3


def test_rows_that_all_fail_to_fit_are_refused_with_their_count(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    with pytest.raises(TrainingError, match="8 are longer than 20 tokens"):
        train_from_export(export, tmp_path / "out", replace(config, max_tokens=20))
    assert not (tmp_path / "out").exists()


def test_one_polarity_and_a_lopsided_balance_are_warned_about(
    tmp_path: Path, config: TrainingConfig, make_record: Any, make_export: MakeExport
) -> None:
    only = make_export([make_record(number) for number in (0, 1)])
    assert "desirable" in train_from_export(only, tmp_path, config).warnings[0]
    mixed = make_export([make_record(number) for number in (0, 1, 2)])
    result = train_from_export(mixed, tmp_path, config)
    assert result.warnings == ()
    lopsided = train_from_export(mixed, tmp_path, replace(config, lambda_r=4.0))
    assert "λ_r from 1.33 to 2.00" in lopsided.warnings[0]


def test_a_moving_z0_starts_at_zero_and_lags(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    longer = replace(config, epochs=5, max_steps=10)
    batch = train_from_export(export, tmp_path / "a", longer)
    moving = train_from_export(export, tmp_path / "b", replace(longer, moving_z0=True))
    assert moving.steps[0].z0 == pytest.approx(0.0, abs=1e-5)
    assert losses(batch)[0] == losses(moving)[0] and losses(batch) != losses(moving)
    assert read_state(moving.checkpoint)["moving_mean"] != 0.0


def test_an_export_or_a_policy_that_is_missing_is_refused(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    with pytest.raises(ExportFolderError, match="mralign export"):
        train_from_export(tmp_path / "nowhere", tmp_path / "out", config)
    with pytest.raises(PolicyError, match="does not exist"):
        train_from_export(export, tmp_path / "out", replace(config, policy="./nowhere"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("beta", 0), ("learning_rate", -1e-6), ("max_steps", 0), ("warmup_share", 1.0)],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(TrainingError, match=name):
        TrainingConfig(policy="p", **{name: value})  # type: ignore[arg-type]


def test_the_rate_rises_over_the_warm_up_and_falls_to_a_last_step_above_zero() -> None:
    rates = [learning_rate(step, 20, 1.0, 0.1) for step in range(1, 21)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(1 / 18)
    assert learning_rate(1, 1, 1.0, 0.0) == 1.0


def test_a_diverging_run_stops_and_says_why(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    with pytest.raises(TrainingError, match="lower learning_rate"):
        train_from_export(
            export, tmp_path / "out", replace(config, learning_rate=1e30, warmup_share=0.0)
        )
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_the_result_is_plain_data_for_a_run_row(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    from dataclasses import asdict

    text = json.dumps(asdict(train_from_export(export, tmp_path, config)), default=str)
    assert json.loads(text)["counts"]["trained_on"] == 8


def test_the_rate_of_a_step_stands_before_its_gradients_come(
    export: Path, tmp_path: Path, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DeepSpeed updates the weights with the last gradient, before the loop is asked."""
    seen: list[float] = []
    run = Trainer.run

    def watched(trainer: Trainer, *arguments: Any, **named: Any) -> Any:
        seen.append(trainer.optimizer.param_groups[0]["lr"])
        return run(trainer, *arguments, **named)

    monkeypatch.setattr(Trainer, "run", watched)
    result = train_from_export(export, tmp_path, replace(config, warmup_share=0.6))
    assert seen == [step.learning_rate for step in result.steps]
    assert len(set(seen)) > 1


def test_the_same_bits_on_request_are_the_ones_that_a_processor_gives_anyway(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    plain = train_from_export(export, tmp_path / "plain", config)
    asked = train_from_export(export, tmp_path / "asked", replace(config, deterministic=True))
    assert losses(asked) == losses(plain)
    assert not torch.are_deterministic_algorithms_enabled()
    assert plain.peak_memory_bytes is None and plain.distributed == "NO"
