"""The pages of traces: search, a trace by category and by weight, and why it weighs that."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from alignment.export.run import export_training_set, pair_traces
from mralign.main import app as terminal
from store.engine import get_engine, reading, transaction
from store.states import Role, VersionStatus
from store.study_tables import Study, StudyAssignment
from store.tables import Export, Trace
from tests.builders import PASSWORD, add_person
from tests.corpora import build_annotated_corpus
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import HOSTILE, World
from webapp.app import create_app


def test_a_search_marks_what_it_found_and_keeps_its_filters(sign_in: SignIn, world: World) -> None:
    ada = sign_in("Ada")
    page = ada.get("/traces?q=blade+runner&outcome=gap&by=&model=test-model").text
    assert "<mark>Blade</mark>" in page and "1 trace," in page
    assert re.search(r'<option value="gap" selected>', page)
    assert "No trace is like that" in ada.get("/traces?q=blade&outcome=right").text
    assert "No trace is like that" in ada.get("/traces?q=%25").text
    assert "neither a letter nor a digit" in ada.get("/traces?q=%25").text


@pytest.mark.parametrize(
    "query",
    [
        "q=%22&after=x", "q=%00", "q=(&polarity=x&outcome=y&mode=z&run=w&category=v&by=u&sort=t",
        "after=9999999999999999999~1", "after=1~nan", "q=a&after=1~inf", "category=framing&run=0",
        "model=%3Cscript%3E", "q=" + "%22a" * 60,
    ],
)  # fmt: skip
def test_no_address_of_the_list_is_an_error(sign_in: SignIn, world: World, query: str) -> None:
    answer = sign_in("Ada").get(f"/traces?{query}")
    assert answer.status_code == 200, answer.text
    assert "<script>" not in answer.text


def test_what_no_filter_knows_is_said(sign_in: SignIn, world: World) -> None:
    page = unescape(sign_in("Ada").get("/traces?category=nothing&by=nobody").text)
    assert "knows no category 'nothing'" in page and "knows no annotator 'nobody'" in page


def test_hostile_text_is_shown_marked_and_escaped(sign_in: SignIn, world: World) -> None:
    page = sign_in("Ada").get("/traces?q=script+alert").text
    assert "&lt;<mark>script</mark>&gt;" in page and HOSTILE not in page
    trace = sign_in("Ada").get(f"/traces/{world.trace_id}").text
    assert HOSTILE not in trace


def test_the_gold_is_marked_in_thinking_and_answer(sign_in: SignIn, world: World) -> None:
    page = sign_in("Ada").get(f"/traces/{world.trace_id + 4}").text
    assert "&lt;<mark>script&gt;alert(" in page
    assert "The gold answer stands in the thinking" in page
    answer = sign_in("Ada").get(f"/traces/{world.trace_id}").text
    assert "<mark>Schie</mark>" in answer
    assert "does not stand in the thinking" in answer


def test_an_export_that_is_gone_is_said(sign_in: SignIn, world: World) -> None:
    ada = sign_in("Ada")
    assert "cannot be shown" in ada.get(f"/traces/{world.trace_id}?colour=weight").text
    address = f"/weights/1/traces/{world.trace_id}/segments/0"
    assert ada.get(address).status_code in (404, 422)


@pytest.fixture
def exported(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[sa.Engine, Visitor]]:
    """An exported corpus, and Cora before its pages."""
    engine = get_engine(sqlite_url)
    build_annotated_corpus(engine, 24, VersionStatus.FROZEN)
    pair_traces(engine)
    export_training_set(engine, tmp_path / "out")
    with transaction(engine) as session:
        add_person(session, "Cora", Role.CURATOR)
        add_person(session, "Ada", Role.ANNOTATOR)
    yield engine, _signed_in(engine, "Cora")
    engine.dispose()


def _signed_in(engine: sa.Engine, name: str) -> Visitor:
    client = TestClient(create_app(engine), raise_server_exceptions=False)
    client.post("/sign-in", data={"name": name, "password": PASSWORD, "next": "/"})
    return Visitor(client)


def number_of(engine: sa.Engine, name: str) -> int:
    """The number of a trace."""
    with reading(engine) as session:
        return session.exec(select(Trace.id).where(Trace.external_id == name)).one()


def explained(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, segment: int) -> Any:
    """What the terminal says."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", sqlite_url)
    arguments = ["explain-weight", "1", "q0/on", "--segment", str(segment), "--format", "json"]
    return json.loads(CliRunner().invoke(terminal, arguments).stdout)


