"""Where a benchmark's figures go: a table on the terminal, and results/NAME.json."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def save(name: str, figures: Mapping[str, float], details: Mapping[str, object]) -> Path:
    """Print the figures and write them with the commit and the machine they were taken on."""
    for key, value in figures.items():
        print(f"{key:40} {value:,.4g}")
    return write(name, figures, details)


def write(name: str, figures: Mapping[str, float], details: Mapping[str, object]) -> Path:
    """Write them without a word, as a long run does between its parts."""
    document = {
        "name": name,
        "commit": _commit(),
        "machine": machine(),
        "figures": dict(figures),
        "details": dict(details),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def earlier(name: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures and details of the last run, which a run of some parts leaves in their places."""
    path = RESULTS / f"{name}.json"
    document = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return document.get("figures", {}), document.get("details", {})


def machine() -> str:
    """The processor, its cores, and Python's version."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
