"""Training against TRL's, step for step in turn, on the same rows, policy and settings.

Both train LoRA r = 32 in float32 without gradient checkpointing. TRL gets the rows as tokens, in
the order in which ours meets them in its first epoch, and is timed at its loss, the backward pass
and the optimizer's step alone, without the loop of its trainer around them; ours is timed whole.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from alignment.export.rows import read_export
from alignment.export.tokens import TokenizedExample, open_encoder, tokenize_rows
from alignment.policies.kernels import fitting_kernels
from alignment.policies.policy import Policy, load_policy, policy_hash, prepare_tuning
from alignment.training.batches import group_steps, plan_batches
from alignment.training.course import FORWARD_TOKENS, scorer_of
from alignment.training.processes import open_processes
from alignment.training.recipe import TrainingConfig
from alignment.training.reference import ReferenceCache, write_cache
from alignment.training.trainer import Trainer
from benchmarks.parity import Place, trl_trainer, wrapped_model

RATE = 5e-6
PROCESSOR = Place(forward_tokens=FORWARD_TOKENS["cpu"])
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass
class Arm:
    """One side's steps as calls, what came before them, and how long each took. Units: seconds."""

    take_step: Callable[[], object]
    clock: Clock
    before_s: float = 0.0
    steps_s: list[float] = field(default_factory=list)

    def step(self) -> float:
        """Take a step and keep its time."""
        began = self.clock()
        self.take_step()
        self.steps_s.append(self.clock() - began)
        return self.steps_s[-1]

    @property
    def whole_s(self) -> float:
        """All of it, what came before included."""
        return self.before_s + sum(self.steps_s)


def tokenized(export: Path, policy: Path, max_tokens: int, count: int) -> list[TokenizedExample]:
    """The first rows that fit into so many tokens, thinned where they have to be."""
    from transformers import AutoTokenizer

    encoder = open_encoder(AutoTokenizer.from_pretrained(str(policy)))
    found = tokenize_rows(read_export(export).rows, encoder, max_tokens).examples
    if len(found) < count:
        raise SystemExit(f"expected {count} rows of at most {max_tokens} tokens, got {len(found)}")
    return list(found[:count])


def our_trainer(
    policy: Path,
    examples: Sequence[TokenizedExample],
    batch: int,
    epochs: int,
    place: Place = PROCESSOR,
) -> tuple[Trainer, list[Any]]:
    """A trainer as training sets it up, and the steps that it is to take."""
    config = TrainingConfig(
        policy=str(policy), device=place.device, dtype=place.dtype, batch_size=batch,
        accumulation=1, epochs=epochs, learning_rate=RATE, warmup_share=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    loaded = load_policy(policy, device=place.device, dtype=place.dtype)
    model = prepare_tuning(loaded.model, config.tuning, config.lora_r)
    tuned = Policy(model, loaded.tokenizer, loaded.source, loaded.device)
    processes = open_processes(place.device, (), policy, {})
    trainer = Trainer(
        tuned, scorer_of(tuned, config), config, processes, place.forward_tokens,
        reuses_past=place.device == "cpu",
    )  # fmt: skip
    keys = [example.question_key for example in examples]
    return trainer, group_steps(plan_batches(keys, batch, epochs, 0), 1)


def our_arm(
    policy: Path,
    examples: Sequence[TokenizedExample],
    batch: int,
    epochs: int,
    cache: Path,
    clock: Clock = time.perf_counter,
    place: Place = PROCESSOR,
) -> Arm:
    """Our side: the reference is scored and written before the first step."""
    trainer, steps = our_trainer(policy, examples, batch, epochs, place)
    began = clock()
    policy_hash(trainer.policy)
    data = trainer.data(examples)
    fold = trainer.fold(data, steps, ReferenceCache({}, {}))
    write_cache(cache, data.content_hash(), fold.reference)
    before_s = clock() - began
    taken: Iterator[Any] = trainer.steps(fold, steps, (), lambda: None)

    def step() -> None:
        with fitting_kernels():
            next(taken)

    return Arm(step, clock, before_s)


def trl_arm(
    stack: ExitStack,
    policy: Path,
    examples: Sequence[TokenizedExample],
    batch: int,
    precompute: bool,
    clock: Clock = time.perf_counter,
    place: Place = PROCESSOR,
) -> Arm:
    """TRL's side, its reference precomputed or not; the rows go round in their order."""
    before_s = 0.0

    def timed(compute: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal before_s
            began = clock()
            found = compute(*arguments)
            before_s += clock() - began
            return found

        return run

    trainer = stack.enter_context(
        trl_trainer(
            policy, examples, per_device_train_batch_size=batch, learning_rate=RATE,
            precompute_ref_log_probs=precompute, around_precompute=timed, place=place,
        )
    )  # fmt: skip
    trainer.create_optimizer()
    model, batches = wrapped_model(trainer), _round(trainer)
    parameters = [p for p in model.parameters() if p.requires_grad]

    def step() -> None:
        torch.autograd.backward(trainer.compute_loss(model, next(batches)))
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return Arm(step, clock, before_s)


def _round(trainer: Any) -> Iterator[Any]:
    while True:
        yield from trainer.get_train_dataloader()
