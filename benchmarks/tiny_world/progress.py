"""What a run has measured so far, a line a part, so that an interrupted one can go on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.tiny_world.figures import Record


class ProgressError(ValueError):
    """A file of progress is of another protocol, or in the way."""


@dataclass
class Progress:
    """Records and notes in a file of JSON lines, with the processor time that each part took."""

    path: Path
    fingerprint: str
    records: list[Record] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    cpu_s: float = 0.0
    _counted_s: float = 0.0

    def load(self) -> None:
        """Read what another run of the same protocol left; a line that was cut off is dropped.

        Raises: ProgressError where the file is of another protocol.
        """
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else ():
            try:
                part = json.loads(line)
            except json.JSONDecodeError:
                continue
            if part["protocol"] != self.fingerprint:
                raise ProgressError(f"{self.path} is of another protocol; move it away.")
            self._take(part)

    def has(self, pretrained: int, alignment: int, arm: str, rate: float) -> bool:
        """Whether this part was measured."""
        wanted = (pretrained, alignment, arm, rate)
        return any((r.pretrained, r.alignment, r.arm, r.rate) == wanted for r in self.records)

    def add(self, records: list[Record], note: Mapping[str, Any]) -> None:
        """Keep a part, with the processor time since the one before."""
        spent_s = time.process_time()
        part = {
            "protocol": self.fingerprint,
            "cpu_s": round(spent_s - self._counted_s, 3),
            "records": [asdict(record) for record in records],
            "note": dict(note),
        }
        self._counted_s = spent_s
        self._take(part)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(part) + "\n")

    def _take(self, part: Mapping[str, Any]) -> None:
        self.records += [Record(**record) for record in part["records"]]
        self.cpu_s += part["cpu_s"]
        if part["note"]:
            self.notes.append(dict(part["note"]))
