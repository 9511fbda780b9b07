"""Training beside TRL: the same loss, less time, less memory; and a real policy that learns.

    python -m benchmarks.alignment [--data FOLDER] [--policy FOLDER] [--only parity epochs ...]

    parity   loss and gradients beside live TRL 1.16, on a tiny policy
    epochs   SmolLM2-135M, three epochs beside TRL's, step by step in turn
    memory   one step of 4 × 512 tokens in a process of its own, for each
    smollm   64 real traces of up to 512 tokens: does the loss over them fall

Ratios hold on a busy machine too, because the steps are taken in turn; times are as they came.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.record import earlier, save
from benchmarks.settings import data_folder

PARTS = ("parity", "epochs", "memory", "smollm")
Found = tuple[dict[str, float], dict[str, Any]]


def parity(options: argparse.Namespace, folder: Path) -> Found:
    """The largest differences over the cases."""
    from benchmarks.parity import CASES, differences, examples, ours, parity_policy, trls

    policy = parity_policy(folder / "tiny")
    rows = examples()
    apart = {c.name: differences(ours(policy, c, rows), trls(policy, c, rows)) for c in CASES}
    return {
        "trl_loss_difference": max(loss for loss, _ in apart.values()),
        "trl_gradient_difference": max(gradient for _, gradient in apart.values()),
    }, {"by_case": apart}


def epochs(options: argparse.Namespace, folder: Path) -> Found:
    """Three arms that take their steps in turn; TRL without its reference takes one epoch's."""
    from benchmarks.contest import CLOCKS, our_arm, our_trainer, tokenized, trl_arm
    from benchmarks.policies import write_real_export

    export = write_real_export(folder / "export", options.data, 174)
    rows = tokenized(export, options.policy, options.max_tokens, options.rows)
    _, steps = our_trainer(options.policy, rows, options.batch, 1)
    theirs = [rows[i] for step in steps for micro in step for i in micro.examples]
    clock, cache = CLOCKS[options.clock], folder / "reference"
    mine = our_arm(options.policy, rows, options.batch, options.epochs, cache, clock)
    with ExitStack() as stack:
        cached = trl_arm(stack, options.policy, theirs, options.batch, True, clock)
        plain = trl_arm(stack, options.policy, theirs, options.batch, False, clock)
        for number in range(len(steps) * options.epochs):
            turns = [mine, cached, *([plain] if number < len(steps) else [])]
            for arm in turns if number % 2 else reversed(turns):
                arm.step()
    ratio = {
        name: [m / t for m, t in zip(mine.steps_s, arm.steps_s, strict=False)][1:]
        for name, arm in (("plain", plain), ("cached", cached))
    }
    return {
        "step_vs_trl": statistics.median(ratio["plain"]),
        "step_vs_trl_precomputed": statistics.median(ratio["cached"]),
        "epoch_wall_vs_trl_precomputed": mine.whole_s / cached.whole_s,
    }, {
        "rows": len(rows), "batch": options.batch, "epochs": options.epochs,
        "max_tokens": options.max_tokens, "clock": options.clock,
        "mean_tokens": statistics.mean(row.length_tokens for row in rows),
        "median_step_s": {"ours": statistics.median(mine.steps_s),
                          "trl": statistics.median(plain.steps_s),
                          "trl_precomputed": statistics.median(cached.steps_s)},
        "reference_s": {"ours": mine.before_s, "trl": cached.before_s},
        "whole_s": {"ours": mine.whole_s, "trl_precomputed": cached.whole_s},
    }  # fmt: skip


def memory(options: argparse.Namespace, folder: Path) -> Found:
    """The peak above the loaded model, each side in a process of its own."""
    from benchmarks.policies import write_real_export

    export = write_real_export(folder / "export", options.data, 174)
    peaks = {}
    for side in ("ours", "trl"):
        command = [sys.executable, "-m", "benchmarks.alignment", "--side", side,
                   "--policy", str(options.policy), "--export", str(export)]  # fmt: skip
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        peaks[side] = json.loads(told.splitlines()[-1])
    return {"memory_vs_trl": peaks["ours"]["mb"] / peaks["trl"]["mb"]}, {"peaks": peaks}


