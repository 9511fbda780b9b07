"""The rules of the house that no linter knows."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("store", "gateway", "annotator", "taxonomy", "alignment", "webapp", "mralign")
MIDDLE = ("annotator", "taxonomy", "alignment")
# The modules of the middle rooms that speak to the store or to models; all others are pure.
IMPURE = {
    "annotator": {
        "agreement/plans",
        "agreement/studies",
        "distillation/run",
        "exchange/handing",
        "exchange/taking",
        "labeling/run",
        "labeling/work",
        "language_models/endpoint",
        "traces/intake",
    },
    "taxonomy": {
        "discovery/addition",
        "discovery/arranging_run",
        "discovery/checkup",
        "discovery/findings",
        "discovery/guides",
        "discovery/naming_run",
        "discovery/run",
        "review/clusterings",
        "review/curation",
        "review/judging",
        "review/reclustering",
        "review/review_state",
        "review/standing",
        "suggestions/suggesting",
        "versions/appraisal",
        "versions/carryover",
        "versions/change_notes",
        "versions/drafting",
        "versions/imported",
        "versions/lifecycle",
        "versions/signing",
    },
    "alignment": {
        "evaluation/arms",
        "evaluation/judges",
        "evaluation/plan",
        "evaluation/rows",
        "evaluation/run",
        "explanation/lineage",
        "explanation/origins",
        "export/corpus",
        "export/run",
        "inspection/grounds",
        "inspection/groups",
        "inspection/material",
        "polarity/intake",
        "sampling/answering",
        "sampling/kept_draws",
        "sampling/run",
        "training/run",
    },
}
# The modules that may load torch; the encoder is the only one outside of alignment.
TORCH = {
    "alignment/policies/generation",
    "alignment/policies/kernels",
    "alignment/policies/logprobs",
    "alignment/policies/policy",
    "alignment/policies/tiny",
    "alignment/training/batches",
    "alignment/training/checkpoints",
    "alignment/training/course",
    "alignment/training/losses",
    "alignment/training/outcomes",
    "alignment/training/preflight",
    "alignment/training/processes",
    "alignment/training/reference",
    "alignment/training/trainer",
    "gateway/embeddings",
    "gateway/onnx_forward",
}
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager", "base"}


def modules(*rooms: str) -> Iterator[Path]:
    """The source files of the rooms."""
    for room in rooms:
        yield from sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top packages that a file imports outside `if TYPE_CHECKING`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def calls(path: Path, attribute: str) -> list[int]:
    """The lines where a file calls a method of this name."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == attribute
    ]


def test_pure_modules_know_no_store_no_models_and_no_framework() -> None:
    """What can be imported, tested and read alone stays so."""
    banned = {"store", "gateway", "sqlmodel", "sqlalchemy", "fastapi", "starlette", "openai"}
    for path in modules(*MIDDLE):
        room, _, module = str(path.relative_to(ROOT).with_suffix("")).partition("/")
        if module not in IMPURE[room]:
            assert not imported(path) & banned, f"{path.relative_to(ROOT)} is not pure"


def test_only_the_modules_that_train_know_torch() -> None:
    """The numerics run without torch."""
    for path in modules(*ROOMS):
        if str(path.relative_to(ROOT).with_suffix("")) not in TORCH:
            assert not imported(path) & {"torch", "peft"}, path.relative_to(ROOT)


@pytest.mark.parametrize("room", ROOMS)
def test_there_is_no_cycle_inside_a_room(room: str) -> None:
    """A room can be read from the bottom up."""
    graph = grimp.build_graph(room, include_external_packages=False, cache_dir=None)
    order = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )
    order.prepare()


def test_the_only_commit_is_the_engines() -> None:
    """What is written is written whole."""
    found = [str(p.relative_to(ROOT)) for p in modules(*ROOMS) if calls(p, "commit")]
    assert found == ["store/engine.py"]


def test_only_settings_read_the_environment() -> None:
    """Whoever wants to know what steers the program reads the files called settings."""
    for path in modules(*ROOMS):
        if path.name != "settings.py":
            text = path.read_text("utf-8")
            assert "os.environ" not in text and "getenv" not in text, path.relative_to(ROOT)


def test_a_rooms_init_holds_a_docstring_and_nothing_else() -> None:
    """Importing a room, or a folder in it, imports none of its modules."""
    for path in modules(*ROOMS, "migrations", "benchmarks"):
        if path.name == "__init__.py":
            body = ast.parse(path.read_text("utf-8")).body
            assert len(body) == 1 and isinstance(body[0], ast.Expr), path.relative_to(ROOT)


@pytest.mark.parametrize("room", MIDDLE)
def test_a_middle_room_is_a_few_folders_of_a_few_modules(room: str) -> None:
    """Whoever opens a room sees its parts first, and each part whole."""
    assert [path.name for path in (ROOT / room).glob("*.py")] == ["__init__.py"]
    folders = {path.parent for path in (ROOT / room).glob("*/__init__.py")}
    assert len(folders) <= 12
    assert all(4 <= len(list(folder.glob("[a-z]*.py"))) <= 16 for folder in folders)


def test_no_module_has_a_name_that_says_nothing() -> None:
    """A module is named by what it holds."""
    assert not {path.stem for path in modules(*ROOMS)} & BANNED_NAMES


def test_modules_stay_short() -> None:
    """Past 400 lines a module is split; the tables are one list, read from top to bottom."""
    long = {str(p.relative_to(ROOT)): n for p in modules(*ROOMS) if (n := lines(p)) > 400}
    assert long.keys() <= {"store/tables.py"}


def lines(path: Path) -> int:
    """How many lines a file has."""
    return len(path.read_text("utf-8").splitlines())


def test_every_public_thing_has_a_docstring() -> None:
    """Modules, classes and functions say what they are for."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for path in modules(*ROOMS):
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no docstring"
        for node in tree.body:
            if isinstance(node, kinds) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.relative_to(ROOT)}: {node.name}"
