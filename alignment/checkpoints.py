"""A checkpoint: the adapter, the tokenizer, and how they came to be; whole or not there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignment.policy import Policy

STATE_FILE = "training.json"


def write_checkpoint(folder: Path, policy: Policy, state: Mapping[str, Any]) -> None:
    """Write adapter, tokenizer and state beside `folder`, then put them in its place.

    A run that is killed on the way leaves an earlier checkpoint as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        policy.model.save_pretrained(str(fresh), save_embedding_layers=False)
        policy.tokenizer.save_pretrained(str(fresh))
        text = json.dumps(state, indent=2, ensure_ascii=False, allow_nan=False, default=str)
        (fresh / STATE_FILE).write_text(text + "\n", encoding="utf-8")
        _replace(folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_state(folder: Path) -> dict[str, Any]:
    """Return what `write_checkpoint` was told about the run."""
    return dict(json.loads((folder / STATE_FILE).read_text(encoding="utf-8")))


def _replace(folder: Path, fresh: Path) -> None:
    fresh.chmod(0o755)
    if not folder.exists():
        fresh.replace(folder)
        return
    old = fresh.with_name(f"{fresh.name}-old")
    folder.replace(old)
    fresh.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
