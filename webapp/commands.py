"""The command that repeats a run, from what the run remembers."""

import shlex
from collections.abc import Mapping
from typing import Any

from store.states import RunKind
from store.tables import Run

OFFLINE = "offline"
_DECODING = {
    name: f"--{name.replace('_', '-')}"
    for name in ("temperature", "top_p", "top_k", "max_new_tokens", "batch_size", "seed")
}
# The verb of each kind, and the option of each parameter that one may set; the others are what
# the run found out by itself.
COMMANDS: dict[RunKind, tuple[str, Mapping[str, str]]] = {
    RunKind.IMPORT: (
        "traces import",
        {"file": "", "thinking_mode": "--thinking-mode", "model": "--model"},
    ),
    RunKind.PAIR: ("traces pair", {"match": "--match", "pairs": "--pairs"}),
    RunKind.LABEL: ("label run", {"limit": "--limit"}),
    RunKind.CLUSTER: (
        "cluster run",
        {
            "label_run": "--label-run",
            "method": "--method",
            "min_count": "--min-count",
            "seed": "--seed",
        },
    ),
    RunKind.ANNOTATE: (
        "annotate run",
        {
            "taxonomy": "--taxonomy",
            "limit": "--limit",
            "distilled": "--distilled",
            "abstain_below": "--abstain-below",
            "escalate": "--escalate",
        },
    ),
    RunKind.DISTILL: (
        "annotate distill",
        {"folder": "", "annotate_run": "--annotate-run", "sources": "--sources"},
    ),
    RunKind.EXPORT: (
        "export",
        {
            "annotate_run_id": "--annotate-run",
            "preset": "--preset",
            "length_filter": "--length-filter",
            "validation_share": "--validation-share",
        },
    ),
    RunKind.TRAIN: (
        "export --train",
        {
            "policy": "--policy",
            "max_steps": "--max-steps",
            "epochs": "--epochs",
            "batch_size": "--batch-size",
            "accumulation": "--accumulation",
            "learning_rate": "--learning-rate",
            "lambda_r": "--lambda-r",
            "loss": "--loss",
            "uniform_weights": "--uniform-weights",
            "tuning": "--tuning",
            "seed": "--seed",
        },
    ),
    RunKind.EVALUATE: (
        "evaluate",
        {
            "traces": "--traces",
            "policy": "--policy",
            "adapter": "--adapter",
            "limit": "--limit",
            **_DECODING,
        },
    ),
}


def command_of(run: Run) -> str:
    """The command line that repeats a run, quoted for a shell."""
    verb, options = COMMANDS[run.kind]
    values: dict[str, Any] = {**run.parameters}
    if run.seed is not None:
        values["seed"] = run.seed
    words = ["mralign", *verb.split(), *_source(run), *_fields(values)]
    for name, option in options.items():
        words += _option(option, values.get(name))
    return shlex.join(words)


def _option(option: str, value: object) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    return [option, str(value)] if option else [str(value)]


def _source(run: Run) -> list[str]:
    """Which model answered, where one can be chosen."""
    if run.kind not in (RunKind.LABEL, RunKind.ANNOTATE) or run.model is None:
        return []
    if run.model.startswith(OFFLINE):
        return [f"--{OFFLINE}"]
    return ["--model", run.model] if run.kind == RunKind.LABEL else []


def _fields(values: Mapping[str, Any]) -> list[str]:
    """How the fields of an imported file were named."""
    mapping = values.get("mapping")
    if not isinstance(mapping, Mapping):
        return []
    return [word for ours, theirs in mapping.items() for word in ("--field", f"{ours}={theirs}")]
