"""The files that runs left: taken as they were written, or a sentence that says why not."""

import csv
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alignment.export.folder import content_hash, write_export
from alignment.training.launching import read_recipe
from store.engine import transaction
from store.states import RunKind, RunStatus
from store.tables import Export, Run, TrainingRun
from tests.webapp.conftest import SignIn
from tests.worlds import HOSTILE, World
from webapp.serving.attachments import attachment

ROWS = [{"id": f"t{n}", "split": "train", "label": bool(n % 2), "text": HOSTILE} for n in range(9)]


def add_run(engine: sa.Engine, kind: RunKind, **fields: Any) -> int:
    """A run that went well."""
    with transaction(engine) as session:
        run = Run(kind=kind, status=RunStatus.SUCCEEDED, code_version="test", **fields)
        session.add(run)
        session.flush()
        return run.id


@pytest.fixture
def exported(world: World, world_engine: sa.Engine, tmp_path: Path) -> tuple[int, Path]:
    """An export run and its folder, in a place with a hostile name."""
    folder = tmp_path / "<b>export" / "001"
    manifest = write_export(folder, ROWS, {"counts": {}})
    number = add_run(world_engine, RunKind.EXPORT)
    with transaction(world_engine) as session:
        session.add(Export(run_id=number, version_id=world.frozen_id, annotate_run_id=3,
                           folder=str(folder),
                           content_hash=content_hash(manifest), manifest=manifest))  # fmt: skip
    return number, folder


def test_every_file_is_listed_and_comes_as_it_was_written(
    sign_in: SignIn, exported: tuple[int, Path]
) -> None:
    """As an attachment that no browser takes for a page, with the hash that the page shows."""
    run, folder = exported
    rhea = sign_in("Rhea")
    html = rhea.get(f"/runs/{run}").text
    assert "<b>export" not in html
    names = {path.name for path in folder.iterdir()}
    assert names == {"manifest.json", "train.jsonl", "validation.jsonl", "drops.jsonl"}
    for name in names:
        address = f"/runs/{run}/files/{name}"
        assert f'href="{address}"' in html
        answer = rhea.get(address)
        assert answer.content == (folder / name).read_bytes()
        assert hashlib.sha256(answer.content).hexdigest() in html
        assert answer.headers["x-content-type-options"] == "nosniff"
        told = f'attachment; filename="export-{run}-{name}"'
        assert answer.headers["content-disposition"] == told
        assert answer.headers["content-length"] == str(len(answer.content))


def test_who_labels_sees_the_files_and_may_not_take_them(
    sign_in: SignIn, exported: tuple[int, Path]
) -> None:
    """They hold what others said, and the gold answers."""
    ada, run = sign_in("Ada"), exported[0]
    html = ada.get(f"/runs/{run}").text
    assert "train.jsonl" in html and "/files/train.jsonl" not in html
    assert ada.get(f"/runs/{run}/files/train.jsonl").status_code == 403


def test_a_file_that_was_changed_or_is_gone_says_so(
    sign_in: SignIn, exported: tuple[int, Path]
) -> None:
    """Changed to the same size too; the others still come."""
    run, folder = exported
    cora, rows = sign_in("Cora"), folder / "train.jsonl"
    whole = rows.read_bytes()
    rows.write_bytes(whole.replace(b"t1", b"t2"))
    answer = cora.get(f"/runs/{run}/files/train.jsonl")
    assert answer.status_code == 409 and "was changed since it was written" in answer.text
    rows.write_bytes(whole + b"\n")
    assert '<span class="badge run-failed">changed</span>' in cora.get(f"/runs/{run}").text
    rows.unlink()
    html = cora.get(f"/runs/{run}").text
    assert '<span class="badge run-failed">gone</span>' in html
    assert "/files/train.jsonl" not in html and "/files/drops.jsonl" in html
    answer = cora.get(f"/runs/{run}/files/train.jsonl")
    assert answer.status_code == 404 and "is gone" in answer.text
    assert cora.get(f"/runs/{run}/files/drops.jsonl").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["..%2F..%2Fsecret", "../../secret", "%2Fetc%2Fpasswd", "train.jsonl%00", "x", "%2E%2E", "%2E"],
)
def test_nothing_else_can_be_asked_for(
    sign_in: SignIn, exported: tuple[int, Path], name: str
) -> None:
    """Whatever the address says."""
    run, folder = exported
    (folder.parent / "secret").write_text("gold")
    answer = sign_in("Cora").get(f"/runs/{run}/files/{name}")
    assert answer.status_code == 404 and "gold" not in answer.text


