"""The arms: what each makes of the same traces, and a training run of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.random import Generator

from alignment.export.folder import suggested_lambda_r
from alignment.export.tokens import TokenizedExample
from alignment.policies.logprobs import Scorer
from alignment.policies.policy import Policy
from alignment.training.batches import group_steps, plan_batches
from alignment.training.processes import Processes
from alignment.training.recipe import TrainingConfig
from alignment.training.reference import ReferenceCache
from alignment.training.trainer import Trainer
from alignment.transitions.examples import Unit
from alignment.transitions.fits import LabelledTrace, fit_all
from benchmarks.tiny_world.harvest import PolarTrace
from benchmarks.tiny_world.policy import Words
from benchmarks.tiny_world.protocol import Arm, Protocol
from benchmarks.tiny_world.world import CATEGORIES, MAX_NEW_TOKENS, PROMPT_TOKENS, prompt_ids

FORWARD_TOKENS = 4096


def examples_of(arm: Arm, traces: Sequence[PolarTrace], rng: Generator) -> list[TokenizedExample]:
    """The traces as an arm trains on them: weights of 1, of their moves, or of shuffled labels.

    SFT learns from the positive traces alone.
    """
    if arm == "sft":
        return [_example(t, [1.0] * len(t.spans)) for t in traces if t.polarity == "positive"]
    if arm == "kto":
        return [_example(trace, [1.0] * len(trace.spans)) for trace in traces]
    labelled = traces if arm == "mralign" else shuffled(traces, rng)
    return [_example(*one) for one in zip(traces, move_weights(labelled), strict=True)]


def move_weights(traces: Sequence[PolarTrace]) -> list[list[float]]:
    """The weight of every segment, by the project's own fits of P, P⁺ and P⁻."""
    labelled = [_labelled(trace) for trace in traces]
    fits = fit_all(labelled, CATEGORIES)
    return [[weight.value for weight in fits.weights(trace)] for trace in labelled]


def shuffled(traces: Sequence[PolarTrace], rng: Generator) -> list[PolarTrace]:
    """The same traces with the labels of all segments dealt out anew."""
    labels = [labels for trace in traces for labels in trace.labels]
    dealt = iter([labels[place] for place in rng.permutation(len(labels)).tolist()])
    return [replace(trace, labels=tuple(next(dealt) for _ in trace.labels)) for trace in traces]


def align(
    model: Any,
    arm: Arm,
    rate: float,
    examples: Sequence[TokenizedExample],
    seed: int,
    protocol: Protocol,
    processes: Processes,
    known: ReferenceCache,
    on_mark: Callable[[int], None],
) -> ReferenceCache:
    """Train every weight of a model by the project's trainer; `on_mark` hears of each mark.

    Returns what the reference said, which other arms of the same traces and seed can use.
    """
    config = _config(arm, rate, examples, seed, protocol)
    plan = plan_batches(
        [example.question_key for example in examples],
        config.batch_size, config.epochs, config.seed, config.needs_pairs,
    )  # fmt: skip
    steps = group_steps(plan, config.accumulation)
    marks = {round(share * len(steps)) for share in protocol.marks}
    policy = Policy(model.requires_grad_(True), Words(), "tiny world", torch.device("cpu"))
    trainer = Trainer(policy, Scorer(model, chunked=False), config, processes, FORWARD_TOKENS)
    fold = trainer.fold(trainer.data(examples), steps, known)
    for metrics in trainer.steps(fold, steps, (), lambda: None):
        if metrics.step in marks:
            on_mark(metrics.step)
    processes.accelerator.free_memory()
    return fold.reference


def _config(
    arm: Arm, rate: float, examples: Sequence[TokenizedExample], seed: int, protocol: Protocol
) -> TrainingConfig:
    desirable = sum(example.desirable for example in examples)
    return TrainingConfig(
        policy="tiny world",
        loss="sft" if arm == "sft" else "kto",
        beta=protocol.beta,
        lambda_r=suggested_lambda_r(desirable, len(examples) - desirable) or 1.0,
        uniform_weights=arm == "kto",
        learning_rate=rate,
        epochs=protocol.epochs,
        batch_size=protocol.batch_size,
        accumulation=1,
        tuning="full",
        max_tokens=MAX_NEW_TOKENS + PROMPT_TOKENS,
        seed=seed,
        device="cpu",
        dtype="float32",
    )


def _example(trace: PolarTrace, weights: Sequence[float]) -> TokenizedExample:
    """A trace as tokens; markup, answer and end token weigh 1."""
    weighed = np.ones(len(trace.completion), np.float32)
    places = np.zeros(len(trace.completion), np.int64)
    for number, ((start, end), weight) in enumerate(zip(trace.spans, weights, strict=True), 1):
        weighed[start:end], places[start:end] = weight, number
    return TokenizedExample(
        row_id=trace.trace_id,
        question_key=str(trace.fact.subject),
        desirable=trace.polarity == "positive",
        prompt_ids=np.array(prompt_ids(trace.fact, True), np.int64),
        completion_ids=np.array(trace.completion, np.int64),
        weights=weighed,
        segments=places,
    )


def _labelled(trace: PolarTrace) -> LabelledTrace:
    units = tuple(
        Unit(place, place + 1, tuple((label, 10.0) for label in labels))
        for place, labels in enumerate(trace.labels)
    )
    return LabelledTrace(trace.trace_id, trace.polarity, units)
