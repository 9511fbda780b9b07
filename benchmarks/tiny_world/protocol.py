"""What was settled before the first full run: seeds, arms, grid, splits, marks, comparisons.

Nothing here was changed after a result was seen; docs/decisions/0013 says what was tried before,
and on which other seeds.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

Arm = Literal["sft", "kto", "mralign", "placebo"]
ARMS: tuple[Arm, ...] = ("sft", "kto", "mralign", "placebo")


@dataclass(frozen=True)
class Protocol:
    """A run of the benchmark.

    A pretrained seed draws its own facts, traces and initial weights; an alignment seed draws its
    own on-policy traces, order and mismatched pairs. Draws are samples a subject, at temperature
    1. Each arm's rate is the one of its grid with the highest mean validation Acc at the last mark
    over all cells (a pretrained and an alignment seed make a cell). At equal KL, each arm takes in
    each cell the (rate, mark) whose KL is nearest to `target_kl_nats` on a logarithmic scale.
    """

    pretrained_seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    alignment_seeds: tuple[int, ...] = (0, 1, 2)
    arms: tuple[Arm, ...] = ARMS
    rates: tuple[float, ...] = (4e-4, 1e-3, 2.5e-3)
    sft_rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    train_subjects: int = 60
    validation_subjects: int = 20
    test_subjects: int = 40
    pretrain_steps: int = 900
    pretrain_batch: int = 24
    pretrain_rate: float = 5e-3
    train_draws: int = 16
    validation_draws: int = 6
    test_draws: int = 8
    kl_traces: int = 160
    epochs: int = 3
    batch_size: int = 16
    beta: float = 0.5
    marks: tuple[float, ...] = (0.5, 1.0)
    target_kl_nats: float = 1.0

    def rates_of(self, arm: Arm) -> tuple[float, ...]:
        """The rates that an arm is tried at; SFT's loss needs larger ones, as in the paper."""
        return self.sft_rates if arm == "sft" else self.rates

    @property
    def subjects(self) -> int:
        """How many subjects a world knows."""
        return self.train_subjects + self.validation_subjects + self.test_subjects

    def fingerprint(self) -> str:
        """A hash of every setting, so that results of another protocol are never gone on with."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]
