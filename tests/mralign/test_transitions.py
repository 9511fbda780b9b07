"""`mralign transitions`: what is shown, and what is refused."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from alignment.export.run import pair_traces
from mralign.transitions import app
from store.engine import get_engine
from store.errors import InvalidInput, NotFound
from store.states import VersionStatus
from tests.corpora import build_annotated_corpus


@pytest.fixture
def database(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    return sqlite_url


@pytest.fixture
def polar(database: str) -> str:
    engine = get_engine(database)
    build_annotated_corpus(engine, 24, VersionStatus.FROZEN)
    pair_traces(engine)
    return database


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["show", *arguments])


def test_every_matrix_is_shown_with_how_it_was_fitted(polar: str) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    for title in ("P: moves", "P⁺: moves", "P⁻: moves", "P⁺ / P", "P⁻ / P"):
        assert title in result.output
    assert result.output.count(" 2 retrieval") == 5
    assert "preset converged" in result.output


def test_all_shows_p_alone_over_every_annotated_trace(polar: str) -> None:
    result = run("--all", "--preset", "paper")
    assert result.exit_code == 0, result.output
    assert "P⁺" not in result.output
    assert " 24 " in result.output


def test_a_heatmap_is_written_as_svg(polar: str, tmp_path: Path) -> None:
    result = run("--which", "weights-", "--svg", str(tmp_path / "w.svg"))
    assert result.exit_code == 0, result.output
    assert ElementTree.parse(tmp_path / "w.svg").getroot().tag.endswith("svg")
    refused = run("--which", "p", "--svg", str(tmp_path / "no" / "folder.svg"))
    assert isinstance(refused.exception, InvalidInput)


@pytest.mark.parametrize(
    "arguments", [("--all", "--which", "positive"), ("--svg", "x.svg"), ("--preset", "best")]
)
def test_options_that_do_not_go_together_are_a_usage_error(
    polar: str, arguments: tuple[str, ...]
) -> None:
    assert run(*arguments).exit_code == 2


def test_the_busiest_cells_are_listed_with_intervals(polar: str) -> None:
    result = run("--which", "p", "--cells", "3")
    assert result.exit_code == 0, (result.output, result.exception)
    listed = result.output[result.output.index("busiest cells") :]
    assert "start" in listed and "100" not in listed.split("framing")[0]
    assert listed.count("(") == 15
    assert run("--all", "--cells", "3").exit_code == 2


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["compare", "--replicates", "20", *arguments])


def test_two_polarities_are_compared_in_tables_images_and_json(polar: str, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.out" for name in ("heatmap", "graph", "out")}
    options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    result = compare("polarity=negative", "polarity=positive", *options)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "mean l1" in result.output
    assert "likelier in the second" in result.output
    for name in ("heatmap", "graph"):
        assert ElementTree.parse(files[name]).getroot().tag.endswith("svg")
    found = json.loads(files["out"].read_text())
    assert found["traces"] == [6, 6]
    cells = {(cell["source"], cell["target"]): cell for cell in found["cells"]}
    assert cells["framing", "retrieval"]["delta"] == pytest.approx(
        cells["framing", "retrieval"]["second"] - cells["framing", "retrieval"]["first"]
    )
    assert len(cells) == 4 * 4 + 1


def test_a_run_is_compared_with_itself_trace_by_trace(polar: str) -> None:
    result = compare("source=annotator_a", "version=v1,model=tiny")
    assert result.exit_code == 0, (result.output, result.exception)
    assert "24 traces stand in both groups" in result.output
    assert "mean l1 0.00 %" in result.output


@pytest.mark.parametrize(
    ("group", "advice"),
    [
        ("colour=red", "run, version, source, polarity, model, dataset"),
        ("polarity=good", "positive or negative"),
        ("run=x", "number of an annotate run"),
        ("model=other", "found none in annotate run"),
        ("run=99", "number 99"),
        ("version=v9", "taxonomy version named 'v9'"),
        ("dataset=", "NAME=VALUE"),
    ],
)
def test_a_group_that_is_none_says_what_to_write(polar: str, group: str, advice: str) -> None:
    result = compare("all", group)
    assert isinstance(result.exception, InvalidInput | NotFound)
    assert advice in str(result.exception)


def test_without_annotations_the_message_says_what_to_run(database: str) -> None:
    result = run()
    assert isinstance(result.exception, NotFound)
    assert "mralign annotate run" in str(result.exception)
