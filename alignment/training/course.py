"""Training: from an export folder to an adapter or a model, by the segment-weighted KTO loss."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from alignment.export.rows import read_export
from alignment.export.tokens import open_encoder
from alignment.policies.kernels import fitting_kernels, repeatable
from alignment.policies.logprobs import Scorer, output_layer_is_bare
from alignment.policies.policy import Policy, find_dtype, load_policy, policy_hash, prepare_tuning
from alignment.training.batches import collate
from alignment.training.checkpoints import drop_progress, write_checkpoint
from alignment.training.outcomes import Fold
from alignment.training.preparation import Prepared, prepare
from alignment.training.processes import Processes, open_processes
from alignment.training.recipe import StepMetrics, TrainingConfig, TrainingError, TrainingResult
from alignment.training.reference import OnProgress, PairedExamples, read_cache, write_cache
from alignment.training.trainer import OnStep, Trainer

__all__ = [
    "Observer",
    "StepMetrics",
    "TrainingConfig",
    "TrainingError",
    "TrainingResult",
    "train_from_export",
]

CHECKPOINT, PROGRESS, REFERENCE = "checkpoint", "progress", "reference"
# Padded tokens of one forward where the config leaves it open: a processor gains little from long
# sequences side by side and loses by padding; a GPU needs enough of them to be busy, and twice
# these gain it 3 % and cost it twice the memory.
FORWARD_TOKENS = {"cpu": 512, "cuda": 8192}


@dataclass(frozen=True)
class Observer:
    """Who hears of a run as it goes: what was prepared, the reference, and every step.

    Only the main process of several is heard.
    """

    on_prepared: Callable[[Prepared], None] = lambda prepared: None
    on_reference: OnProgress = lambda done, total: None
    on_step: OnStep = lambda metrics: None


def train_from_export(
    export_folder: Path,
    output_folder: Path,
    config: TrainingConfig,
    observer: Observer | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train on an export and write what was trained to `output_folder`/checkpoint.

    The reference is the same model before its first step, its adapter off, scored once and kept
    on disk. With `resume` an interrupted run goes on from what `save_every` kept, to the same
    losses as if it had never stopped.

    Raises: ExportFolderError, PolicyError, TokenError, BatchError or TrainingError, each saying
    what to do; no checkpoint is written then.
    """
    with fitting_kernels(), repeatable(config.deterministic):
        return _train(export_folder, output_folder, config, observer, resume)


def _train(
    export_folder: Path,
    output_folder: Path,
    config: TrainingConfig,
    observer: Observer | None,
    resume: bool,
) -> TrainingResult:
    started_s = time.monotonic()
    export = read_export(export_folder)
    processes = open_processes(config.device, config.report_to, output_folder, asdict(config))
    heard = observer if observer and processes.is_main else Observer()
    policy = _load(config, processes)
    limit = min(config.max_tokens, policy.context_tokens)
    ready = prepare(export, open_encoder(policy.tokenizer), config, limit, processes.count)
    heard.on_prepared(ready)
    weights_hash = processes.gather_objects(policy_hash(policy) if processes.is_main else "")[0]
    trainer = _trainer(policy, ready, processes)
    known_as = _reference_key(trainer.policy, weights_hash, ready.config)
    cache = Path(config.reference_cache or output_folder / REFERENCE)
    fold = _fold(trainer, ready, cache, known_as, heard.on_reference)
    held = _held_back(trainer, ready, cache, known_as)
    reference_s = time.monotonic() - started_s
    steps = _take_steps(trainer, fold, held, ready, output_folder / PROGRESS, heard, resume)
    tokens = sum(step.tokens for step in steps)
    result = TrainingResult(
        checkpoint=output_folder / CHECKPOINT,
        steps=tuple(steps),
        counts=ready.counts,
        weights=ready.weights,
        warnings=ready.warnings,
        taxonomy_hash=export.taxonomy_hash,
        policy_hash=weights_hash,
        lambda_r=float(ready.config.lambda_r or 1.0),
        trainable_parameters=_trainable(trainer.policy.model),
        reference_s=reference_s,
        wall_s=time.monotonic() - started_s,
        tokens=tokens,
        tokens_per_s=tokens / max(steps[-1].elapsed_s, 1e-9),
        processes=processes.count,
        distributed=processes.kind,
        peak_memory_bytes=processes.peak_memory_bytes(),
    )
    state = {"config": asdict(config), "moving_mean": trainer.moving_mean, **asdict(result)}
    _finish(trainer, result.checkpoint, state)
    drop_progress(output_folder / PROGRESS)
    return result


def _load(config: TrainingConfig, processes: Processes) -> Policy:
    """Load the policy where this process computes.

    Every weight that is trained stays in float32, an adapter's too (bfloat16 swallows an update
    of 5e-6); the forward runs in bfloat16 by autocast then.
    """
    dtype = "float32" if config.tuning == "full" else config.dtype
    packed = config.tuning == "qlora"
    return load_policy(config.policy, device=str(processes.device), dtype=dtype, four_bit=packed)


