"""Documents say what the program does: generated pages are fresh, commands and links exist."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_generated_pages_are_fresh() -> None:
    """docs/cli.md and docs/tables.md are what `make docs` would write now."""
    import reference

    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == reference.cli_page()
    assert (ROOT / "docs" / "tables.md").read_text("utf-8") == reference.tables_page()


def commands_in(text: str) -> list[list[str]]:
    """Every `mralign …` line of a document's shell blocks, as arguments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("mralign ")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_document_exists_with_its_options(path: Path) -> None:
    """A command that the program would not parse is not advertised."""
    from mralign.main import app

    for arguments in commands_in(path.read_text("utf-8")):
        command: Any = get_command(app)
        context = command.make_context("mralign", [arguments[0]], resilient_parsing=True)
        while arguments and hasattr(command, "get_command"):
            name = arguments[0]
            command = command.get_command(context, name)
            assert command is not None, f"{path.name}: {name}"
            arguments = arguments[1:]
        known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        given = {argument.split("=")[0] for argument in arguments if argument.startswith("--")}
        assert given <= known, f"{path.name}: {given - known}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    """Links to files of the project point at files that are there."""
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} → {target}"


def test_every_module_that_the_architecture_names_exists() -> None:
    """The map of the rooms names files that are there."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for room, cells in re.findall(r"^\| `(\w+)/` \| [^|]* \| (.*) \|$", text, re.MULTILINE):
        if room in ("store", "gateway", "annotator", "taxonomy", "alignment"):
            for name in re.findall(r"`([a-z_]+)/?`", cells):
                path = ROOT / room / name
                assert path.with_suffix(".py").exists() or path.is_dir(), f"{room}/{name}"


def test_every_module_of_a_rooms_folder_is_in_its_row() -> None:
    """The tables of the folders name all that is there, and nothing else."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+/\w+)/` \| [^|]* \| (.*) \|$", text, re.MULTILINE)
    named = {folder: set(re.findall(r"`([a-z_]+)`", cells)) for folder, cells in rows}
    assert named == {
        f"{room}/{path.parent.name}": {p.stem for p in path.parent.glob("[a-z]*.py")}
        for room in ("annotator", "taxonomy", "alignment", "webapp")
        for path in (ROOT / room).glob("*/__init__.py")
    }
