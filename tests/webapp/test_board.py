"""The queue and the board through forms."""

from re import findall

import sqlalchemy as sa

from store.engine import reading
from taxonomy.review.curation import Group, get_review_state
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World


def group(engine: sa.Engine, world: World, anchor: str) -> Group:
    """A cluster as the store has it."""
    with reading(engine) as session:
        state = get_review_state(session, world.version_id)
    return next(group for group in state.groups if group.anchor == anchor)


def rows(visitor: Visitor, page: str) -> list[str]:
    """The clusters that a page lists, in order."""
    return findall(r'<a href="/versions/\d+/clusters/(\w+)"', visitor.get(page).text)


def test_a_role_begins_where_its_work_waits(sign_in: SignIn) -> None:
    """An annotator at the queue, a curator at the board, a researcher at the overview."""
    for name, heading in (("Ada", "What is next"), ("Cora", "Board"), ("Rhea", "trained policy")):
        visitor = sign_in(name)
        fields = {"name": name, "password": "correct horse battery", "next": "/"}
        assert heading in visitor.client.post("/sign-in", data=fields).text


def test_a_remark_moves_the_queue_and_a_decision_settles_it(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Skipped clusters come last, flagged ones go to the curator, comments stay on the card."""
    ada = sign_in("Ada")
    version = f"/versions/{world.version_id}"
    queue = f"{version}/queue"
    before = rows(ada, queue)
    card = f"{version}/clusters/{before[0]}"
    answer = ada.post(f"{card}/remark", {"kind": "skip", "text": ""}, page=card)
    assert answer.url.path == f"{version}/clusters/{before[1]}", "the next card comes by itself"
    assert rows(ada, queue)[: len(before)] == [*before[1:], before[0]]
    ada.post(f"{card}/remark", {"kind": "flag", "text": "two meanings"}, page=card)
    assert "flagged a cluster: “two meanings”" in ada.get(f"{version}/history").text
    assert "Flagged for a curator" in ada.get(queue).text
    answer = ada.post(f"{card}/remark", {"kind": "comment", "text": "see <b>x</b>"}, page=card)
    assert answer.url.path == card and "remarked: “see &lt;b&gt;x&lt;/b&gt;”" in answer.text
    assert ada.post(f"{card}/remark", {"kind": "comment"}, page=card).status_code == 422
    assert ada.post(f"{card}/remark", {"kind": "shout"}, page=card).status_code == 422
    ada.post(f"{card}/assign", {"category": "framing"}, page=card)
    settled = group(world_engine, world, before[0])
    assert (settled.flag, settled.skip, len(settled.comments)) == (0, 0, 1)
    ada.post(f"{version}/undo", {"from": "queue"}, page=queue)
    assert group(world_engine, world, before[0]).flag > 0


def test_the_queue_is_filtered(sign_in: SignIn, world: World) -> None:
    """By the names of clusters and of their labels."""
    page = f"/versions/{world.version_id}/queue"
    assert rows(sign_in("Ada"), f"{page}?q=ReConsidering")[-1] == "c3"
    assert "Nothing that waits" in sign_in("Ada").get(f"{page}?q=nowhere").text


def test_a_lane_is_accepted_whole_and_exceptions_are_moved(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Each is one event, and undone by one."""
    cora = sign_in("Cora")
    board = f"/versions/{world.version_id}/board"
    cora.post(board, {"anchor": ["c0", "c1"], "category": "analogy"}, page=board)
    for anchor in ("c0", "c1"):
        moved = group(world_engine, world, anchor)
        assert (moved.category, moved.reviewed) == ("analogy", True)
    cora.post(f"/versions/{world.version_id}/undo", {"from": "board"}, page=board)
    assert group(world_engine, world, "c1").category == "retrieval"
    answer = cora.post(board, {"category": "analogy"}, page=board)
    assert answer.status_code == 422
    assert cora.post(board, {"anchor": "c99", "category": "analogy"}, page=board).status_code == 404


def test_an_accepted_lane_conflicts_only_with_what_was_decided_in_it(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """A curator need not start again because somebody works elsewhere."""
    ada, cora = sign_in("Ada"), sign_in("Cora")
    board, card = f"/versions/{world.version_id}/board", f"/versions/{world.version_id}/clusters/c2"
    seen = {"revision": "1", "category": "framing"}
    ada.post(f"{card}/rename", {"name": "Checks"}, page=card)
    assert cora.post(board, {**seen, "anchor": "c0"}, page=board).status_code == 200
    assert cora.post(board, {**seen, "anchor": ["c1", "c2"]}, page=board).status_code == 409
    assert group(world_engine, world, "c1").reviewed is False