def one_side(options: argparse.Namespace) -> None:
    """Take two steps of 4 × 512 tokens and print the peak above the loaded model, in MB."""
    from benchmarks.contest import our_arm, tokenized, trl_arm

    longest = sorted(
        tokenized(options.export, options.policy, 512, 64), key=lambda row: -row.length_tokens
    )[:4]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        begun: list[int] = []
        _watch_loading(begun)
        if options.side == "ours":
            arm = our_arm(options.policy, longest, 4, 2, Path(folder))
        else:
            arm = trl_arm(stack, options.policy, longest, 4, precompute=True)
        arm.step()
        arm.step()
    lengths = [row.length_tokens for row in longest]
    print(json.dumps({"mb": (_peak_kb() - begun[0]) / 1024, "tokens": lengths}))


def _watch_loading(begun: list[int]) -> None:
    """Note the memory held right after the model is loaded, and forget the peak until then."""
    import transformers

    load = transformers.AutoModelForCausalLM.from_pretrained

    def noted(*arguments: Any, **named: Any) -> Any:
        model = load(*arguments, **named)
        for parameter in model.parameters():
            parameter.data = parameter.data.clone()  # weights may be pages of the file till then
        if not begun:
            Path("/proc/self/clear_refs").write_text("5")
            begun.append(_status_kb("VmRSS"))
        return model

    transformers.AutoModelForCausalLM.from_pretrained = noted


def _peak_kb() -> int:
    return _status_kb("VmHWM")


def _status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def smollm(options: argparse.Namespace, folder: Path) -> Found:
    """One epoch over 64 real traces; the loss over all of them, before and after.

    Before the first step a policy is its own reference and every reward is 0, so the loss is
    mean(λ)/2, which the first step confirms. The pairs are those of the epoch, before and after.
    """
    from alignment.training.course import Observer, train_from_export
    from alignment.training.recipe import TrainingConfig
    from benchmarks.learning import answers_of, loss_after
    from benchmarks.policies import write_real_export

    export = write_real_export(folder / "export", options.data, options.traces)
    config = TrainingConfig(
        policy=str(options.policy), device="cpu", epochs=1, learning_rate=1e-4, max_tokens=512,
        lambda_r=None, accumulation=2,
    )  # fmt: skip
    prepared: list[Any] = []
    result = train_from_export(
        export, folder / "out", config, Observer(on_prepared=prepared.append)
    )
    began = time.monotonic()
    before, after = loss_after(prepared[0], result, folder / "out" / "reference")
    evaluated_s = time.monotonic() - began
    said = answers_of(options.policy, result.checkpoint, 2)
    return {"smollm_loss_falls": float(after < before)}, {
        "before": before, "after": after, "first_step": result.steps[0].loss,
        "counts": result.counts, "steps": len(result.steps), "lambda_r": result.lambda_r,
        "reference_s": result.reference_s, "wall_s": result.wall_s, "evaluated_s": evaluated_s,
        "tokens_per_s": result.tokens_per_s, "answers": said,
    }  # fmt: skip


def main() -> None:
    """Measure, print, and write results/alignment.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder(), help="traces and pairs")
    parser.add_argument("--policy", type=Path, help="SmolLM2 unpacked; made there if it is not")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: processor time, where others use the machine")  # fmt: skip
    parser.add_argument("--traces", type=int, default=64)
    parser.add_argument("--side", choices=("ours", "trl"), help=argparse.SUPPRESS)
    parser.add_argument("--export", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        return one_side(options)
    if options.data is None and set(options.only) != {"parity"}:
        parser.error("expected --data, or a folder of data in MRALIGN_BENCH_DATA")
    figures, details = earlier("alignment") if set(options.only) < set(PARTS) else ({}, {})
    with tempfile.TemporaryDirectory() as kept:
        if set(options.only) != {"parity"}:
            from benchmarks.policies import smollm as unpack

            options.policy = unpack((options.policy or Path(kept) / "smollm").resolve())
        for part in options.only:
            with tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                found, told = globals()[part](options, Path(folder))
                took_s = round(time.monotonic() - began, 1)
                details[part] = {**told, "took_s": took_s, "load": os.getloadavg()}
            figures |= found
    save("alignment", figures, details)
    return None


if __name__ == "__main__":
    main()
