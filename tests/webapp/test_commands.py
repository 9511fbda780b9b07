"""The command that repeats a run is one that the command line takes."""

import shlex
from typing import Any

import pytest
from typer.main import get_command

from mralign.main import app
from store.states import RunKind
from store.tables import Run
from webapp.runs.commands import COMMANDS, SIGNS, VERBS, command_of


def options_of(verb: str) -> set[str]:
    """The options that the command line knows for a verb."""
    command: Any = get_command(app)
    for word in verb.split():
        if not word.startswith("-"):
            command = (
                command.get_command(None, word) if hasattr(command, "get_command") else command
            )
    return {option for parameter in command.params for option in parameter.opts}


def test_every_kind_of_run_has_a_verb() -> None:
    assert set(VERBS) == set(RunKind)
    assert {*VERBS.values(), *(verb for _, _, verb in SIGNS)} == set(COMMANDS)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_option_is_one_of_the_command_line(verb: str) -> None:
    """A page must not advise what cannot be typed."""
    options = COMMANDS[verb]
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
        (
            Run(kind=RunKind.CLUSTER, seed=0, parameters={"preset": None, "version": None}),
            "mralign cluster run --discover --seed 0",
        ),
        (
            Run(kind=RunKind.CLUSTER, parameters={"base_run": 3, "label_run": 7, "preset": "p"}),
            "mralign cluster add --run 3 --label-run 7",
        ),
        (
            Run(
                kind=RunKind.ANNOTATE,
                model="people",
                seed=1,
                parameters={
                    "study": "pilot",
                    "people": ["anna", "ben"],
                    "proposal_run": 4,
                    "strata": ["polarity", "hit_gap"],
                    "polar": False,
                },
            ),
            "mralign study create pilot --person anna --person ben --strata polarity,hit_gap "
            "--seed 1 --proposals",
        ),
        (
            Run(
                kind=RunKind.ANNOTATE,
                model="people",
                parameters={"file": "labels.jsonl", "names": {"7": "anna"}, "taxonomy": "v1"},
            ),
            "mralign annotate import labels.jsonl --taxonomy v1 --person 7=anna",
        ),
        (
            Run(
                kind=RunKind.ANNOTATE,
                model="offline-panel-1",
                parameters={"migrated_from": "v1", "taxonomy": "v2", "migrated_from_run": 5},
            ),
            "mralign taxonomy migrate --from v1 --to v2 --annotate-run 5",
        ),
        (
            Run(kind=RunKind.DISTILL, parameters={"folder": "head", "sources": ["a", "b"]}),
            "mralign annotate distill head --sources a,b",
        ),
    ],
)
def test_a_run_is_told_as_a_command(run: Run, command: str) -> None:
    """Quoted, so that nothing in it is obeyed by a shell."""
    assert command_of(run) == command
    assert shlex.split(command)[0] == "mralign"
