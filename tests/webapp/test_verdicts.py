"""Blind review through forms: verdicts, agreement, disagreement, and what nobody sees."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from store.engine import reading, transaction
from store.states import Role
from taxonomy.review.curation import Group, get_review_state
from taxonomy.review.judging import list_disputes
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World, build_world
from webapp.app import create_app

Enter = Callable[[str], Visitor]


@pytest.fixture
def two(sign_in: SignIn, world: World, world_engine: sa.Engine) -> Enter:
    """A version on which two reviewers must agree; Bo is a second annotator."""
    with transaction(world_engine) as session:
        builders.add_person(session, "Bo", Role.ANNOTATOR)
    page = f"/versions/{world.version_id}/guidelines"
    sign_in("Cora").post(page, {"overlap": "2", "guidelines": "Be <b>kind</b>."}, page=page)
    return sign_in


def group(engine: sa.Engine, version_id: int, anchor: str) -> Group:
    """A cluster as the store has it."""
    with reading(engine) as session:
        state = get_review_state(session, version_id)
    return next(group for group in state.groups if group.anchor == anchor)


def put(visitor: Visitor, world: World, anchor: str, category: str) -> str:
    """Put a cluster in a category through its card; what is shown then."""
    card = f"/versions/{world.version_id}/clusters/{anchor}"
    answer = visitor.post(f"{card}/assign", {"category": category, "then": "stay"}, page=card)
    assert answer.status_code == 200, answer.text[-800:]
    return str(answer.text)


def test_a_verdict_is_seen_by_nobody_else(two: Enter, world: World) -> None:
    """Not on a card, a queue, a board, a history, a map; its own person sees it everywhere."""
    ada, bo = two("Ada"), two("Bo")
    version = f"/versions/{world.version_id}"
    addresses = [f"{version}/{rest}" for rest in ("queue", "board", "clusters", "map", "map/state")]
    addresses += [f"{version}/clusters/c0", f"{version}/history", version]
    before = [strip(bo.get(address).text) for address in addresses]
    assert "put 3 labels in evaluation" in put(ada, world, "c0", "evaluation")
    card = f"{version}/clusters/c1"
    ada.post(f"{card}/remark", {"kind": "comment", "text": "I say analogy"}, page=card)
    ada.post(f"{card}/remark", {"kind": "flag", "text": "look"}, page=card)
    assert [strip(bo.get(address).text) for address in addresses] == before
    assert "I say analogy" not in bo.get(card).text
    assert "✓ reviewed" in ada.get(f"{version}/clusters/c0").text
    assert "Your verdicts" in ada.get(f"{version}/history").text


def strip(html: str) -> str:
    """A page without what differs each time, revisions included: remarks do move them on."""
    from re import sub

    html = sub(r'name="(csrf_token|decision|revision)" value="[^"]*"', "", html)
    return sub(r"revision \d+|<dt>Decisions</dt><dd>\d+", "", html)


def test_agreement_becomes_a_decision_and_withdrawing_takes_it_back(
    two: Enter, world: World, world_engine: sa.Engine
) -> None:
    """The last reviewer's name stands on the event; undo reaches the event through the verdict."""
    ada, bo = two("Ada"), two("Bo")
    put(ada, world, "c0", "evaluation")
    assert not group(world_engine, world.version_id, "c0").reviewed
    put(bo, world, "c0", "evaluation")
    settled = group(world_engine, world.version_id, "c0")
    assert (settled.category, settled.reviewed) == ("evaluation", True)
    card = f"/versions/{world.version_id}/clusters/c0"
    assert "agreed by 2 reviewers" in two("Cora").get(card).text
    ada.post(f"/versions/{world.version_id}/undo", {"from": "c0"}, page=card)
    assert not group(world_engine, world.version_id, "c0").reviewed
    assert "not reviewed yet" in ada.get(card).text


def test_undo_takes_back_ones_own_only(two: Enter, world: World, world_engine: sa.Engine) -> None:
    """However much others did since; and somebody who did nothing has nothing to undo."""
    ada, bo, cora = two("Ada"), two("Bo"), two("Cora")
    put(ada, world, "c0", "evaluation")
    put(cora, world, "c1", "analogy")
    version = f"/versions/{world.version_id}"
    assert bo.post(f"{version}/undo", {"from": "queue"}, page=f"{version}/noise").status_code == 404
    assert bo.post(f"{version}/undo", {"act": "1"}, page=f"{version}/noise").status_code == 404
    answer = ada.post(f"{version}/undo", {"from": "queue"}, page=f"{version}/queue")
    assert "took back: put 3 labels in evaluation" in answer.text
    assert group(world_engine, world.version_id, "c1").category == "analogy"
    again = ada.post(f"{version}/undo", {"act": "1", "from": ""}, page=f"{version}/noise")
    assert again.status_code == 422