@pytest.mark.parametrize("segment", [0, 2])
def test_the_page_says_what_the_terminal_says(
    exported: tuple[sa.Engine, Visitor],
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    segment: int,
) -> None:
    engine, cora = exported
    number = number_of(engine, "q0/on")
    answer = cora.get(f"/weights/1/traces/{number}/segments/{segment}")
    assert answer.status_code == 200, answer.text
    found = explained(sqlite_url, monkeypatch, segment)
    shown = [float(value) for value in re.findall(r'<data value="([^"]+)">', answer.text)]
    told = [found["weight"], found["start"], found["end"], *found["arithmetic"].values()]
    told += [label["confidence"] for step in found["annotators"] for label in step["labels"]]
    for cell in found["cells"]:
        told += [value for value in cell.values() if isinstance(value, float)]
    for side in ("polar", "overall"):
        told.append(found["fitting"][side]["moves"])
    assert {float(value) for value in told if value is not None} <= set(shown)
    text = unescape(re.sub(r"<[^>]+>", " ", answer.text))
    for part in (
        found["because"], found["vocabulary"]["content_hash"], found["export"]["content_hash"],
        found["trace"]["content_hash"], f"mralign explain-weight 1 q0/on --segment {segment}",
        *(f"run {run['id']}" for run in found["runs"].values()),
    ):  # fmt: skip
        assert part in text, part


def test_every_link_of_the_chain_leads_somewhere(exported: tuple[sa.Engine, Visitor]) -> None:
    engine, cora = exported
    number = number_of(engine, "q0/on")
    html = cora.get(f"/weights/1/traces/{number}/segments/2").text
    links = {unescape(one).partition("#")[0] for one in re.findall(r'href="(/[^"]+)"', html)}
    assert {f"/traces/{number}?from=0", "/transitions", "/versions/1"} <= links
    for link in links:
        assert cora.get(link).status_code == 200, link


def test_a_trace_by_weight_leads_to_why(exported: tuple[sa.Engine, Visitor]) -> None:
    engine, cora = exported
    number = number_of(engine, "q0/on")
    page = cora.get(f"/traces/{number}?colour=weight&export=1").text
    assert f'href="/weights/1/traces/{number}/segments/2"' in page
    assert page.count('class="weight"') == 4 and "weight-" in page
    plain = cora.get(f"/traces/{number}").text
    assert 'class="weight"' not in plain and "By weight" in plain
    left_out = cora.get(f"/traces/{number_of(engine, 'q2/on')}?colour=weight").text
    assert "does not hold this trace" in left_out
    missing = cora.get(f"/weights/1/traces/{number}/segments/99")
    assert missing.status_code == 404


def test_labels_of_a_blind_study_stay_hidden(exported: tuple[sa.Engine, Visitor]) -> None:
    """Whoever labels in it sees neither its run nor weights that rest on it."""
    engine, cora = exported
    number = number_of(engine, "q0/on")
    with transaction(engine) as session:
        export = session.exec(select(Export)).one()
        study = Study(name="blind", version_id=1, run_id=export.annotate_run_id, facets="",
                      per_stratum=1, overlap=1, seed=0)  # fmt: skip
        session.add(study)
        session.flush()
        session.add(StudyAssignment(study_id=study.id, person_id=2, trace_id=number, position=0))
    ada = _signed_in(engine, "Ada")
    why = f"/weights/1/traces/{number}/segments/2"
    assert ada.get(why).status_code == 403
    page = ada.get(f"/traces/{number}?colour=weight&export=1&run={study.run_id}").text
    assert "By weight" not in page and "Evaluation" not in page and "evaluation" not in page
    assert "nothing" not in ada.get("/traces?category=evaluation").text
    assert cora.get(why).status_code == 200
