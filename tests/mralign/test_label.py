"""`mralign label`, `annotate` and `agreement` without a language model, as a user runs them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from annotator.traces.intake import ImportOptions, import_file
from mralign.agreement import app as agreement_app
from mralign.annotate import app as annotate_app
from mralign.label import app as label_app
from store.engine import get_engine, transaction
from store.errors import InvalidInput, NotFound
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit

PIECES = (
    "Okay, the user is asking who built the bridge.",
    "I recall that it was built by an engineer from Porto.",
    "Wait, no, that was another bridge. Let me double-check.",
    "\x1b[31mSo the answer is <b>Duarte</b>.",
)


@pytest.fixture(autouse=True)
def no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MRALIGN_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def database(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with four traces and a frozen version."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    engine = get_engine(sqlite_url)
    record = {"question": "Who?", "gold_answers": ["Duarte"], "thinking": "\n\n".join(PIECES),
              "answer": "Duarte", "model": "m", "thinking_mode": "on"}  # fmt: skip
    file = tmp_path / "traces.jsonl"
    file.write_text("\n".join(json.dumps({**record, "id": f"t{n}"}) for n in range(4)))
    import_file(engine, file, ImportOptions())
    with transaction(engine) as session:
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    return sqlite_url


def label(*words: str) -> Result:
    return CliRunner().invoke(label_app, words)


def annotate(*words: str) -> Result:
    return CliRunner().invoke(annotate_app, words)


@pytest.mark.models
def test_without_a_key_labels_come_from_the_offline_labeler(database: str) -> None:
    """The command says so, and `show` shows the same labels again."""
    result = label("run")
    assert result.exit_code == 0, result.output
    assert "working offline" in result.output
    assert "4 done" in result.output and "offline-lexicon-1" in result.output
    assert "USD" not in result.output, "nothing is spent offline"
    shown = label("show", "--top", "3")
    assert shown.exit_code == 0 and "distinct labels" in shown.output
    assert "\x1b[31m" not in result.output + shown.output


@pytest.mark.models
def test_offline_annotation_says_that_its_annotators_are_not_independent(database: str) -> None:
    """Counts, rules and agreement are shown, the note wherever agreement is."""
    result = annotate("run", "--offline", "--limit", "3")
    assert result.exit_code == 0, result.output
    for text in ("annotator_a", "agreed", "merged", "adjudicated", "kappa_entailment", "framing",
                 "macro-strategies", "3 done", "not independent"):  # fmt: skip
        assert text in result.output
    again = CliRunner().invoke(agreement_app, ["--between", "consensus"])
    assert again.exit_code == 0, again.output
    assert "consensus and annotator_b" in again.output and "not independent" in again.output


def test_annotation_needs_a_frozen_version(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    result = annotate("run", "--offline")
    assert isinstance(result.exception, NotFound)
    assert "mralign taxonomy freeze" in str(result.exception)


def test_a_model_without_an_endpoint_is_refused(database: str) -> None:
    """It is not silently replaced by the offline labeler."""
    result = label("run", "--model", "m")
    assert isinstance(result.exception, InvalidInput)
    assert "OPENAI_API_KEY" in str(result.exception)


def test_offline_and_a_model_contradict_each_other(database: str) -> None:
    assert isinstance(label("run", "--offline", "--model", "m").exception, InvalidInput)


def test_a_cap_needs_prices(database: str) -> None:
    result = label("run", "--offline", "--max-usd", "1")
    assert isinstance(result.exception, InvalidInput) and "--price-in" in str(result.exception)


def test_showing_what_does_not_exist_is_refused(database: str) -> None:
    """The message names the command that makes it."""
    for result, command in (
        (label("show"), "mralign label run"),
        (annotate("show"), "mralign annotate run"),
        (CliRunner().invoke(agreement_app, []), "mralign annotate run"),
    ):
        assert isinstance(result.exception, NotFound) and command in str(result.exception)
