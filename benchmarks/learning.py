"""What a checkpoint came to: the loss over the rows that it was trained on, and its answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from alignment.measures.scores import judge, response_of, score
from alignment.policies.generation import Decoding, generate
from alignment.policies.policy import load_policy
from alignment.training.course import FORWARD_TOKENS, scorer_of
from alignment.training.preparation import Prepared
from alignment.training.processes import open_processes
from alignment.training.recipe import TrainingResult
from alignment.training.reference import read_cache
from alignment.training.trainer import Trainer
from alignment.transitions.examples import prompt_messages

ASKED = (("Who wrote Hamlet?", "Shakespeare"), ("What is the capital of Peru?", "Lima"))


def loss_after(
    ready: Prepared, result: TrainingResult, cache: Path, device: str = "cpu"
) -> tuple[float, float]:
    """The loss over all rows with the run's own batches and pairs, at the start and now."""
    config = ready.config
    plan = [micro for step in ready.steps for micro in step]
    policy = load_policy(
        config.policy, device=device, dtype=config.dtype, adapter=result.checkpoint
    )
    for parameter in policy.model.parameters():
        parameter.requires_grad_(parameter.dim() == 2)  # an optimizer wants something to hold
    processes = open_processes(device, (), cache, {})
    scorer = scorer_of(policy, config)
    trainer = Trainer(policy, scorer, config, processes, FORWARD_TOKENS[device])
    known = [read_cache(cache, path.stem) for path in cache.glob("*.npz")]
    fold = trainer.fold(trainer.data(ready.examples), [plan], known[0])
    lambdas = [config.lambda_c if e.desirable else config.lambda_r or 1.0 for e in ready.examples]
    shares = [(i, 1 / (len(plan) * len(m.examples))) for m in plan for i in m.examples]
    return sum(share * lambdas[i] / 2 for i, share in shares), trainer.evaluate(fold, plan)


def answers_of(policy_folder: Path, checkpoint: Path, count: int) -> dict[str, Any]:
    """Let a checkpoint answer a few questions, and hold the answers against the gold."""
    policy = load_policy(policy_folder, device="cpu", adapter=checkpoint)
    prompts = [
        [(one["role"], one["content"]) for one in prompt_messages(question)]
        for question, _ in ASKED[:count]
    ]
    texts = generate(policy, prompts, replace(Decoding(), max_new_tokens=32))
    judged = [
        judge(response_of(str(number), question, [gold], text), "squad")
        for number, ((question, gold), text) in enumerate(zip(ASKED, texts, strict=False))
    ]
    return {"texts": list(texts), "scores": str(score(judged, "squad"))}
