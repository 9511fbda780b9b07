"""Every option of training does what its name says, on a tiny policy."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from alignment.export.rows import WeightedSpan
from alignment.policies.logprobs import Scorer, token_logprobs
from alignment.policies.policy import load_policy, prepare_tuning
from alignment.training.course import train_from_export
from alignment.training.losses import estimate_z0, mr_align_loss
from alignment.training.processes import check_trackers
from alignment.training.recipe import TrainingConfig, TrainingError, TrainingResult, config_from

pytestmark = pytest.mark.models

MakeExport = Callable[[Sequence[Any]], Path]


@pytest.fixture
def config(tiny_policy_folder: Path) -> TrainingConfig:
    return TrainingConfig(
        policy=str(tiny_policy_folder), device="cpu", learning_rate=1e-3, batch_size=4,
        accumulation=1, lora_r=4, max_steps=2,
    )  # fmt: skip


@pytest.fixture
def export(make_export: MakeExport, make_record: Any) -> Path:
    return make_export([make_record(number) for number in range(8)])


def losses(result: TrainingResult) -> list[float]:
    return [step.loss for step in result.steps]


def test_policy_equal_to_reference_is_half_of_mean_lambda_exactly_in_one_forward(
    tiny_policy_folder: Path,
) -> None:
    policy = load_policy(tiny_policy_folder, device="cpu")
    model = prepare_tuning(policy.model, "lora", 4)
    ids, mask = torch.arange(64).reshape(4, 16) + 20, torch.ones(4, 16, dtype=torch.bool)
    mask[:, :5] = False
    with torch.no_grad():
        now = token_logprobs(model, ids, mask)
        with model.disable_adapter():
            reference = token_logprobs(model, ids, mask)
    pairs = estimate_z0(now.sum(1), reference.sum(1))
    good = torch.tensor([True, True, True, False])
    weights = torch.rand(4, 16) + 0.5
    assert mr_align_loss(now, reference, weights, mask, good, pairs)[0].item() == 0.5625


def test_how_a_step_is_cut_into_forwards_does_not_matter(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    found = [
        train_from_export(export, tmp_path / str(n), replace(config, forward_tokens=n))
        for n in (1, 100_000)
    ]
    assert losses(found[0]) == pytest.approx(losses(found[1]), abs=2e-6)
    norms = [[step.grad_norm for step in each.steps] for each in found]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


def test_accumulated_micro_batches_keep_their_own_z0(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    """A step of two micro-batches has the mean of their losses, not one of their union."""
    longer = replace(config, max_steps=4, epochs=4, learning_rate=5e-2, warmup_share=0.0)
    two = train_from_export(export, tmp_path / "2", replace(longer, batch_size=2, accumulation=2))
    one = train_from_export(export, tmp_path / "1", longer)
    assert two.steps[0].loss != one.steps[1].loss
    assert any(step.z0 > 0 for step in two.steps)


def test_apo_zero_takes_no_pairs_and_no_z0(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    found = train_from_export(export, tmp_path, replace(config, loss="apo_zero", batch_size=8))
    assert [step.z0 for step in found.steps] == [0.0, 0.0]
    assert found.steps[0].loss == pytest.approx(0.5625, abs=1e-5), "six at 1 and two at 1.5"


def test_sft_learns_the_desirable_rows_alone_at_its_own_rate(
    export: Path, tmp_path: Path, config: TrainingConfig, tiny_policy_folder: Path
) -> None:
    quiet = replace(config, loss="sft", learning_rate=None, epochs=4, max_steps=None)
    assert quiet.peak_rate == 1e-4 and replace(quiet, loss="kto").peak_rate == 5e-6
    found = train_from_export(export, tmp_path / "a", replace(quiet, learning_rate=1e-2))
    assert found.counts["undesirable"] == 0 and found.counts["trained_on"] < found.counts["rows"]
    first, last = found.steps[0], found.steps[-1]
    assert last.loss < first.loss - 0.1
    assert first.margin is None and not (tmp_path / "a" / "reference").exists()
    assert first.loss == pytest.approx(6.2, abs=0.8), "nats a token of an untrained policy"


def test_full_tuning_trains_and_writes_every_weight(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    found = train_from_export(export, tmp_path, replace(config, tuning="full"))
    assert found.trainable_parameters > 100_000
    assert found.steps[0].margin == pytest.approx(0.0, abs=1e-4)
    before = load_policy(config.policy, device="cpu").model.get_output_embeddings().weight
    after = load_policy(found.checkpoint, device="cpu").model.get_output_embeddings().weight
    assert not torch.equal(before, after)


def test_gradient_checkpointing_changes_memory_and_no_loss(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    plain = train_from_export(export, tmp_path / "a", config)
    again = train_from_export(export, tmp_path / "b", replace(config, gradient_checkpointing=True))
    assert losses(again) == pytest.approx(losses(plain), abs=1e-6)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_bfloat16_starts_at_the_identity_within_its_tolerance(
    export: Path, tmp_path: Path, config: TrainingConfig, tuning: str
) -> None:
    lower = replace(config, dtype="bfloat16", tuning=tuning)
    found = train_from_export(export, tmp_path, lower)
    assert found.steps[0].reward_desirable == pytest.approx(0.0, abs=0.5)
    assert all(0 < loss < 1.5 for loss in losses(found))


def test_an_adapter_learns_on_weights_of_four_bits(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    """The base is packed and never moves; what is saved is an adapter that loads on it."""
    found = train_from_export(export, tmp_path / "out", replace(config, tuning="qlora"))
    assert found.steps[0].reward_desirable == pytest.approx(0.0, abs=1e-4)
    assert len(set(losses(found))) > 1, "the adapter moved"
    packed = load_policy(config.policy, device="cpu", adapter=found.checkpoint, four_bit=True)
    kinds = {type(module).__name__ for module in packed.model.modules()}
    assert "Linear4bit" in kinds and packed.model.peft_config


def test_dropout_is_off_so_that_policy_and_reference_stay_comparable(
    tiny_policy_folder: Path,
) -> None:
    model = load_policy(tiny_policy_folder, device="cpu").model
    model.model.layers[0].self_attn.attention_dropout = 0.5
    tuned = prepare_tuning(model, "lora", 4, checkpointing=True).train()
    ids, mask = torch.arange(30)[None], torch.ones(1, 30, dtype=torch.bool)
    mask[:, 0] = False
    scorer = Scorer(tuned, chunked=True)
    assert torch.equal(scorer(ids, mask), scorer(ids, mask))


def test_lambda_r_is_chosen_from_the_counts_where_none_is_set(
    tmp_path: Path, config: TrainingConfig, make_record: Any, make_export: MakeExport
) -> None:
    folder = make_export([make_record(number) for number in (0, 1, 3, 4, 6, 7, 2)])
    found = train_from_export(folder, tmp_path, replace(config, lambda_r=None))
    assert found.lambda_r == 4.0 and found.warnings == ()


def test_clip_narrows_and_widens_the_exports_weights() -> None:
    span = WeightedSpan(0, 3, 2.718, clipped=True, ratio=7.0)
    assert span.reclipped(5.0).weight == 5.0 and span.reclipped(5.0).clipped
    assert span.reclipped(9.0).weight == 7.0 and not span.reclipped(9.0).clipped
    assert WeightedSpan(0, 3, 0.2).reclipped(2.0).weight == 0.5


def test_the_reference_is_scored_once_and_found_again(
    export: Path, tmp_path: Path, config: TrainingConfig
) -> None:
    shared = replace(config, reference_cache=str(tmp_path / "shared"))
    scored: list[int] = []

    def train(name: str, setting: TrainingConfig) -> TrainingResult:
        from alignment.training.course import Observer

        scored.append(0)
        observer = Observer(on_reference=lambda done, total: scored.__setitem__(-1, total))
        return train_from_export(export, tmp_path / name, setting, observer)

    first = train("a", shared)
    again = train("b", shared)
    train("c", replace(shared, epochs=6, max_steps=12, beta=0.2))
    train("d", replace(shared, max_tokens=300))
    assert losses(first) == losses(again)
    assert scored[0] == 16 and scored[1] == 0, "8 rows and as many pairs, then none"
    assert 0 < scored[2] < 48, "only the pairs of the epochs that are new"
    assert scored[3] == 16, "other tokens, another key"
    broken = next((tmp_path / "shared").glob("*.npz"))
    broken.write_bytes(b"PK\x03\x04 half of a file")
    assert losses(train("e", shared)) == losses(first)


def test_the_validation_loss_is_taken_at_the_end_of_each_epoch(
    export: Path, tmp_path: Path, config: TrainingConfig, make_record: Any
) -> None:
    held_back = "".join(json.dumps(make_record(number)) + "\n" for number in (20, 21, 22))
    (export / "validation.jsonl").write_text(held_back, encoding="utf-8")
    found = train_from_export(export, tmp_path, replace(config, max_steps=None, epochs=2))
    taken = [step.validation_loss for step in found.steps]
    assert taken[0] is None is taken[2] and taken[1] is not None and taken[3] is not None
    assert taken[1] == pytest.approx(0.5 * 3.5 / 3, abs=0.1) and taken[1] != taken[3]
    assert found.counts["validation"] == 3


def test_figures_reach_a_tracker_of_accelerates(
    export: Path, tmp_path: Path, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate import tracking

    class Notebook(tracking.GeneralTracker):
        name = "notebook"
        requires_logging_directory = False
        pages: list[tuple[int, dict[str, float]]] = []  # noqa: RUF012

        def __init__(self, run_name: str, **options: Any) -> None:
            super().__init__()

        @property
        def tracker(self) -> Any:
            return self.pages

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            assert values["beta"] == 0.1

        def log(self, values: dict[str, float], step: int | None = None, **options: Any) -> None:
            self.pages.append((step or 0, values))

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "notebook", Notebook)
    monkeypatch.setattr(tracking, "_available_trackers", ["notebook"])
    found = train_from_export(export, tmp_path, replace(config, report_to=("notebook",)))
    assert [step for step, _ in Notebook.pages] == [1, 2]
    assert [values["loss"] for _, values in Notebook.pages] == losses(found)


def test_a_tracker_that_is_unknown_or_not_installed_is_refused() -> None:
    with pytest.raises(TrainingError, match="no tracker; known are"):
        check_trackers(["abacus"])
    with pytest.raises(TrainingError, match="pip install swanlab"):
        check_trackers(["swanlab"])


def test_settings_are_allow_listed_and_of_their_kind() -> None:
    with pytest.raises(TrainingError, match="did you mean 'learning_rate'"):
        config_from({"policy": "p", "learning_rat": 1e-5})
    with pytest.raises(TrainingError, match="no setting of training"):
        config_from({"policy": "p", "trust_remote_code": True})
    for settings, named in (
        ({"epochs": "3"}, "epochs"), ({"batch_size": True}, "batch_size"),
        ({"loss": "dpo"}, "loss"), ({"tuning": "dora"}, "tuning"), ({"clip": 0.5}, "clip"),
        ({"policy": 3}, "policy"), ({"beta": float("nan")}, "beta"),
    ):  # fmt: skip
        with pytest.raises(TrainingError, match=named):
            config_from({"policy": "p", **settings})
    assert config_from({"policy": "p", "report_to": ["wandb"]}).report_to == ("wandb",)
