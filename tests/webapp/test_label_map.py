"""The map: what it tells of each label, to whom, and what its form does to a selection."""

import json
from collections.abc import Iterator
from re import findall
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from store.engine import reading, transaction
from store.errors import InvalidInput
from store.states import Role
from taxonomy.review.curation import ReviewState, get_review_state
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import CLUSTERS, HOSTILE, HOSTILE_TEXTS, World, build_world
from webapp.app import create_app
from webapp.review.scatter import NO_CATEGORY, NOISE, NOWHERE, pack
from webapp.routes.label_map import PAGE_ROWS
from webapp.serving.forms import Form

TYPES = {"Uint8Array": "u1", "Uint16Array": "<u2", "Uint32Array": "<u4"}


def read(body: bytes) -> dict[str, Any]:
    """A frame as the page reads it."""
    length = int.from_bytes(body[:4], "little")
    head: dict[str, Any] = json.loads(body[4 : 4 + length])
    at = 4 + length
    for name, kind, count in head.pop("arrays"):
        assert at % 8 == 0, "typed arrays begin at multiples of their size"
        head[name] = np.frombuffer(body, TYPES[kind], count, at)
        at += -(-head[name].nbytes // 8) * 8
    assert at == len(body)
    return head


def look(visitor: Visitor, world: World) -> dict[str, Any]:
    """All that the map is drawn from."""
    told: dict[str, Any] = {}
    for part in ("places", "state", "texts"):
        answer = visitor.get(f"/versions/{world.version_id}/map/{part}")
        assert answer.status_code == 200, answer.text
        told |= read(answer.content)
    return told


def said_of(told: dict[str, Any], text: str) -> tuple[str, str, str]:
    """The cluster, the category and the reviewer of a label."""
    row = told["texts"].index(text)
    cluster, category = int(told["cluster"][row]), int(told["category"][row])
    return (
        "-" if cluster == NOWHERE else told["clusters"][cluster][1],
        {NO_CATEGORY: "none", NOISE: "noise"}.get(category) or str(told["categories"][category][0]),
        told["people"][told["who"][row]],
    )


def number_of(told: dict[str, Any], text: str) -> str:
    """The number of a label, as a form sends it."""
    return str(told["id"][told["texts"].index(text)])


def put(visitor: Visitor, world: World, texts: list[str], **fields: str) -> Any:
    """Send the form of the map with these labels."""
    told, page = look(visitor, world), f"/versions/{world.version_id}/map"
    labels = [number_of(told, text) for text in texts]
    return visitor.post(page, {"label": labels, **fields}, page=page)


def state_of(engine: sa.Engine, version_id: int) -> ReviewState:
    """The review as the store has it."""
    with reading(engine) as session:
        return get_review_state(session, version_id)


def test_every_label_is_told_as_the_review_has_it(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Place, count, number, cluster, category and doubt; the most frequent label first."""
    told, state = look(sign_in("Ada"), world), state_of(world_engine, world.version_id)
    assert told["texts"] == [label.text for label in state.placed.values()]
    assert list(told["count"]) == sorted(told["count"], reverse=True)
    group_of = {label.key: group for group in state.groups for label in group.labels}
    for row, (key, placed) in enumerate(state.placed.items()):
        label, group = state.views.labels[key], group_of.get(key)
        assert told["id"][row] == placed.open_label_id
        assert told["doubt"][row] == round(100 * label.doubt)
        expected = label.category or ("none" if group else "noise")
        assert said_of(told, placed.text)[:2] == (group.name if group else "-", expected)
    xs = [placed.x for placed in state.placed.values()]
    scale = told["x"].max() / (max(xs) - min(xs))
    assert np.allclose(told["x"], (np.array(xs) - min(xs)) * scale, atol=0.51)


def test_hostile_labels_are_data(sign_in: SignIn, world: World) -> None:
    """They come as JSON that nobody obeys, and escaped in the list."""
    visitor = sign_in("Ada")
    told = look(visitor, world)
    assert set(HOSTILE_TEXTS) <= set(told["texts"])
    assert HOSTILE in [name for _, name in told["clusters"]]
    answer = visitor.get(f"/versions/{world.version_id}/map/texts")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = visitor.get(f"/versions/{world.version_id}/map?q=alert").text
    assert HOSTILE not in page and "&lt;script&gt;alert" in page


def test_what_did_not_change_is_not_sent_again(sign_in: SignIn, world: World) -> None:
    """Places stay through a decision, the state does not; nothing is kept for others."""
    visitor = sign_in("Ada")
    start = f"/versions/{world.version_id}/map"
    tags = {}
    for part in ("places", "texts", "state"):
        answer = visitor.get(f"{start}/{part}")
        tags[part] = answer.headers["etag"]
        assert answer.headers["cache-control"] == "private, no-cache"
    put(visitor, world, ["scoping"], category="retrieval")
    status = {
        part: visitor.get(f"{start}/{part}", headers={"If-None-Match": tag}).status_code
        for part, tag in tags.items()
    }
    assert status == {"places": 304, "texts": 304, "state": 200}


def test_a_selection_takes_every_command(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Into a category, noise, flagged, into a cluster of its own; each is undone by one undo."""
    ada, page = sign_in("Ada"), f"/versions/{world.version_id}/map"
    chosen = ["scoping", "recall of a fact"]
    before = look(ada, world)
    for fields, expected in (
        ({"category": "evaluation"}, ("Framing the question", "evaluation", "Ada")),
        ({"category": ""}, ("Framing the question", "none", "Ada")),
        ({"do": "noise"}, ("-", "noise", "Ada")),
        ({"do": "flag"}, ("Framing the question", "framing", "flagged")),
        ({"do": "gather", "name": "Two of a kind"}, ("Two of a kind", "framing", "not reviewed")),
    ):
        answer = put(ada, world, chosen, **fields)
        assert answer.status_code == 200 and answer.url.path == page, answer.text[-500:]
        told = look(ada, world)
        assert said_of(told, "scoping") == expected
        if "name" in fields:
            assert said_of(told, "recall of a fact") == expected
        ada.post(f"/versions/{world.version_id}/undo", {"from": "map"}, page=page)
        after = look(ada, world)
        assert [said_of(after, text) for text in after["texts"]] == [
            said_of(before, text) for text in before["texts"]
        ]
    assert state_of(world_engine, world.version_id).revision == 11


def test_a_cluster_that_gives_all_its_labels_away_ends(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Noise may come into a cluster too."""
    texts = [*CLUSTERS[3][2], HOSTILE_TEXTS[4]]
    assert put(sign_in("Ada"), world, texts, do="gather", name="All").status_code == 200
    state = state_of(world_engine, world.version_id)
    by_name = {group.name: group for group in state.groups}
    assert "Going back" not in by_name
    assert {label.text for label in by_name["All"].labels} == set(texts)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"category": "nothing like it"}, 404),
        ({"do": "gather", "name": ""}, 422),
        ({"do": "shout"}, 422),
        ({}, 422),
        ({"category": "framing", "chosen": "1-"}, 422),
        ({"category": "framing", "chosen": "1-2147483647"}, 422),
        ({"category": "framing", "chosen": "999999"}, 404),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    sign_in: SignIn, world: World, world_engine: sa.Engine, fields: dict[str, str], status: int
) -> None:
    """It is refused with a reason."""
    answer = put(sign_in("Ada"), world, ["scoping"], **fields)
    assert answer.status_code == status
    assert state_of(world_engine, world.version_id).revision == 1


def test_labels_that_nobody_can_see_are_not_flagged(sign_in: SignIn, world: World) -> None:
    """A flag shows on a cluster; labels in none are refused, not lost."""
    assert put(sign_in("Ada"), world, [HOSTILE_TEXTS[4]], do="flag").status_code == 422
    assert put(sign_in("Ada"), world, [], do="noise").status_code == 422


def test_who_comes_late_is_told(sign_in: SignIn, world: World) -> None:
    """A decision on the same labels since the page was read is a conflict; on others it is none."""
    ada, rhea = sign_in("Ada"), sign_in("Rhea")
    told, page = look(ada, world), f"/versions/{world.version_id}/map"
    old = {"revision": "1", "category": "retrieval"}
    put(rhea, world, ["scoping"], category="framing")
    clash = ada.post(page, {**old, "label": [number_of(told, "scoping")]}, page="/keys")
    assert clash.status_code == 409
    apart = ada.post(page, {**old, "label": [number_of(told, "humour")]}, page="/keys")
    assert apart.status_code == 200
    assert said_of(look(ada, world), "scoping")[2] == "Rhea"


def test_the_list_says_the_same_as_the_points(sign_in: SignIn, world: World) -> None:
    """Filtered by words, category and state; the most frequent first."""
    visitor, start = sign_in("Ada"), f"/versions/{world.version_id}/map"
    told = look(visitor, world)

    def rows(search: str) -> list[int]:
        return [int(one) for one in findall(r'id="label-(\d+)"', visitor.get(start + search).text)]

    assert rows("") == [int(number) for number in told["id"]][:PAGE_ROWS]
    assert rows("?q=RECALL") == [int(number_of(told, "recall of a fact"))]
    for where, expected in (("~noise", "noise"), ("~none", "none"), ("framing", "framing")):
        wanted = {int(number_of(told, t)) for t in told["texts"] if said_of(told, t)[1] == expected}
        nowhere = set(rows("?in=~noise")) if where == "~none" else set()
        assert set(rows(f"?in={where}")) == wanted | nowhere
    put(visitor, world, ["scoping"], category="framing")
    assert int(number_of(told, "scoping")) not in rows("?in=~open")
    assert rows("?page=2") == [int(number) for number in told["id"]][PAGE_ROWS:]
    assert rows("?page=9") == [] and rows("?in=no%20such") == rows("")


def test_a_blind_reviewer_sees_no_others_colours(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Not their verdicts, their names, their flags; what two agree on is settled, by nobody."""
    with transaction(world_engine) as session:
        builders.add_person(session, "Bo", Role.ANNOTATOR)
    page = f"/versions/{world.version_id}/guidelines"
    sign_in("Cora").post(page, {"overlap": "2", "guidelines": "x"}, page=page)
    ada, bo = sign_in("Ada"), sign_in("Bo")
    address = f"/versions/{world.version_id}/map/state"
    before = bo.get(address).content
    put(ada, world, ["scoping"], category="evaluation")
    put(ada, world, ["humour"], do="flag")
    assert bo.get(address).content == before
    assert said_of(look(ada, world), "scoping")[1:] == ("evaluation", "you")
    assert said_of(look(sign_in("Cora"), world), "scoping")[1:] == ("framing", "not reviewed")
    put(bo, world, ["scoping"], category="evaluation")
    for visitor in (ada, bo):
        told = look(visitor, world)
        assert said_of(told, "scoping")[1:] == ("evaluation", "settled")
        assert not {"Ada", "Bo", "Cora"} & set(told["people"])


def test_what_if_of_a_selection(sign_in: SignIn, world: World) -> None:
    """It is asked of labels of any clusters, offers the categories, and takes the decision."""
    ada, start = sign_in("Ada"), f"/versions/{world.version_id}"
    told = look(ada, world)
    numbers = [number_of(told, "scoping"), number_of(told, "recall of a fact")]
    fields = {"chosen": ",".join(numbers), "category": "evaluation"}
    page = ada.post(f"{start}/whatif?do=assign", fields, page=f"{start}/map")
    assert "Put 2 labels in “Evaluation”" in page.text and f'action="{start}/map"' in page.text
    assert f'href="{start}/map"' in page.text, "the way back"
    asked = ada.post(f"{start}/whatif?do=assign", {"chosen": "1-2000"}, page=f"{start}/map")
    assert asked.status_code == 422 and "up to 1,000 labels" in asked.text


def test_a_version_that_is_closed_shows_and_takes_nothing(sign_in: SignIn, world: World) -> None:
    """Its map is there to be looked at."""
    cora = sign_in("Cora")
    page = cora.get(f"/versions/{world.frozen_id}/map")
    assert page.status_code == 200 and "With the ticked labels" not in page.text
    fields = {"category": "framing", "label": str(world.label_ids[0]), "revision": "0"}
    answer = cora.post(f"/versions/{world.frozen_id}/map", fields, page="/keys")
    assert answer.status_code in (409, 422)


def test_a_version_without_a_clustering_is_empty(sign_in: SignIn, world: World) -> None:
    """A frame of nothing is a frame."""
    frame = read(pack({"texts": []}, {"x": np.zeros(0, dtype=np.uint16)}).body)
    assert frame["texts"] == [] and len(frame["x"]) == 0


def test_on_either_store(engine: sa.Engine) -> None:
    """The map and its commands, on SQLite and on PostgreSQL."""
    world = build_world(engine)
    client = TestClient(create_app(engine))
    client.post("/sign-in", data={"name": "Ada", "password": builders.PASSWORD, "next": "/"})
    ada = Visitor(client)
    assert put(ada, world, ["scoping", "humour"], do="gather", name="Both").status_code == 200
    told = look(ada, world)
    assert said_of(told, "scoping") == ("Both", "framing", "not reviewed")
    assert put(ada, world, ["humour"], do="noise").status_code == 200
    assert said_of(look(ada, world), "humour") == ("-", "noise", "Ada")


def ranges(numbers: set[int]) -> Iterator[str]:
    """The numbers as the page sends them."""
    ordered = sorted(numbers)
    while ordered:
        last = next(
            (at for at, number in enumerate(ordered) if number != ordered[0] + at), len(ordered)
        )
        yield str(ordered[0]) if last == 1 else f"{ordered[0]}-{ordered[last - 1]}"
        ordered = ordered[last:]


@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)))
def test_ranges_and_boxes_give_each_label_once(chosen: set[int], ticked: set[int]) -> None:
    """Whatever stands in both."""
    form = Form({"chosen": [",".join(ranges(chosen))], "label": [str(one) for one in ticked]})
    found = form.chosen("label")
    assert len(found) == len(set(found)) and set(found) == chosen | ticked


@pytest.mark.parametrize("text", ["a", "1-a", "-1", "5--9", "99999999999", "0-1000000"])
def test_ranges_that_are_none_are_refused(text: str) -> None:
    """Before a million numbers are counted."""
    with pytest.raises(InvalidInput):
        Form({"chosen": [text]}).chosen("label")
