"""The demo: the whole pipeline on the samples, in one command, without a key."""

import json
import re
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = pytest.mark.models


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `mralign demo --no-serve` beside the folder."""
    command = [sys.executable, "-m", "mralign", "demo", "--no-serve", "--folder", str(folder)]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished demo and what it printed."""
    folder = tmp_path_factory.mktemp("journey") / "demo"
    done = demo(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What a query finds in the demo's database."""
    connection = sqlite3.connect(folder / "demo.sqlite3")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_every_stage_leaves_its_rows(ran: tuple[Path, str]) -> None:
    """Traces, labels, clusters, a frozen vocabulary, controlled labels, an export, a policy."""
    folder, printed = ran
    assert len(re.findall(r"^\[ ?\d+/13\]", printed, re.MULTILINE)) == 13
    for table in ("trace", "label_instance", "cluster", "mapping", "controlled_label", "export",
                  "training_run", "evaluation_run"):  # fmt: skip
        assert rows(folder, f"SELECT count(*) FROM {table}")[0][0], table
    states = dict(rows(folder, "SELECT name, status FROM taxonomy_version"))
    assert states == {"demo-1": "frozen", "demo-2": "draft"}
    assert not rows(folder, "SELECT kind FROM run WHERE status NOT IN ('succeeded', 'partial')")


def test_polarity_is_what_the_samples_were_written_for(ran: tuple[Path, str]) -> None:
    """26 traces where thinking helped and 17 where it hurt."""
    query = "SELECT polarity, count(*) FROM trace_pair WHERE polarity IS NOT NULL GROUP BY 1"
    assert dict(rows(ran[0], query)) == {"positive": 26, "negative": 17}


def test_the_export_carries_weights_and_the_vocabularys_hash(ran: tuple[Path, str]) -> None:
    """Every row tiles its thinking with weighted spans; some weights differ from 1."""
    folder = ran[0]
    manifest = json.loads((folder / "export" / "manifest.json").read_text("utf-8"))
    hashes = rows(folder, "SELECT content_hash FROM taxonomy_version WHERE name = 'demo-1'")
    assert manifest["taxonomy"]["content_hash"] == hashes[0][0]
    lines = (folder / "export" / "train.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert {record["label"] for record in records} == {True, False}
    for record in records:
        spans = [(span["start"], span["end"]) for span in record["segments"]]
        assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert any(span["weight"] != 1.0 for record in records for span in record["segments"])


def test_sign_ins_are_shown_and_only_their_hashes_are_kept(ran: tuple[Path, str]) -> None:
    """Four people with random passwords, which the database does not hold."""
    folder, printed = ran
    passwords = re.findall(r"[a-z0-9]{5}(?:-[a-z0-9]{5}){4}", printed)
    assert len(set(passwords)) == 4
    stored = (folder / "demo.sqlite3").read_bytes() + (folder / "log.txt").read_bytes()
    assert not any(password.encode() in stored for password in passwords)


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    """Files of somebody else stop the demo before it starts."""
    (tmp_path / "thesis.txt").write_text("mine")
    done = demo(tmp_path)
    assert done.returncode == 1 and "--folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
