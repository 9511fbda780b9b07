"""How much one forward should hold on a GPU, and what each choice inside it costs."""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from alignment.export.tokens import TokenizedExample
from alignment.policies.kernels import fitting_kernels, repeatable
from alignment.training.reference import ReferenceCache
from alignment.training.trainer import Trainer
from benchmarks.contest import our_trainer, tokenized
from benchmarks.gpu_beside import clock
from benchmarks.gpu_policies import device, level_rows, long_rows
from benchmarks.parity import Place

Found = tuple[dict[str, float], dict[str, Any]]
BUDGETS = (2048, 4096, 8192, 16384, 32768)
TIMES = 2


def ceilings(options: argparse.Namespace, folder: Path) -> Found:
    """What the GPU itself does: a large product in bfloat16, and a copy of its memory."""
    size = 8192 if device() == "cuda" else 256
    left, right = (torch.randn(size, size, device=device(), dtype=torch.bfloat16) for _ in range(2))
    product_s = _median_s(lambda: left @ right, 10)
    copied_s = _median_s(lambda: left.clone(), 10)
    return {
        "matmul_tflop_per_s": 2 * size**3 / product_s / 1e12,
        "copy_tb_per_s": 2 * left.numel() * 2 / copied_s / 1e12,
    }, {}


def forwards(options: argparse.Namespace, folder: Path) -> Found:
    """A step of real rows and one of long rows, with every choice in turn."""
    real = tokenized(options.export, options.policy, options.max_tokens, options.rows)
    long = long_rows(options.rows // 3, options.longest // 2, options.longest)
    told: dict[str, Any] = {}
    figures: dict[str, float] = {}
    for name, rows in (("real", real), ("long", long)):
        trial = Trial(options.policy, rows, options.dtype)
        told[name] = {"rows": len(rows), "mean_tokens": trial.tokens / len(rows),
                      **trial.choices()}  # fmt: skip
        level = Trial(options.policy, level_rows(rows), options.dtype)
        best = max(BUDGETS, key=lambda b: told[name][f"budget {b}"].get("tokens_per_s", 0))
        told[name]["level rows"] = level.measured(best)
        figures[f"of_level_rows_{name}"] = (
            told[name][f"budget {best}"]["tokens_per_s"] / told[name]["level rows"]["tokens_per_s"]
        )
    return figures, told


class Trial:
    """One step over some rows, taken again and again."""

    def __init__(self, policy: Path, rows: list[TokenizedExample], dtype: str) -> None:
        place = Place(device(), dtype, 4096)
        self.trainer, steps = our_trainer(policy, rows, len(rows), 1, place)
        self.micros = steps[0]
        self.fold = self.trainer.fold(self.trainer.data(rows), steps, ReferenceCache({}, {}))
        self.tokens = sum(row.length_tokens for row in rows)
        self.trainer.reuses_past = False

    def choices(self) -> dict[str, dict[str, float]]:
        """Every choice by its name: budgets first, then the others at 8,192 tokens."""
        found = {f"budget {budget}": self.measured(budget) for budget in BUDGETS}
        found["prompt read once"] = self.measured(8192, reuses=True)
        found["adapter in float32"] = self.measured(8192, lower=None)
        found["budget 8192"]["same_bits"] = self.same_bits()
        with repeatable(True):
            found["deterministic"] = self.measured(8192)
            found["deterministic"]["same_bits"] = self.same_bits()
        return found

    def measured(
        self,
        budget: int,
        reuses: bool = False,
        lower: torch.dtype | None = torch.bfloat16,
    ) -> dict[str, float]:
        """Tokens a second, memory, and the loss; nothing where memory does not suffice."""
        trainer: Trainer = self.trainer
        trainer.budget_tokens, trainer.reuses_past = budget, reuses
        trainer.scorer.autocast = lower
        try:
            self._step()
            _forget_peak()
            median_s = _median_s(self._step, TIMES)
            loss = self._step()
        except torch.OutOfMemoryError:
            return {"out_of_memory": 1.0}
        finally:
            trainer.optimizer.zero_grad(set_to_none=True)
        return {"tokens_per_s": self.tokens / median_s, "peak_gb": _peak_gb(), "loss": loss}

    def _step(self) -> float:
        with fitting_kernels():
            outcome = self.trainer.run(self.fold, self.micros, learn=True)
        self.trainer.optimizer.zero_grad(set_to_none=True)
        return outcome.loss

    def same_bits(self) -> float:
        """1 where three steps from one place have the same gradients, by every tensor's norm."""
        return float(len({self._norms() for _ in range(3)}) == 1)

    def _norms(self) -> tuple[float, ...]:
        """The gradients' norms after a step that starts where the last one did."""
        with fitting_kernels():
            self.trainer.run(self.fold, self.micros, learn=True)
        held = [p for p in self.trainer.scorer.parameters() if p.grad is not None]
        norms = tuple(float(p.grad.double().norm()) for p in held if p.grad is not None)
        self.trainer.optimizer.zero_grad(set_to_none=True)
        return norms


def _median_s(work: Callable[[], object], times: int) -> float:
    work()
    taken = []
    for _ in range(times):
        began = clock()
        work()
        taken.append(clock() - began)
    return statistics.median(taken)


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak_gb() -> float:
    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
