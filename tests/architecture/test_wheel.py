"""The wheel holds what runs, and runs outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content in a folder of its own."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(unpacked: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python outside the checkout, with the wheel's content first on the path."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(unpacked),
        "MRALIGN_DATABASE_URL": f"sqlite:///{tmp_path / 'wheel.sqlite3'}",
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)


def test_the_wheel_holds_the_rooms_and_no_tests(wheel: Path) -> None:
    """Rooms, migrations, prompts, templates, static files, preset, samples; nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {
        "store", "gateway", "annotator", "taxonomy", "alignment", "webapp", "mralign", "migrations",
    }  # fmt: skip
    for part in ("annotator/prompts/", "webapp/templates/", "webapp/static/", "taxonomy/presets/",
                 "mralign/samples/traces.jsonl", "migrations/versions/"):  # fmt: skip
        assert any(name.startswith(part) for name in names), part


def test_the_schema_is_made_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    """`mralign db upgrade` and `check` work outside the checkout."""
    for verb in ("upgrade", "check"):
        done = run(unpacked, tmp_path, "-m", "mralign", "db", verb)
        assert done.returncode == 0, done.stderr


PAGE = """
import store, pathlib, sys
assert pathlib.Path(store.__file__).is_relative_to(sys.argv[1]), store.__file__
from starlette.testclient import TestClient
from store.engine import get_engine
from store import schema
from webapp.app import create_app
engine = get_engine()
schema.upgrade(engine)
with TestClient(create_app(engine)) as client:
    page = client.get("/", follow_redirects=True)
    assert page.status_code == 200 and "<h1" in page.text, page.text
from gateway.prompts import load_prompt
from importlib.resources import files
assert load_prompt("annotator", "open_labels_v1").sha256
assert files("mralign").joinpath("samples/traces.jsonl").is_file()
"""


def test_a_page_and_a_prompt_come_out_of_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    """Templates, static files, prompts and samples are found where the wheel put them."""
    done = run(unpacked, tmp_path, "-W", "ignore", "-c", PAGE, str(unpacked))
    assert done.returncode == 0, done.stderr
