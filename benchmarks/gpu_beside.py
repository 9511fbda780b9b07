"""Training on a GPU beside TRL: the loss, the gradients, the time of a step and its memory."""

import argparse
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from alignment.export.tokens import TokenizedExample
from alignment.training.batches import plan_batches
from alignment.training.course import FORWARD_TOKENS
from benchmarks.contest import Arm, our_arm, tokenized, trl_arm
from benchmarks.gpu_policies import SHAPE, arithmetic, device, long_rows
from benchmarks.parity import CASES, Place, differences, examples, ours, parity_policy, trls

Found = tuple[dict[str, float], dict[str, Any]]
WARM = 2  # steps of each arm that are not counted


def parity(options: argparse.Namespace, folder: Path) -> Found:
    """The largest differences over the cases, in one type; all of ours first.

    TRL's settings leave their type behind in accelerate's state.
    """
    place = Place(device(), options.dtype, 4096)
    policy, rows = parity_policy(folder / "tiny"), examples()
    mine = {case.name: ours(policy, case, rows, place) for case in CASES}
    apart = {c.name: differences(mine[c.name], trls(policy, c, rows, place)) for c in CASES}
    on_processor = {c.name: differences(mine[c.name], _moved(policy, c, rows)) for c in CASES}
    kind = options.dtype
    return {
        f"trl_loss_difference_{kind}": max(loss for loss, _ in apart.values()),
        f"trl_gradient_difference_{kind}": max(gradient for _, gradient in apart.values()),
    }, {"by_case": apart, "to_processor_float32": on_processor}


def _moved(policy: Path, case: Any, rows: Any) -> Any:
    """Ours on a processor in float32; accelerate would not move in one process."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    return ours(policy, case, rows)


def contest(options: argparse.Namespace, folder: Path) -> Found:
    """Three arms in turn: ours, TRL with its reference computed before, and TRL without."""
    drawn = _rows(options)
    rows = _in_order(drawn, options.batch)
    budget = options.forward_tokens or FORWARD_TOKENS[device()]
    place = Place(device(), options.dtype, budget)
    mine = our_arm(options.policy, drawn, options.batch, 1, folder, clock, place)
    arms = {"ours": mine}
    peaks: dict[str, list[float]] = {}
    with ExitStack() as stack:
        for name, cached in (("trl_precomputed", True), ("trl", False)):
            arms[name] = trl_arm(stack, options.policy, rows, options.batch, cached, clock, place)
        for number in range(len(rows) // options.batch):
            for name in list(arms) if number % 2 else list(reversed(arms)):
                peaks.setdefault(name, []).append(_weighed(arms[name]))
    figures, details = _told(options, rows, arms, peaks)
    return figures, {**details, "forward_tokens": budget}


def _rows(options: argparse.Namespace) -> list[TokenizedExample]:
    if options.export:
        return tokenized(options.export, options.policy, options.max_tokens, options.rows)
    return long_rows(options.rows, options.max_tokens // 2, options.max_tokens)


def _in_order(rows: list[TokenizedExample], batch: int) -> list[TokenizedExample]:
    """The rows as ours meets them, which is how TRL gets them."""
    keys = [row.question_key for row in rows]
    return [rows[i] for micro in plan_batches(keys, batch, 1, 0) for i in micro.examples]


def _weighed(arm: Arm) -> float:
    """Take a step; the memory at its peak above what stood before. Units: GB."""
    if device() == "cpu":
        return float(arm.step() * 0)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    arm.step()
    return (torch.cuda.max_memory_allocated() - before) / 1e9


def _told(
    options: argparse.Namespace,
    rows: list[TokenizedExample],
    arms: dict[str, Arm],
    peaks: dict[str, list[float]],
) -> Found:
    median = {name: statistics.median(arm.steps_s[WARM:]) for name, arm in arms.items()}
    peak = {name: max(found[WARM:]) for name, found in peaks.items()}
    lengths = [row.length_tokens for row in rows]
    work = arithmetic(SHAPE, lengths, [len(row.completion_ids) for row in rows])
    steps, kind = len(rows) / options.batch, options.name
    figures = {
        f"step_vs_trl_{kind}": _ratio(arms["ours"], arms["trl"]),
        f"step_vs_trl_precomputed_{kind}": _ratio(arms["ours"], arms["trl_precomputed"]),
        f"memory_vs_trl_{kind}": peak["ours"] / max(peak["trl"], 1e-9),
        f"memory_vs_trl_precomputed_{kind}": peak["ours"] / max(peak["trl_precomputed"], 1e-9),
        f"tokens_per_s_{kind}": sum(lengths) / steps / median["ours"],
        f"tflop_per_s_{kind}": sum(work.values()) / steps / median["ours"] / 1e12,
    }
    return figures, {
        "rows": len(rows), "batch": options.batch, "mean_tokens": statistics.mean(lengths),
        "longest_tokens": max(lengths), "median_step_s": median, "peak_gb": peak,
        "reference_s": {name: arm.before_s for name, arm in arms.items()},
        "dtype": options.dtype,
    }  # fmt: skip


def _ratio(mine: Arm, other: Arm) -> float:
    pairs = zip(mine.steps_s[WARM:], other.steps_s[WARM:], strict=True)
    return statistics.median(one / two for one, two in pairs)


def clock() -> float:
    """The time once the GPU has done what it was given. Units: seconds."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
