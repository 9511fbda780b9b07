"""Run commands as a user would, each in a process of its own, with its time and peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """What one command cost."""

    stage: str
    seconds: float
    peak_mb: float
    output: str


class StageFailed(RuntimeError):
    """A command of the benchmark ended with a non-zero code."""


def measure(
    stage: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Measured:
    """Run `mralign ARGUMENTS` in `folder`; wall time and the process's own peak memory.

    Raises:
        StageFailed: with the end of what it printed.
    """
    command = [sys.executable, "-m", "mralign", *arguments]
    log = folder / f"{stage}.log"
    started_s = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started_s
    text = log.read_text("utf-8", "replace")
    if (code := os.waitstatus_to_exitcode(status)) not in (0, 3):
        raise StageFailed(f"`mralign {' '.join(arguments)}` ended with {code}:\n{text[-2000:]}")
    measured = Measured(stage, seconds, usage.ru_maxrss / 1024, text)
    print(f"{stage:14} {seconds:8.1f} s {measured.peak_mb:8.0f} MB", flush=True)
    return measured
