"""Decisions through forms: what they do, what they refuse, and what happens to what was typed."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store.engine import reading, transaction
from store.states import Role
from taxonomy.review.curation import ReviewState, get_review_state
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World, build_world
from webapp.app import create_app


def state_of(engine: sa.Engine, world: World) -> ReviewState:
    """The review as the store has it."""
    with reading(engine) as session:
        return get_review_state(session, world.version_id)


def test_decisions_hold_on_both_stores(engine: sa.Engine) -> None:
    """Rename, merge, assign, noise, split, undo, submit, approve and freeze."""
    world = build_world(engine)
    cora = Visitor(TestClient(create_app(engine), raise_server_exceptions=False))
    cora.client.post("/sign-in", data={"name": "Cora", "password": builders.PASSWORD})
    version = f"/versions/{world.version_id}"
    page = f"{version}/clusters/c0"
    first, second = str(world.label_ids[0]), str(world.label_ids[1])
    steps = (
        ("clusters/c0/rename", {"name": "Asking"}),
        ("clusters/c0/merge", {"other": "c5"}),
        ("clusters/c0/assign", {"category": "evaluation", "then": "stay"}),
        ("clusters/c0/noise", {"label": [first]}),
        ("clusters/c0/split", {"label": [second], "name": "Apart"}),
        ("undo", {"from": "c0"}),
        ("categories/analogy/retire", {"into": "comparison"}),
        ("submit", {"reason": "ready"}),
        ("approve", {"reason": "agreed"}),
        ("freeze", {"reason": "signed", "typed_name": "v1"}),
    )
    for address, fields in steps:
        answer = cora.post(
            f"{version}/{address}", fields, page=page if "c0" in address else version
        )
        assert answer.status_code == 200, (address, answer.text[-1500:])
    state = state_of(engine, world)
    group = next(group for group in state.groups if group.anchor == "c0")
    assert (group.name, group.category, state.status.value) == ("Asking", "evaluation", "frozen")
    assert world.label_ids[0] in {label.open_label_id for label in state.noise}
    assert not any(other.name == "Apart" for other in state.groups)
    assert "analogy" not in {category.key for category in state.categories}


def test_a_stale_form_is_a_conflict_that_keeps_what_was_typed(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """The page shows who decided what, and sends the same again at the newest revision."""
    ada, rhea = sign_in("Ada"), sign_in("Rhea")
    page = f"/versions/{world.version_id}/clusters/c0"
    seen = {"revision": str(state_of(world_engine, world).revision)}
    ada.post(f"{page}/rename", {"name": "Ada's"}, page=page)
    answer = rhea.post(f"{page}/rename", {**seen, "name": "Rhea's <b>"}, page="/keys")
    assert answer.status_code == 409
    assert "renamed a cluster to “Ada&#39;s”" in answer.text
    assert "Rhea&#39;s &lt;b&gt;</textarea>" in answer.text
    newest = state_of(world_engine, world).revision
    assert f'name="revision" value="{newest}"' in answer.text


@pytest.mark.parametrize(
    ("address", "fields", "status"),
    [
        ("clusters/c0/rename", {"name": ""}, 422),
        ("clusters/c0/rename", {"name": "x" * 201}, 422),
        ("clusters/c0/rename", {"name": "a\x00b"}, 422),
        ("clusters/c99/rename", {"name": "x"}, 404),
        ("clusters/c0/merge", {"other": "c99"}, 404),
        ("clusters/c0/merge", {"other": "c0"}, 422),
        ("clusters/c0/assign", {}, 422),
        ("clusters/c0/assign", {"category": "nothing"}, 404),
        ("clusters/c0/split", {"name": "x"}, 422),
        ("clusters/c0/split", {"name": "x", "label": "99999999999999999999"}, 422),
        ("clusters/c0/split", {"name": "x", "label": "-1"}, 422),
        ("clusters/c0/split", {"name": "x", "label": "2147483647"}, 404),
        ("clusters/c0/noise", {"label": "1;drop"}, 422),
        ("undo", {"event": "999"}, 404),
        ("undo", {"event": "x"}, 422),
        ("submit", {"reason": ""}, 422),
        ("approve", {"reason": "too soon"}, 422),
        ("freeze", {"reason": "too soon"}, 422),
        ("categories", {"key": "Bad Key", "name": "x"}, 422),
        ("categories/nothing/edit", {"name": "x", "macro_strategy": "y", "definition": "z"}, 404),
        ("categories/framing/retire", {"into": "framing"}, 422),
        ("clusters/c0/rename", {"revision": "x", "name": "x"}, 422),
        ("clusters/c0/rename", {"revision": "9", "name": "x"}, 409),
    ],
)
def test_a_decision_that_cannot_be_is_refused(
    sign_in: SignIn, world: World, address: str, fields: dict[str, str], status: int
) -> None:
    """With the right status, a page that says why, and nothing done."""
    cora = sign_in("Cora")
    page = f"/versions/{world.version_id}"
    answer = cora.post(f"{page}/{address}", fields, page=page)
    assert answer.status_code == status, answer.text[-1500:]
    assert 'role="alert"' in answer.text and "Traceback" not in answer.text
    assert "revision 2" not in cora.get(f"{page}/history").text


def test_a_frozen_version_takes_no_decision(sign_in: SignIn, world: World) -> None:
    """Neither through its pages, which offer none, nor past them."""
    cora = sign_in("Cora")
    page = f"/versions/{world.frozen_id}/clusters/c0"
    assert "<form" not in cora.get(page).text.split("<main")[1].split("</main>")[0]
    answer = cora.post(f"{page}/rename", {"revision": "4", "name": "x"}, page="/keys")
    assert answer.status_code == 409 and "never changes" in answer.text


def test_a_session_that_ended_decides_nothing(app: FastAPI, world: World) -> None:
    """And says so."""
    client = TestClient(app)
    answer = client.post(f"/versions/{world.version_id}/clusters/c0/rename", data={"name": "x"})
    assert answer.status_code == 401 and "session has ended" in answer.text


def test_a_draft_follows_a_frozen_version(sign_in: SignIn, world: World) -> None:
    """It begins with what the frozen one decided."""
    rhea = sign_in("Rhea")
    fields = {"name": "v2", "parent": str(world.frozen_id)}
    answer = rhea.post("/versions", fields, page=f"/versions/{world.frozen_id}")
    assert answer.status_code == 200 and "Vocabulary v2" in answer.text.replace("<bdi>", "")


def test_a_first_draft_is_made_from_the_page(world_engine: sa.Engine) -> None:
    """Where nothing is there yet, the pages say what comes next."""
    with transaction(world_engine) as session:
        builders.add_person(session, "Cora", Role.CURATOR)
    cora = Visitor(TestClient(create_app(world_engine), raise_server_exceptions=False))
    cora.client.post("/sign-in", data={"name": "Cora", "password": builders.PASSWORD})
    for address in ("/", "/clusters", "/map", "/vocabulary", "/traces", "/transitions", "/runs"):
        assert cora.get(address).status_code == 200, address
    answer = cora.post("/versions", {"name": "v1", "preset": "mr-align-15"}, page="/vocabulary")
    assert answer.status_code == 200 and "Self-verification" in answer.text
    for rest in ("/clusters", "/map", "/noise", "/history"):
        assert cora.get(answer.url.path + rest).status_code == 200, rest
