"""The command that repeats a run, from what the run remembers."""

import shlex
from collections.abc import Mapping
from typing import Any

from store.states import RunKind
from store.tables import Run

_VERBS = {
    RunKind.IMPORT: "mralign traces import",
    RunKind.PAIR: "mralign traces pair",
    RunKind.LABEL: "mralign label run",
    RunKind.CLUSTER: "mralign cluster run",
    RunKind.ANNOTATE: "mralign annotate run",
    RunKind.EXPORT: "mralign export",
    RunKind.TRAIN: "mralign export --train",
    RunKind.EVALUATE: "mralign evaluate",
}


def command_of(run: Run) -> str:
    """The command line that repeats a run, quoted for a shell.

    A run that wrote its own command down has it in `parameters["command"]`; else it is the verb
    of its kind with the seed.
    """
    written = run.parameters.get("command")
    if isinstance(written, str):
        return written
    if isinstance(written, list):
        return shlex.join(str(part) for part in written)
    return " ".join([_VERBS[run.kind], *_files(run.parameters), *_seed(run)])


def _files(parameters: Mapping[str, Any]) -> list[str]:
    files = parameters.get("files", [])
    return [shlex.quote(str(file)) for file in files] if isinstance(files, list) else []


def _seed(run: Run) -> list[str]:
    return [] if run.seed is None else ["--seed", str(run.seed)]
