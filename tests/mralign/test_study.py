"""`mralign study`, as a user runs it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from annotator.agreement.studies import finish_trace, put_labels
from mralign.agreement import app as agreement_app
from mralign.annotate import app as annotate_app
from mralign.study import app
from store import studies
from store.engine import get_engine, transaction
from store.errors import InvalidInput
from store.people import get_person
from tests.worlds import THOUGHTS, build_world


def run(*words: str) -> Result:
    """A command's result; what it raises is raised here."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_create_show_export_and_take_over_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is exported comes back as the same labels of the same people."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    engine = get_engine(sqlite_url)
    build_world(engine)
    words = ("--person", "Ada", "--person", "Rhea", "--strata", "polarity,hit-gap")
    made = run("create", "July", *words, "--per-stratum", "1")
    assert "study July: 3 traces" in made.output and "negative, hit gap" in made.output
    polar = run("create", "polar", *words, "--polar").output
    assert "study polar: 2 traces" in polar and "all there are" in polar
    out = tmp_path / "july.jsonl"
    with pytest.raises(InvalidInput, match="found none"):
        run("export", "July", "--out", str(out))
    assert not out.exists()
    with transaction(engine) as session:
        study = studies.get_study(session, "July")
        for name, keys in (("Ada", ("framing", "analogy")), ("Rhea", ("framing", "chaining"))):
            person = get_person(session, name)
            for one in studies.list_assignments(session, study.id, person_id=person.id):
                for place in range(len(THOUGHTS)):
                    label = (keys[place % 2], 7.0 + place % 3)
                    put_labels(session, study, person, one.trace_id, place, (label,))
                finish_trace(session, study, person, one.trace_id)
    assert "6 of 6" in run("list").output and "0 of 4" in run("list").output
    shown = run("show", "July", "--resamples", "3").output
    assert "person:Ada and person:Rhea: 21 units of 3 traces" in shown and "0.5714" in shown
    assert "6 lines" in run("export", "July", "--out", str(out)).output
    between = ("--between", "person:Ada", "--and", "person:Rhea", "--resamples", "3", "--json")
    before = CliRunner().invoke(agreement_app, list(between), catch_exceptions=False).output
    taken = CliRunner().invoke(annotate_app, ["import", str(out)], catch_exceptions=False)
    assert taken.exit_code == 0 and "person:Ada" in taken.output
    after = CliRunner().invoke(agreement_app, list(between), catch_exceptions=False).output
    assert json.loads(after) == json.loads(before)
    engine.dispose()
