"""`mralign cluster` and `mralign taxonomy`: from a clustering to a frozen version."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mralign.main import app
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput, MralignError
from store.reviews import list_events
from store.taxonomies import get_version
from taxonomy.review.curation import EditCategory, decide

runner = CliRunner()


def _clustering(url: str) -> Any:
    path = Path(__file__).parents[1] / "taxonomy" / "conftest.py"
    spec = importlib.util.spec_from_file_location("clustered_store", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_clustering(get_engine(url))


@pytest.fixture
def url(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with a clustering, named in the environment."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    _clustering(sqlite_url)
    return sqlite_url


def mralign(*words: str) -> str:
    """Run a command that has to succeed; its output."""
    result: Result = runner.invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str) -> MralignError:
    """Run a command that has to fail with an error that the user can mend."""
    result = runner.invoke(app, words)
    assert isinstance(result.exception, MralignError), result.output
    return result.exception


def test_a_draft_goes_through_to_a_frozen_version(url: str) -> None:
    """Draft, show, freeze in one go, list, and compare."""
    said = mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    assert "15 categories and 3 groups" in said
    assert "framing" in mralign("taxonomy", "show", "v1")
    assert isinstance(refused("taxonomy", "freeze", "v1", "--reason", "go"), InvalidInput)
    said = mralign("taxonomy", "freeze", "v1", "--approve", "--reason", "good enough")
    assert "v1: frozen, content hash" in said
    assert "frozen" in mralign("taxonomy", "list")
    mralign("taxonomy", "draft", "v2", "--parent", "v1")
    assert "0 categories differ, 0 labels moved" in mralign("taxonomy", "diff", "v1", "v2")
    with reading(get_engine(url)) as session:
        events = list_events(session, get_version(session, "v1").id)
    assert [event.person_id for event in events] == [None] * 4


def test_each_step_can_be_taken_alone(url: str) -> None:
    """Submit, approve, reopen, and again to the end."""
    mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    for step, status in (
        ("submit", "in review"),
        ("approve", "approved"),
        ("reopen", "draft"),
        ("submit", "in review"),
        ("approve", "approved"),
        ("freeze", "frozen"),
    ):
        assert f"v1: {status}" in mralign("taxonomy", step, "v1", "--reason", "because")


def test_a_version_is_shown_as_json_and_as_skos(url: str) -> None:
    """JSON holds each label's place; without a name the newest version is shown."""
    mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    document = json.loads(mralign("taxonomy", "show", "--format", "json"))
    places = {label["key"]: label["category"] for label in document["labels"]}
    assert places["problem framing"] == "framing" and len(places) == 10
    assert mralign("taxonomy", "show", "--format", "skos").startswith("@prefix skos:")


def test_the_clusters_are_listed(url: str) -> None:
    """With their sizes and what is outside."""
    said = mralign("cluster", "show")
    assert "cluster 0" in said and "outside every cluster: 2 labels, 5 instances" in said


def test_what_is_not_there_is_named(url: str) -> None:
    """An unknown version, an unknown preset, no version at all."""
    assert "taxonomy draft" in str(refused("taxonomy", "show"))
    assert "v9" in str(refused("taxonomy", "show", "v9"))
    assert "mr-align-15" in str(refused("taxonomy", "draft", "v1", "--preset", "other"))
    assert "99" in str(refused("cluster", "show", "--run", "99"))


def test_a_version_goes_out_and_comes_in_again(url: str, tmp_path: Path) -> None:
    """As JSON-LD, CSV and codebook; a SKOS file makes a draft that places labels by their names."""
    mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    assert mralign("taxonomy", "show", "--format", "csv").startswith("label,category,")
    assert "### Framing" in mralign("taxonomy", "show", "--format", "markdown")
    assert "base" not in mralign("taxonomy", "show", "--format", "json-ld")
    based = mralign("taxonomy", "show", "--format", "skos", "--base-uri", "https://e.org/")
    assert "<https://e.org/category:framing>" in based
    assert isinstance(refused("taxonomy", "show", "--base-uri", "x y", "--format", "skos"),
                      InvalidInput)  # fmt: skip
    for format_, name in (("skos", "v1.ttl"), ("json-ld", "v1.jsonld")):
        file = tmp_path / name
        file.write_text(mralign("taxonomy", "show", "v1", "--format", format_), "utf-8")
        said = mralign("taxonomy", "import", str(file), "--name", f"from {format_}")
        assert "15 categories" in said and "7 labels placed" in said
        assert "0 labels moved" in mralign("taxonomy", "diff", "v1", f"from {format_}")
    assert "no-file" in str(refused("taxonomy", "import", "no-file.ttl", "--name", "x"))
    file.write_text("{}")
    assert "0 concepts" in str(refused("taxonomy", "import", str(file), "--name", "x"))
    assert "from skos" in mralign("taxonomy", "list") and " x " not in mralign("taxonomy", "list")


def test_the_codebook_tells_what_changed(url: str) -> None:
    """Hostile texts stay text; the log's reasons stand beside the category."""
    mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    with transaction(get_engine(url)) as session:
        version = get_version(session, "v1")
        edit = EditCategory("framing", definition="<b>*Sets* up</b>\n# x")
        decide(session, version.id, edit, person=None, seen_revision=None, reason="too wide")
    said = mralign("taxonomy", "show", "v1", "--format", "markdown")
    assert r"\<b\>\*Sets\* up\</b\> \# x" in said
    assert r"v1: changed definition \(too wide\)" in said
    assert "too wide" in mralign("taxonomy", "show", "v1", "--format", "skos")


def test_what_a_version_is_worth_is_shown(url: str) -> None:
    """Without annotations it says so; as JSON every figure has its name."""
    mralign("taxonomy", "draft", "v1", "--preset", "mr-align-15")
    said = mralign("taxonomy", "worth", "v1")
    assert "have a category" in said and "entropy" in said and "annotate run" in said
    document = json.loads(mralign("taxonomy", "worth", "v1", "--json"))
    assert document["coverage"]["of_labels"] == 10 and len(document["categories"]) == 15
    assert document["fewest_moves"] == 30 and document["annotate_run"] is None


def test_nothing_to_migrate_is_said(url: str) -> None:
    """Both versions have to be frozen, and the first annotated."""
    for name, options in (("v1", ["--preset", "mr-align-15"]), ("v2", ["--parent", "v1"])):
        mralign("taxonomy", "draft", name, *options)
        mralign("taxonomy", "freeze", name, "--approve", "--reason", "go")
    error = refused("taxonomy", "migrate", "--from", "v1", "--to", "v2")
    assert "nothing to migrate" in str(error)