def _trainer(policy: Policy, ready: Prepared, processes: Processes) -> Trainer:
    """Set up the adapter, the way to score, and the optimizer.

    Completions are scored in chunks wherever that is what the model computes.
    """
    config = ready.config
    torch.manual_seed(config.seed)
    probe = torch.from_numpy(ready.examples[0].prompt_ids[None, :8]).to(policy.device)
    bare = output_layer_is_bare(policy.model, probe)
    model = prepare_tuning(
        policy.model, config.tuning, config.lora_r, config.lora_alpha, config.gradient_checkpointing
    )
    tuned = replace(policy, model=model)
    budget = config.forward_tokens or FORWARD_TOKENS.get(policy.device.type, 4096)
    scorer = scorer_of(tuned, config, bare)
    trial = collate(ready.examples[:1], policy.pad_id).to(policy.device)
    reuses = _may_reuse(policy, config) and scorer.can_reuse(
        trial.input_ids, trial.completion_mask, len(ready.examples[0].prompt_ids) - 1
    )
    return Trainer(tuned, scorer, config, processes, budget, reuses)


def scorer_of(policy: Policy, config: TrainingConfig, chunked: bool = True) -> Scorer:
    """The way to score with a policy whose tuning is set up."""
    wanted = find_dtype(config.dtype, policy.device)
    return Scorer(policy.model, chunked, None if wanted == torch.float32 else wanted)


def _may_reuse(policy: Policy, config: TrainingConfig) -> bool:
    """Whether to read what all prompts share once, where no gradient is wanted.

    A GPU loses by it: attention over what was kept takes a slower kernel, and one that rounds
    otherwise, so that in bfloat16 policy = reference would not hold to the last digit.
    """
    return policy.device.type == "cpu" and not config.gradient_checkpointing


def _reference_key(policy: Policy, weights_hash: str, config: TrainingConfig) -> str:
    """What the reference's figures depend on besides the tokens: weights, types, place, kernels.

    Kernels that repeat round otherwise, by as much as a step or two moves a loss in bfloat16.
    """
    held, computed = next(policy.model.parameters()).dtype, find_dtype(config.dtype, policy.device)
    kernels = "deterministic" if config.deterministic else "any"
    return f"{weights_hash} {held} {computed} {policy.device.type} {kernels}"


def _fold(
    trainer: Trainer, ready: Prepared, cache: Path, known_as: str, report: OnProgress
) -> Fold:
    return _cached_fold(trainer, trainer.data(ready.examples), ready.steps, cache, known_as, report)


def _held_back(trainer: Trainer, ready: Prepared, cache: Path, known_as: str) -> Fold | None:
    if not ready.validation_plan:
        return None
    data = trainer.data(ready.validation)
    return _cached_fold(
        trainer, data, [ready.validation_plan], cache, known_as, lambda done, total: None
    )


def _cached_fold(
    trainer: Trainer,
    data: PairedExamples,
    steps: Iterable[Any],
    cache: Path,
    known_as: str,
    report: OnProgress,
) -> Fold:
    """Score what is not on disk yet; the main process reads and writes for all."""
    key = hashlib.sha256(f"{known_as} {data.content_hash()}".encode()).hexdigest()
    processes = trainer.processes
    known = processes.gather_objects(read_cache(cache, key) if processes.is_main else None)[0]
    fold = trainer.fold(data, list(steps), known, report)
    sizes = [(len(one.tokens), len(one.pair_sums)) for one in (known, fold.reference)]
    if processes.is_main and sizes[0] != sizes[1]:
        write_cache(cache, key, fold.reference)
    return fold


def _take_steps(
    trainer: Trainer,
    fold: Fold,
    held: Fold | None,
    ready: Prepared,
    progress: Path,
    heard: Observer,
    resume: bool,
) -> list[StepMetrics]:
    """Take the steps, saving and reporting on the way."""
    named = f"{ready.config.fingerprint()} {fold.data.content_hash()} {trainer.processes.count}"
    fingerprint = hashlib.sha256(f"{named} {_weighing(fold)}".encode()).hexdigest()
    done = trainer.resume(progress, fingerprint) if resume else []

    def validate() -> float | None:
        return None if held is None else trainer.evaluate(held, ready.validation_plan)

    every = ready.config.save_every
    with closing(trainer.steps(fold, ready.steps, tuple(done), validate)) as steps:  # type: ignore[type-var]
        for metrics in steps:
            done.append(metrics)
            if every and metrics.step % every == 0 and metrics.step < metrics.steps:
                trainer.save(progress, done, fingerprint)
            trainer.processes.track(_tracked(metrics), metrics.step)
            heard.on_step(metrics)
    trainer.processes.end_tracking()
    return done


def _weighing(fold: Fold) -> str:
    """A hash of the examples' weights and polarities, which a loss depends on as well."""
    digest = hashlib.sha256()
    for example in fold.data.examples:
        digest.update(example.weights.tobytes())
        digest.update(bytes([example.desirable]))
    return digest.hexdigest()


def _tracked(metrics: StepMetrics) -> dict[str, float]:
    return {name: value for name, value in asdict(metrics).items() if value is not None}


def _trainable(model: Any) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _finish(trainer: Trainer, folder: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint; weights that are spread over processes are brought together first."""
    processes, policy = trainer.processes, trainer.policy
    gathered = None
    if processes.shards_parameters:
        whole = processes.accelerator.get_state_dict(trainer.scorer)
        gathered = {name.removeprefix("model."): value for name, value in whole.items()}
    if processes.is_main:
        write_checkpoint(folder, policy, state, gathered)
    processes.wait()
