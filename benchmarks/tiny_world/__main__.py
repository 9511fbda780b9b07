"""Train every arm on every cell of the protocol, and hold MR-ALIGN against the others.

`python -m benchmarks.tiny_world` runs single-threaded, keeps each part as it ends, and with
--resume goes on from what is there.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignment.export.tokens import TokenizedExample
from alignment.training.processes import Processes, open_processes
from alignment.training.reference import ReferenceCache
from benchmarks.record import RESULTS, save
from benchmarks.tiny_world.arms import align, examples_of, move_weights
from benchmarks.tiny_world.figures import UNTRAINED, Record, summarise
from benchmarks.tiny_world.harvest import PolarTrace, harvest
from benchmarks.tiny_world.marks import Exam
from benchmarks.tiny_world.policy import draw_uniforms, make_model, pretrain, sample
from benchmarks.tiny_world.progress import Progress
from benchmarks.tiny_world.protocol import Arm, Protocol
from benchmarks.tiny_world.world import Fact, draw_facts

PROGRESS = RESULTS / "tiny_world.jsonl"


def run(protocol: Protocol, progress: Progress) -> None:
    """Measure every part that is not there yet."""
    processes = open_processes("cpu", (), progress.path.parent, {})
    for seed in protocol.pretrained_seeds:
        wanted = [
            (alignment, arm, rate)
            for alignment in protocol.alignment_seeds
            for arm in protocol.arms
            for rate in protocol.rates_of(arm)
        ]
        if all(progress.has(seed, *part) for part in wanted):
            continue
        World(protocol, progress, seed, processes).align_all()


class World:
    """One pretrained seed: its facts, its policy, and the exam that its arms sit."""

    def __init__(
        self, protocol: Protocol, progress: Progress, seed: int, processes: Processes
    ) -> None:
        self.protocol, self.progress, self.seed = protocol, progress, seed
        self.processes = processes
        rng = np.random.default_rng((seed, 0))
        self.facts = draw_facts(protocol.subjects, rng)
        self.base = make_model(protocol.subjects, seed)
        loss = pretrain(self.base, self.facts, protocol, rng)
        self.base.requires_grad_(False)
        self.exam = Exam(*self._held_back(), protocol, seed)
        if not progress.has(seed, 0, UNTRAINED, 0.0):
            before = Record(seed, 0, UNTRAINED, 0.0, 0, self.exam.sit(self.base, None))
            progress.add([before], {"pretrained": seed, "pretrain_loss": loss})
            print(f"pretrained {seed}: loss {loss:.3f} {_shown(before)}", flush=True)

    def align_all(self) -> None:
        """Train every arm at every rate on every alignment seed's traces."""
        for alignment in self.protocol.alignment_seeds:
            traces = harvest(
                self.facts[: self.protocol.train_subjects], self.protocol.train_draws,
                self._sample, (self.seed, alignment),
            )  # fmt: skip
            self._align(alignment, traces)

    def _align(self, alignment: int, traces: Sequence[PolarTrace]) -> None:
        note = {"pretrained": self.seed, "alignment": alignment, **_described(traces)}
        known = ReferenceCache({}, {})  # of the same tokens and pairs for every arm that needs it
        for arm in self.protocol.arms:
            examples = examples_of(arm, traces, np.random.default_rng((self.seed, alignment, 7)))
            for rate in self.protocol.rates_of(arm):
                if not self.progress.has(self.seed, alignment, arm, rate):
                    known = self._train(alignment, arm, rate, examples, known, note)
                    note = {}

    def _train(
        self,
        alignment: int,
        arm: Arm,
        rate: float,
        examples: Sequence[TokenizedExample],
        known: ReferenceCache,
        note: Mapping[str, Any],
    ) -> ReferenceCache:
        model = copy.deepcopy(self.base)
        records: list[Record] = []

        def on_mark(step: int) -> None:
            measured = self.exam.sit(model, self.base)
            records.append(Record(self.seed, alignment, arm, rate, step, measured))

        said = align(
            model, arm, rate, examples, alignment, self.protocol, self.processes, known, on_mark
        )
        self.progress.add(records, note)
        print(f"{self.seed} {alignment} {arm:8} {rate:g} {_shown(records[-1])}", flush=True)
        return said

    def _held_back(self) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
        start = self.protocol.train_subjects
        end = start + self.protocol.validation_subjects
        return self.facts[start:end], self.facts[end:]

    def _sample(self, prompts: Sequence[Sequence[int]], seed: tuple[int, ...]) -> list[list[int]]:
        return sample(self.base, prompts, draw_uniforms(len(prompts), seed))


def figures_of(summary: dict[str, Any], protocol: Protocol, cpu_s: float) -> dict[str, float]:
    """The figures by the names under which they are asked for."""
    own = summary["own_rate"]
    apart = own["mralign_minus"]["kto test_acc"]["over_pretrained_seeds"]
    acc = {f"acc_{arm}": each["test_acc"]["mean"] for arm, each in own["arms"].items()}
    mis = {f"mis_{arm}": each["test_mis"]["mean"] for arm, each in own["arms"].items()}
    return {
        "pretrained_seeds": len(protocol.pretrained_seeds),
        "alignment_seeds": len(protocol.alignment_seeds),
        "cpu_minutes": cpu_s / 60.0,
        **acc,
        **mis,
        "mralign_minus_kto_acc_ci_low": apart["low"],
        "mralign_minus_kto_acc_ci_high": apart["high"],
    }


def _described(traces: Sequence[PolarTrace]) -> dict[str, float]:
    """How many traces of which kind, and how far their weights are apart."""
    weights = [weight for row in move_weights(traces) for weight in row]
    return {
        "traces": len(traces),
        "positive": sum(trace.polarity == "positive" for trace in traces),
        "weight_mean": float(np.mean(weights)),
        "weight_sd": float(np.std(weights)),
    }


def _shown(record: Record) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in record.measured.items())


def main() -> None:
    """Run the protocol, print, and write results/tiny_world.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume", action="store_true", help="go on from what was measured")
    parser.add_argument("--progress", type=Path, default=PROGRESS, help="where parts are kept")
    options = parser.parse_args()
    if options.progress.exists() and not options.resume:
        parser.error(f"{options.progress} is there: go on with --resume, or move it away")
    torch.set_num_threads(1)
    protocol = Protocol()
    progress = Progress(options.progress, protocol.fingerprint())
    progress.load()
    run(protocol, progress)
    summary = summarise(progress.records, protocol)
    details = {"protocol": asdict(protocol), **summary, "notes": progress.notes}
    save("tiny_world", figures_of(summary, protocol, progress.cpu_s), details)


if __name__ == "__main__":
    main()
