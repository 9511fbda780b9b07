"""The loss and its gradients beside TRL's own, on one batch and one tiny policy.

TRL's trainer is built as its users build it, and asked for its loss; nothing of it is rewritten.
The same numbers are kept as a fixture for where TRL is not installed:

    python -m benchmarks.parity --write tests/alignment/training/trl_kto.json
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignment.export.tokens import TokenizedExample
from alignment.policies.policy import Policy, load_policy, prepare_tuning
from alignment.policies.tiny import build_tiny_policy
from alignment.training.batches import MicroBatch
from alignment.training.course import scorer_of
from alignment.training.processes import open_processes
from alignment.training.recipe import TrainingConfig
from alignment.training.reference import PairedExamples, ReferenceCache
from alignment.training.trainer import Trainer

BATCH, RANK = 4, 4
LAMBDA_C, LAMBDA_R = 1.0, 1.5


@dataclass(frozen=True)
class Place:
    """Where both sides compute and in which type, and how many tokens a forward of ours holds."""

    device: str = "cpu"
    dtype: str = "float32"
    forward_tokens: int = 64


PROCESSOR = Place()


@dataclass(frozen=True)
class Case:
    """A loss, and an adapter whose noise puts the batch's KL above 0 or below."""

    loss: str
    seed: int
    clamped: bool

    @property
    def name(self) -> str:
        """What the case is called in the fixture."""
        return f"{self.loss}-{'clamped' if self.clamped else 'free'}"


# The seeds of the noise were looked for: the mean log-ratio of the pairs is above 0 for one and
# below for the other.
CASES = (Case("kto", 2, False), Case("kto", 1, True), Case("apo_zero", 2, False))


@dataclass(frozen=True)
class Found:
    """A loss with the gradient of every adapter weight, and z0 as it was used."""

    loss: float
    z0: float
    gradients: Mapping[str, torch.Tensor]


def parity_policy(folder: Path) -> Path:
    """A tiny Qwen3 policy whose weights come from this module's own draw.

    So the fixture does not hang on how a version of transformers starts its weights.
    """
    build_tiny_policy(["So it is Lima. Let me check."], folder)
    loaded = load_policy(folder, device="cpu")
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in sorted(loaded.model.named_parameters()):
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + 0.1 * drawn if "norm" in name else 0.08 * drawn)
    loaded.model.save_pretrained(folder)
    return folder


def digest(found: Found) -> dict[str, Any]:
    """A few numbers that stand for a result: each gradient's norm and its share along a draw."""
    generator = torch.Generator().manual_seed(11)
    kept = {}
    for name, gradient in sorted(found.gradients.items()):
        along = torch.randn(gradient.shape, generator=generator)
        kept[name] = [float(gradient.norm()), float((gradient * along).sum())]
    return {"loss": found.loss, "z0": found.z0, "gradients": kept}


def examples(seed: int = 0) -> list[TokenizedExample]:
    """Four examples of unlike length, one of them undesirable, every weight 1."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(BATCH):
        prompt = draw.integers(10, 500, 5 + 2 * number)
        completion = draw.integers(10, 500, 21 + 7 * ((number * 3) % BATCH))
        ones, none = np.ones(len(completion), np.float32), np.zeros(len(completion), np.int64)
        made.append(TokenizedExample(f"row-{number}", f"question-{number}", number != 2,
                                     prompt, completion, ones, none))  # fmt: skip
    return made


def trl_pairs() -> tuple[tuple[int, int], ...]:
    """TRL's mismatched pairs: each prompt with the completion of the row before it."""
    return tuple((row, (row - 1) % BATCH) for row in range(BATCH))