def test_where_reviewers_differ_the_curator_decides_with_a_reason(
    two: Enter, world: World, world_engine: sa.Engine
) -> None:
    """Names are revealed to curators only; a reason is asked for; the next one comes by itself."""
    ada, bo, cora = two("Ada"), two("Bo"), two("Cora")
    for anchor in ("c0", "c1"):
        put(ada, world, anchor, "evaluation")
        put(bo, world, anchor, "analogy")
    page = f"/versions/{world.version_id}/disagreements"
    assert ada.get(page).status_code == 403
    shown = cora.get(page)
    assert "2 to decide" in shown.text and "<bdi>Ada</bdi>" in shown.text
    assert "Ada and Bo" in shown.text and "Framing the question" in shown.text
    labels = [str(label.open_label_id) for label in group(world_engine, 2, "c0").labels]
    decided = {"label": labels, "choice": "evaluation", "place": "0"}
    assert cora.post(page, decided, page=page).status_code == 422
    answer = cora.post(page, {**decided, "reason": "it weighs"}, page=page)
    assert "1 to decide" in answer.text and "Recalling facts" in answer.text
    assert group(world_engine, world.version_id, "c0").category == "evaluation"
    noise = [str(label.open_label_id) for label in group(world_engine, 2, "c1").labels]
    cora.post(page, {"label": noise, "choice": "!noise", "reason": "no move"}, page=page)
    with reading(world_engine) as session:
        state = get_review_state(session, world.version_id)
        assert list_disputes(session, world.version_id) == []
    assert set(noise) <= {str(label.open_label_id) for label in state.noise}
    cora.post(f"/versions/{world.version_id}/undo", {"from": "disagreements"}, page=page)
    assert "1 to decide" in cora.get(page).text


def test_skipping_holds_for_oneself(sign_in: SignIn, world: World) -> None:
    """Somebody else's queue stays as it was."""
    ada, rhea = sign_in("Ada"), sign_in("Rhea")
    version = f"/versions/{world.version_id}"
    ada.post(f"{version}/clusters/c0/remark", {"kind": "skip"}, page=f"{version}/clusters/c0")
    assert "you skipped it" in ada.get(f"{version}/queue").text
    assert "you skipped it" not in rhea.get(f"{version}/queue").text


def test_lowering_the_overlap_decides_what_enough_agree_on(
    two: Enter, world: World, world_engine: sa.Engine
) -> None:
    """And the guidelines are text, whatever they hold."""
    put(two("Ada"), world, "c0", "evaluation")
    page = f"/versions/{world.version_id}/guidelines"
    answer = two("Cora").post(page, {"overlap": "1", "guidelines": "Be <b>kind</b>."}, page=page)
    assert "Be &lt;b&gt;kind&lt;/b&gt;." in answer.text
    assert group(world_engine, world.version_id, "c0").category == "evaluation"
    for wrong in ("0", "10", "x", "-1"):
        assert two("Cora").post(page, {"overlap": wrong}, page=page).status_code == 422


def test_verdicts_hold_on_both_stores(engine: sa.Engine) -> None:
    """They outlive another clustering: a new version on it begins with what they came to."""
    world = build_world(engine)
    app = create_app(engine)
    with transaction(engine) as session:
        builders.add_person(session, "Bo", Role.ANNOTATOR)
    visitors = {}
    for name in ("Ada", "Bo", "Cora"):
        visitors[name] = Visitor(TestClient(app, raise_server_exceptions=False))
        visitors[name].client.post("/sign-in", data={"name": name, "password": builders.PASSWORD})
    page = f"/versions/{world.version_id}/guidelines"
    visitors["Cora"].post(page, {"overlap": "2", "guidelines": ""}, page=page)
    for name in ("Ada", "Bo"):
        put(visitors[name], world, "c3", "evaluation")
    assert group(engine, world.version_id, "c3").category == "evaluation"
    put(visitors["Ada"], world, "c4", "evaluation")
    put(visitors["Bo"], world, "c4", "analogy")
    answer = visitors["Cora"].get(f"/versions/{world.version_id}/disagreements")
    assert answer.status_code == 200 and "1 to decide" in answer.text
