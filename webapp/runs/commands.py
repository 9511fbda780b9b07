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
# The option of each parameter that one may set, by verb; the others are what the run found out by
# itself.
COMMANDS: dict[str, Mapping[str, str]] = {
    "traces import": {"file": "", "thinking_mode": "--thinking-mode", "model": "--model"},
    "traces pair": {"match": "--match", "pairs": "--pairs"},
    "label run": {"limit": "--limit"},
    "cluster run": {
        "label_run": "--label-run",
        "method": "--method",
        "min_count": "--min-count",
        "preset": "--preset",
        "version": "--version",
        "discover": "--discover",
        "seed": "--seed",
    },
    "cluster add": {"base_run": "--run", "label_run": "--label-run"},
    "annotate run": {
        "taxonomy": "--taxonomy",
        "limit": "--limit",
        "distilled": "--distilled",
        "abstain_below": "--abstain-below",
        "escalate": "--escalate",
    },
    "annotate import": {
        "file": "",
        "format": "--format",
        "taxonomy": "--taxonomy",
        "person": "--person",
        "names": "--person",
        "labels": "--label",
        "skip_unknown": "--skip-unknown",
        "predictions": "--predictions",
    },
    "annotate distill": {"folder": "", "annotate_run": "--annotate-run", "sources": "--sources"},
    "study create": {
        "study": "",
        "people": "--person",
        "strata": "--strata",
        "per_stratum": "--per-stratum",
        "overlap": "--overlap",
        "seed": "--seed",
        "proposals": "--proposals",
        "polar": "--polar",
        "taxonomy": "--taxonomy",
    },
    "taxonomy migrate": {
        "migrated_from": "--from",
        "taxonomy": "--to",
        "migrated_from_run": "--annotate-run",
    },
    "export": {
        "annotate_run_id": "--annotate-run",
        "preset": "--preset",
        "length_filter": "--length-filter",
        "validation_share": "--validation-share",
    },
    "export --train": {
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
    "evaluate": {
        "traces": "--traces",
        "policy": "--policy",
        "adapter": "--adapter",
        "endpoint": "--endpoint",
        "task": "--task",
        "questions": "--questions",
        "limit": "--limit",
        "draws": "--draws",
        "snippets": "--snippets",
        "judge": "--judge",
        "evidence": "--evidence",
        "k": "--k",
        "base": "--base",
        "base_name": "--base-name",
        "before": "--before",
        "after": "--after",
        **_DECODING,
    },
}
VERBS = {
    RunKind.IMPORT: "traces import",
    RunKind.PAIR: "traces pair",
    RunKind.LABEL: "label run",
    RunKind.CLUSTER: "cluster run",
    RunKind.ANNOTATE: "annotate run",
    RunKind.DISTILL: "annotate distill",
    RunKind.EXPORT: "export",
    RunKind.TRAIN: "export --train",
    RunKind.EVALUATE: "evaluate",
}
# Another verb's run is known by a parameter that only it has.
SIGNS = (
    (RunKind.CLUSTER, "base_run", "cluster add"),
    (RunKind.ANNOTATE, "migrated_from_run", "taxonomy migrate"),
    (RunKind.ANNOTATE, "study", "study create"),
    (RunKind.ANNOTATE, "file", "annotate import"),
)


def command_of(run: Run) -> str:
    """The command line that repeats a run, quoted for a shell."""
    verb = _verb(run)
    values = _values(run)
    words = ["mralign", *verb.split(), *_source(run, verb), *_fields(values)]
    for name, option in COMMANDS[verb].items():
        words += _option(option, values.get(name))
    return shlex.join(words)


def _verb(run: Run) -> str:
    signs = (verb for kind, name, verb in SIGNS if kind == run.kind and name in run.parameters)
    return next(signs, VERBS[run.kind])


def _values(run: Run) -> dict[str, Any]:
    """What the run remembers, as its options say it."""
    values: dict[str, Any] = {**run.parameters}
    if run.seed is not None:
        values["seed"] = run.seed
    placed = (values.get(name, "") for name in ("preset", "version"))
    values["discover"] = run.kind == RunKind.CLUSTER and all(one is None for one in placed)
    values["proposals"] = values.get("proposal_run") is not None
    for name in ("strata", "sources"):
        if isinstance(values.get(name), list):
            values[name] = ",".join(values[name])
    return values


def _option(option: str, value: object) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    if isinstance(value, Mapping):
        value = [f"{ours}={theirs}" for ours, theirs in value.items()]
    if isinstance(value, list):
        return [word for one in value for word in _option(option, one)]
    return [option, str(value)] if option else [str(value)]


def _source(run: Run, verb: str) -> list[str]:
    """Which model answered, where one can be chosen."""
    if verb not in ("label run", "annotate run") or run.model is None:
        return []
    if run.model.startswith(OFFLINE):
        return [f"--{OFFLINE}"]
    return ["--model", run.model] if verb == "label run" else []


def _fields(values: Mapping[str, Any]) -> list[str]:
    """How the fields of an imported file were named."""
    mapping = values.get("mapping")
    if not isinstance(mapping, Mapping):
        return []
    return [word for ours, theirs in mapping.items() for word in ("--field", f"{ours}={theirs}")]
