"""The pages of studies: blind while one labels, and for curators the whole of it."""

import json

import pytest
import sqlalchemy as sa

from annotator.agreement.plans import Plan, create_study
from annotator.agreement.studies import finish_trace, put_labels
from store import studies
from store.engine import reading, transaction
from store.people import get_person
from store.study_tables import Study
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import HOSTILE, THOUGHTS, World
from webapp.showing.keymap import bound_keys, label_letters


@pytest.fixture
def study(world: World, world_engine: sa.Engine) -> Study:
    """Three traces by Ada and Rhea."""
    with transaction(world_engine) as session:
        plan = Plan(HOSTILE, ("Ada", "Rhea"), per_stratum=1)
        return create_study(session, plan, by=get_person(session, "Cora"))[0]


def label_all(engine: sa.Engine, study: Study, name: str, key: str) -> None:
    """One category on everything."""
    with transaction(engine) as session:
        person = get_person(session, name)
        for one in studies.list_assignments(session, study.id, person_id=person.id):
            for place in range(len(THOUGHTS)):
                put_labels(session, study, person, one.trace_id, place, ((key, 8.0),))
            finish_trace(session, study, person, one.trace_id)


def first_trace(engine: sa.Engine, study: Study, name: str) -> int:
    """What somebody labels first."""
    with reading(engine) as session:
        person = get_person(session, name)
        return studies.list_assignments(session, study.id, person_id=person.id)[0].trace_id


def test_a_curator_draws_a_study_on_the_page(sign_in: SignIn, world: World) -> None:
    """The same form sent twice makes one; a form that cannot be carried out says why."""
    cora = sign_in("Cora")
    fields = {"name": "July", "person": ["Ada", "Rhea"], "facet": ["polarity"], "overlap": "2",
              "per_stratum": "2", "seed": "1", "version": "v0", "decision": "abc"}  # fmt: skip
    for _ in range(2):
        answer = cora.post("/studies", fields, page="/studies")
        assert answer.url.path == "/studies/1" and "July" in answer.text
    assert cora.post("/studies", {**fields, "decision": "d"}, page="/studies").status_code == 422
    assert "July" in sign_in("Ada").get("/studies").text


def test_who_labels_sees_nothing_of_the_others(
    sign_in: SignIn, study: Study, world_engine: sa.Engine
) -> None:
    """Neither labels nor figures nor progress, until all of one's own is finished."""
    label_all(world_engine, study, "Rhea", "analogy")
    ada, rhea, page = sign_in("Ada"), sign_in("Rhea"), f"/studies/{study.id}"
    shown = ada.get(page)
    assert "Your progress" in shown.text and "Rhea" not in shown.text
    assert HOSTILE not in shown.text, "a name is text"
    trace = first_trace(world_engine, study, "Ada")
    assert "kept" not in ada.get(f"{page}/label/{trace}").text
    assert ada.get(f"{page}/confusion/categories.svg").status_code == 404
    assert "Agreement of" in rhea.get(page).text
    label_all(world_engine, study, "Ada", "framing")
    assert "Agreement of" in ada.get(page).text
    image = ada.get(f"{page}/confusion/categories.svg")
    assert image.headers["content-type"].startswith("image/svg+xml")


def test_a_curator_who_labels_is_blind_too(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """And adjudicates and exports nothing before they are done."""
    with transaction(world_engine) as session:
        plan = Plan("own", ("Ada", "Cora"), per_stratum=1)
        own = create_study(session, plan, by=None)[0]
    label_all(world_engine, own, "Ada", "analogy")
    cora, page = sign_in("Cora"), f"/studies/{own.id}"
    trace = first_trace(world_engine, own, "Cora")
    assert "Your progress" in cora.get(page).text
    assert cora.get(f"{page}/adjudicate/{trace}").status_code == 409
    assert cora.get(f"{page}/export").status_code == 422
    label_all(world_engine, own, "Cora", "analogy")
    lines = [json.loads(line) for line in cora.get(f"{page}/export").text.splitlines()]
    assert {line.get("person", line.get("agent")) for line in lines} == {"Ada", "Cora", "consensus"}


def test_a_form_that_is_sent_twice_is_obeyed_once(
    sign_in: SignIn, study: Study, world_engine: sa.Engine
) -> None:
    """A script gets no page; an older form that arrives again changes nothing."""
    trace = first_trace(world_engine, study, "Ada")
    ada, page = sign_in("Ada"), f"/studies/{study.id}/label/{trace}"

    def keep(visitor: Visitor, number: str, key: str) -> int:
        fields = {"segment": "0", "category": key, "confidence": "7", "quiet": "yes",
                  "decision": number}  # fmt: skip
        return int(visitor.post(page, fields, page=page).status_code)

    assert [keep(ada, "a", "framing"), keep(ada, "b", "analogy"), keep(ada, "a", "framing")] == [
        204, 204, 204
    ]  # fmt: skip
    assert "&#34;analogy&#34;" in ada.get(page).text and '["framing"' not in ada.get(page).text
    assert keep(sign_in("Cora"), "c", "framing") == 404
    assert keep(ada, "e", "nothing") == 422
    assert ada.post(f"{page}/finish", {}, page=page).status_code == 422


def test_letters_of_categories_are_their_own_where_they_can_be() -> None:
    """No two the same, none that means something else; past the last letter there is none."""
    keys = bound_keys({})
    letters = label_letters(["Framing", "Backtracking", "Self-verification", "Synthesis"], keys)
    assert letters == ["f", "b", "s", "y"]
    many = label_letters([f"{n}" for n in range(40)], keys)
    found = [letter for letter in many if letter]
    assert len(set(found)) == len(found) and not set(found) & set("ghujkn") and many[-1] == ""