def test_a_manifest_cannot_point_outside_of_its_folder(
    sign_in: SignIn, exported: tuple[int, Path], world_engine: sa.Engine, tmp_path: Path
) -> None:
    """Neither by a path, nor by a link to a file or to a folder, nor at a pipe."""
    run, folder = exported
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("gold")
    (folder / "link").symlink_to(outside / "secret")
    (folder / "around").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    said = {"sha256": hashlib.sha256(b"gold").hexdigest(), "bytes": 4}
    names = ("../../outside/secret", str(outside / "secret"), "link", "around/secret", "pipe")
    with transaction(world_engine) as session:
        export = session.query(Export).filter_by(run_id=run).one()
        export.manifest = {**export.manifest, "files": dict.fromkeys(names, said)}
        session.add(export)
    cora = sign_in("Cora")
    html = cora.get(f"/runs/{run}").text
    assert html.count('<span class="badge run-failed">gone</span>') == len(names)
    for name in names:
        answer = cora.get(f"/runs/{run}/files/{name.replace('/', '%2F')}")
        assert answer.status_code == 404 and answer.text != "gold"


def test_a_training_gives_its_curve_and_the_recipe_that_repeats_it(
    sign_in: SignIn, world: World, world_engine: sa.Engine, tmp_path: Path
) -> None:
    """Every step, and a file that `mralign train` reads."""
    parameters = {"export": str(tmp_path / "e"), "output": str(tmp_path / "o"), "resume": False,
                  "policy": "tiny", "max_steps": 3}  # fmt: skip
    number = add_run(world_engine, RunKind.TRAIN, parameters=parameters)
    curve = [{"step": 1.0, "loss": 0.5, "z0": 0.0}, {"step": 2.0, "loss": 0.25, "margin": -0.1}]
    with transaction(world_engine) as session:
        session.add(TrainingRun(run_id=number, policy="tiny", loss_curve=curve))
    ada = sign_in("Ada")
    rows = list(csv.DictReader(io.StringIO(ada.get(f"/runs/{number}/curve.csv").text)))
    assert [row["loss"] for row in rows] == ["0.5", "0.25"]
    assert rows[0]["margin"] == "" and rows[1]["step"] == "2.0"
    path = tmp_path / "recipe.json"
    path.write_bytes(ada.get(f"/runs/{number}/recipe.json").content)
    recipe = read_recipe(path)
    assert recipe.config.policy == "tiny" and recipe.config.max_steps == 3
    assert recipe.output == tmp_path / "o"
    assert f"mralign train run-{number}-recipe.json --resume" in ada.get(f"/runs/{number}").text
    assert ada.get("/runs/1/curve.csv").status_code == 404
    assert ada.get("/runs/1/recipe.json").status_code == 404


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("v1.csv", "v1.csv"),
        ("../../etc/passwd", "etc-passwd"),
        ('a"; filename="b.exe', "a-filename-b.exe"),
        ("Größe\r\nX: y.md", "Gr-e-X-y.md"),
        ("…", "file"),
    ],
)
def test_a_file_has_a_name_that_cannot_do_anything(name: str, plain: str) -> None:
    """Names of people and of models stand in a header and then on a disk."""
    told = attachment(name)["Content-Disposition"]
    assert told.startswith(f'attachment; filename="{plain}"')
    assert told.isascii() and told.isprintable() and told.count('"') == 2