def noise(model: Any, seed: int) -> None:
    """Move the adapter away from its start, the same way for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))


def ours(
    policy_folder: Path, case: Case, rows: Sequence[TokenizedExample], place: Place = PROCESSOR
) -> Found:
    """The loss and gradients as training computes them, reference scored first."""
    config = TrainingConfig(
        policy=str(policy_folder), loss=case.loss, lora_r=RANK, device=place.device,
        batch_size=BATCH, accumulation=1, lambda_c=LAMBDA_C, lambda_r=LAMBDA_R, dtype=place.dtype,
    )  # fmt: skip
    loaded = load_policy(policy_folder, device=place.device, dtype=place.dtype)
    model = prepare_tuning(loaded.model, "lora", RANK)
    policy = Policy(model, loaded.tokenizer, loaded.source, loaded.device)
    processes = open_processes(place.device, (), policy_folder, {})
    trainer = Trainer(policy, scorer_of(policy, config), config, processes, place.forward_tokens)
    pairs = trl_pairs() if config.needs_pairs else ()
    micros = (MicroBatch(0, tuple(range(BATCH)), pairs),)
    data: PairedExamples = trainer.data(rows)
    fold = trainer.fold(data, [micros], ReferenceCache({}, {}))
    noise(model, case.seed)
    outcome = trainer.run(fold, micros, learn=True)
    return Found(outcome.loss, float(outcome.z0[0]), _gradients(model))


def trls(
    policy_folder: Path, case: Case, rows: Sequence[TokenizedExample], place: Place = PROCESSOR
) -> Found:
    """The loss and gradients as live TRL computes them on the same rows."""
    made = trl_trainer(policy_folder, rows, loss=case.loss, rank=RANK, place=place)
    with made as trainer:
        noise(trainer.model, case.seed)
        wrapped = wrapped_model(trainer)
        batch = next(iter(trainer.get_train_dataloader()))
        loss = trainer.compute_loss(wrapped, batch)
        torch.autograd.backward(loss)
        z0 = trainer._metrics["train"]["kl"][-1]
        return Found(float(loss.detach()), float(z0), _gradients(trainer.model))


def wrapped_model(trainer: Any) -> Any:
    """The model as TRL's loop calls it, in training mode: accelerate's autocast around it."""
    trainer.model.train()
    trainer.model = trainer.accelerator.prepare(trainer.model)
    return trainer.model


@contextmanager
def trl_trainer(
    policy_folder: Path,
    rows: Sequence[TokenizedExample],
    loss: str = "kto",
    rank: int = 32,
    place: Place = PROCESSOR,
    around_precompute: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda compute: compute,
    **settings: Any,
) -> Iterator[Any]:
    """TRL's KTO trainer on rows that are tokens already, without its own template and cuts.

    `around_precompute` may wrap what it does to precompute its reference, to time it.
    """
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import KTOConfig, KTOTrainer

    class OnTokens(KTOTrainer):  # type: ignore[misc]
        def _prepare_dataset(
            self, dataset: Any, processing_class: Any, args: Any, name: str
        ) -> Any:
            if not self.calculate_KL:
                return dataset

            def paired(batch: dict[str, Any]) -> dict[str, Any]:
                ids = batch["completion_ids"]
                return {**batch, "KL_completion_ids": [ids[-1], *ids[:-1]]}

            size = args.per_device_train_batch_size
            return dataset.map(paired, batched=True, batch_size=size)

        def _precompute_ref_logps(self, *arguments: Any) -> Any:
            return around_precompute(super()._precompute_ref_logps)(*arguments)

    table = Dataset.from_list([
        {"prompt": "", "completion": "", "prompt_ids": row.prompt_ids.tolist(),
         "completion_ids": row.completion_ids.tolist(), "label": row.desirable} for row in rows
    ])  # fmt: skip
    given = {"per_device_train_batch_size": BATCH, "gradient_checkpointing": False, **settings}
    with tempfile.TemporaryDirectory() as folder:
        args = KTOConfig(
            output_dir=folder, use_cpu=place.device == "cpu", bf16=place.dtype == "bfloat16",
            report_to=[], save_strategy="no", max_length=None, beta=0.1,
            desirable_weight=LAMBDA_C, undesirable_weight=LAMBDA_R,
            loss_type={"kto": "kto", "apo_zero": "apo_zero_unpaired"}[loss],
            train_sampling_strategy="sequential", disable_tqdm=True, weight_decay=0.0, **given,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_pretrained(str(policy_folder), dtype=place.dtype)
        adapter = LoraConfig(
            r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        yield OnTokens(
            model=model, args=args, train_dataset=table, peft_config=adapter,
            processing_class=AutoTokenizer.from_pretrained(str(policy_folder)),
        )  # fmt: skip


def differences(mine: Found, theirs: Found) -> tuple[float, float]:
    """How far the losses are apart, and the gradients, relative to the norm of theirs."""
    names = sorted(theirs.gradients)
    if sorted(mine.gradients) != names:
        raise ValueError("the two policies do not have the same adapter weights")
    apart = torch.cat([(mine.gradients[n] - theirs.gradients[n]).flatten() for n in names])
    whole = torch.cat([theirs.gradients[n].flatten() for n in names])
    return abs(mine.loss - theirs.loss), float(apart.norm() / whole.norm())


def _gradients(model: Any) -> dict[str, torch.Tensor]:
    named = ((name, p.grad) for name, p in model.named_parameters())
    return {name: grad.detach().float().cpu() for name, grad in named if grad is not None}


def main() -> None:
    """Write TRL's results as the fixture that tests fall back on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True, help="the fixture's JSON file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        policy = parity_policy(Path(folder))
        kept = {case.name: digest(trls(policy, case, examples())) for case in CASES}
    options.write.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name, found in kept.items():
        print(f"{name}: loss {found['loss']:.6f}, z0 {found['z0']:.6f}")


if __name__ == "__main__":
    main()
