"""The command that repeats a run is one that the command line takes."""

import shlex
from typing import Any

import pytest
from typer.main import get_command

from mralign.main import app
from store.states import RunKind
from store.tables import Run
from webapp.commands import COMMANDS, command_of


def options_of(verb: str) -> set[str]:
    """The options that the command line knows for a verb."""
    command: Any = get_command(app)
    for word in verb.split():
        if not word.startswith("-"):
            command = (
                command.get_command(None, word) if hasattr(command, "get_command") else command
            )
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("kind", list(RunKind))
def test_every_option_is_one_of_the_command_line(kind: RunKind) -> None:
    """A page must not advise what cannot be typed."""
    verb, options = COMMANDS[kind]
    flags = {word for word in verb.split() if word.startswith("--")}
    assert ({option for option in options.values() if option} | flags) <= options_of(verb)


@pytest.mark.parametrize(
    ("run", "command"),
    [
        (
            Run(kind=RunKind.LABEL, model="offline-lexicon-1", parameters={"limit": None}),
            "mralign label run --offline",
        ),
        (
            Run(kind=RunKind.CLUSTER, seed=3, parameters={"label_run": 2, "min_count": None}),
            "mralign cluster run --label-run 2 --seed 3",
        ),
        (
            Run(kind=RunKind.IMPORT, parameters={"file": "a b.jsonl", "mapping": {"id": "key"}}),
            "mralign traces import --field id=key 'a b.jsonl'",
        ),
        (
            Run(kind=RunKind.EXPORT, parameters={"length_filter": True, "folder": "exports/6"}),
            "mralign export --length-filter",
        ),
        (
            Run(kind=RunKind.TRAIN, parameters={"policy": "$(reboot)", "epochs": 3, "seed": 0}),
            "mralign export --train --policy '$(reboot)' --epochs 3 --seed 0",
        ),
    ],
)
def test_a_run_is_told_as_a_command(run: Run, command: str) -> None:
    """Quoted, so that nothing in it is obeyed by a shell."""
    assert command_of(run) == command
    assert shlex.split(command)[0] == "mralign"
