"""Suggestions through forms: what blind reviewers would change for all, and how it is answered."""

from collections.abc import Callable, Mapping
from html import unescape
from re import findall, search
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from store.audit import list_entries
from store.engine import reading, transaction
from store.reviews import list_events
from store.states import Role
from store.suggestions import list_suggestions
from taxonomy.review.curation import ReviewState, get_review_state
from taxonomy.review.judging import list_disputes
from taxonomy.suggestions.suggesting import list_matters
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.webapp.test_verdicts import put, strip
from tests.worlds import HOSTILE, World, build_world
from webapp.app import create_app

Enter = Callable[[str], Visitor]


@pytest.fixture
def three(sign_in: SignIn, world: World, world_engine: sa.Engine) -> Enter:
    """A version on which two reviewers must agree; Bo and Cy are further annotators."""
    with transaction(world_engine) as session:
        for name in ("Bo", "Cy"):
            builders.add_person(session, name, Role.ANNOTATOR)
    set_overlap(sign_in("Cora"), world, 2)
    return sign_in


def set_overlap(cora: Visitor, world: World, overlap: int) -> None:
    page = f"/versions/{world.version_id}/guidelines"
    cora.post(page, {"overlap": str(overlap), "guidelines": ""}, page=page)


def state_of(engine: sa.Engine, world: World) -> ReviewState:
    with reading(engine) as session:
        return get_review_state(session, world.version_id)


def shared(engine: sa.Engine, world: World) -> list[tuple[str, str, int]]:
    """The clusters and categories as everybody has them."""
    state = state_of(engine, world)
    groups = [(group.anchor, group.name, len(group.labels)) for group in state.groups]
    return [*groups, *((one.key, one.definition, 0) for one in state.categories)]


def send(visitor: Visitor, world: World, anchor: str, deed: str, fields: Mapping[str, Any]) -> Any:
    """A form of a card."""
    card = f"/versions/{world.version_id}/clusters/{anchor}"
    return visitor.post(f"{card}/{deed}", dict(fields), page=card)


def merge(visitor: Visitor, world: World, into: str = "c0", other: str = "c1") -> str:
    """Suggest a merge; the page that answers."""
    answer = send(visitor, world, into, "merge", {"other": other})
    assert answer.status_code == 200, answer.text[-800:]
    return str(answer.text)


def desk(world: World) -> str:
    return f"/versions/{world.version_id}/disagreements"


def answer(cora: Visitor, world: World, choice: int | str, **fields: str) -> Any:
    """Answer what is shown: a change by its place on the page, or decline."""
    html = cora.get(desk(world), params={"place": fields.pop("at", "0")}).text
    form = search(r'<form method="post" action="([^"]*/suggestions/\d+)".*?</form>', html, 16)
    assert form is not None, html[-2000:]
    found = [(name, unescape(value)) for name, value in
             findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0])]  # fmt: skip
    sent: dict[str, Any] = {}
    for name, value in found:
        sent.setdefault(name, []).append(value)
    choices = findall(r'name="choice" value="([^"]*)"', form[0])
    sent |= {"choice": choices[choice] if isinstance(choice, int) else choice}
    return cora.client.post(form[1], data=sent | fields)


DEEDS: list[tuple[str, dict[str, Any], str]] = [
    ("clusters/c0/rename", {"name": "Posing it", "definition": "d"}, "rename “Framing the"),
    ("clusters/c0/merge", {"other": "c1"}, "merge “Recalling facts” into “Framing the question”"),
    ("clusters/c0/split", {"label": ["1"], "name": "Apart"}, "make a cluster “Apart” of 1 label"),
    ("map", {"label": ["1", "4"], "do": "gather", "name": "Mixed"}, "make a cluster “Mixed” of 2"),
]
OF_CATEGORIES: list[tuple[str, dict[str, Any], str]] = [
    (
        "categories",
        {"key": "planning", "name": "Planning", "macro_strategy": "m", "definition": "what next"},
        "add the category “Planning”",
    ),
    (
        "categories/framing/edit",
        {"name": "Framing", "macro_strategy": "m", "definition": "other words"},
        "change macro strategy, definition",
    ),
    ("categories/framing/retire", {"into": "analogy"}, "retire “Framing” into “Analogy”"),
]


@pytest.mark.parametrize(
    ("name", "deed"),
    [("Ada", deed) for deed in DEEDS] + [("Rhea", deed) for deed in OF_CATEGORIES],
)
def test_a_change_for_all_is_a_suggestion_that_nobody_else_sees(
    three: Enter, world: World, world_engine: sa.Engine, name: str, deed: Any
) -> None:
    """Every structural decision: shared state stays, others' pages stay, one's own tell of it."""
    version = f"/versions/{world.version_id}"
    mine, bo = three(name), three("Bo")
    addresses = [f"{version}/{rest}" for rest in ("queue", "board", "clusters", "map", "map/state")]
    addresses += [f"{version}/clusters/c0", f"{version}/history", version, "/"]
    pages = [strip(bo.get(address).text) for address in addresses]
    before = shared(world_engine, world)
    where, fields, words = deed
    place = f"{version}/{where}" if where == "map" else f"{version}/clusters/c0"
    place = place if name == "Ada" else version
    said = mine.post(f"{version}/{where}", fields, page=place)
    assert said.status_code == 200, said.text[-800:]
    assert f"suggested to {words}" in said.text and "waits for a curator" in said.text
    assert shared(world_engine, world) == before
    assert [strip(bo.get(address).text) for address in addresses] == pages
    assert words in mine.get(f"{version}/queue").text
    again = mine.post(f"{version}/{where}", fields, page=place)
    assert again.status_code == 422 and "suggested this already" in again.text
    undone = mine.post(f"{version}/undo", {"from": "queue"}, page=f"{version}/queue")
    assert f"took back: suggested to {words}" in undone.text
    assert "Your suggestions" not in undone.text


def test_the_same_change_of_several_is_counted_and_adopted_as_one_event(
    three: Enter, world: World, world_engine: sa.Engine
) -> None:
    """2 of 3, the opposite way beside it; the log names nobody, the audit everybody."""
    for name in ("Ada", "Bo"):
        merge(three(name), world)
    merge(three("Cy"), world, "c1", "c0")
    cora = three("Cora")
    page = cora.get(desk(world)).text
    assert "1 to decide" in page and "2 of 3 suggested" in page and "1 of 3 suggested" in page
    assert "do=merge&amp;anchor=c0&amp;other=c1" in page
    done = answer(cora, world, 0, reason="they mean one thing")
    assert done.status_code == 200 and "merged clusters of 5 labels" in done.text
    assert "no suggestion waits" in done.text
    state = state_of(world_engine, world)
    assert len({group.anchor: group for group in state.groups}["c0"].labels) == 5
    with reading(world_engine) as session:
        event = list_events(session, world.version_id)[-1]
        entries = [entry for entry in list_entries(session) if entry.action == "review.adopt"]
    assert event.kind == "merge" and event.reason == (
        "suggested by 2 reviewers: they mean one thing"
    )
    assert entries[0].actor == "Cora" and entries[0].detail["suggested_by"] == ["Ada", "Bo"]
    queue = f"/versions/{world.version_id}/queue"
    assert ">adopted</span>" in three("Ada").get(queue).text
    assert "another suggestion was adopted" in three("Cy").get(queue).text
    history = three("Cy").get(f"/versions/{world.version_id}/history").text
    assert "suggested by 2 reviewers" in history and "<bdi>Bo<" not in history
    undone = cora.post(f"/versions/{world.version_id}/undo", {"from": "disagreements"}, desk(world))
    assert "2 of 3 suggested" in undone.text
    assert "waits for a curator" in three("Ada").get(queue).text


def test_a_decline_needs_a_reason_which_its_own_person_sees_and_nobody_else(
    three: Enter, world: World, world_engine: sa.Engine
) -> None:
    """It is one more event, so that it is undone like any; blind reviewers do not see it."""
    merge(three("Ada"), world)
    cora, version = three("Cora"), f"/versions/{world.version_id}"
    before = strip(three("Bo").get(f"{version}/history").text)
    refused = answer(cora, world, "decline")
    assert refused.status_code == 422 and "say why" in refused.text
    done = answer(cora, world, "decline", reason="they <b>differ</b>")
    assert "declined a suggestion: merged clusters of 5 labels" in done.text
    assert "they &lt;b&gt;differ&lt;/b&gt;" in three("Ada").get(f"{version}/clusters/c0").text
    assert strip(three("Bo").get(f"{version}/history").text) == before
    with reading(world_engine) as session:
        revision = list_events(session, world.version_id)[-1].revision
    assert "declined" not in three("Bo").get(f"{version}/queue?done={revision}").text
    refused = three("Ada").post(
        f"{version}/undo", {"act": "1", "from": "queue"}, f"{version}/noise"
    )
    assert refused.status_code == 422 and "a curator answered" in refused.text
    cora.post(f"{version}/undo", {"from": "disagreements"}, page=desk(world))
    assert "1 of 1 suggested" in cora.get(desk(world)).text
    assert strip(three("Bo").get(f"{version}/history").text) == before
    assert "waits for a curator" in three("Ada").get(f"{version}/clusters/c0").text


def test_what_changed_meanwhile_is_said_and_never_applied_unseen(
    three: Enter, world: World, world_engine: sa.Engine
) -> None:
    """Adopting what one saw before is a conflict; what is gone can only be declined."""
    merge(three("Ada"), world)
    cora = three("Cora")
    form = cora.get(desk(world)).text
    choice = search(r'name="choice" value="(\d+:[^"]*)"', form)
    assert choice is not None
    label = state_of(world_engine, world).groups[0].labels[0].open_label_id
    send(cora, world, "c0", "noise", {"label": str(label)})
    address = f"/versions/{world.version_id}/suggestions/1"
    late = cora.post(address, {"choice": choice[1], "place": "0"}, page=desk(world))
    assert late.status_code == 409 and "comes to something else by now" in late.text
    page = cora.get(desk(world)).text
    assert "has lost 1 label since" in page and "as things stand now" in page
    rest = [one.open_label_id for one in state_of(world_engine, world).groups[0].labels]
    noise = {"label": [str(number) for number in rest]}
    group = state_of(world_engine, world).groups[0].anchor
    send(cora, world, group, "noise", noise)
    page = cora.get(desk(world)).text
    assert "It cannot be done any more" in page and "has no labels any more" in page
    done = answer(cora, world, 0, reason="gone")  # the only choice that is left
    assert "declined a suggestion" in done.text


def test_a_curators_own_decision_answers_what_it_is(
    three: Enter, world: World, world_engine: sa.Engine
) -> None:
    """Just what was suggested counts as adopted, as by way of what if."""
    merge(three("Ada"), world)
    merge(three("Bo"), world, "c1", "c0")
    cora = three("Cora")
    send(cora, world, "c0", "merge", {"other": "c1"})
    assert "no suggestion waits" in cora.get(desk(world)).text
    queue = f"/versions/{world.version_id}/queue"
    assert ">adopted</span>" in three("Ada").get(queue).text
    assert "another suggestion was adopted" in three("Bo").get(queue).text
    with reading(world_engine) as session:
        entries = [entry for entry in list_entries(session) if entry.action == "review.adopt"]
    assert [entry.detail["suggested_by"] for entry in entries] == [["Ada"]]


def test_two_answers_at_once_are_one_and_a_conflict(three: Enter, world: World) -> None:
    """So is an answer to what was withdrawn, or to what others joined or left unseen."""
    ada, bo, cora = three("Ada"), three("Bo"), three("Cora")
    merge(ada, world)
    page = cora.get(desk(world)).text
    hidden = findall(r'name="(csrf_token|revision|decision|act)" value="([^"]*)"', page)
    form = {name: unescape(value) for name, value in hidden}
    choice = search(r'name="choice" value="(\d+:[^"]*)"', page)
    assert choice is not None
    address = f"/versions/{world.version_id}/suggestions/1"
    merge(bo, world)
    late = cora.client.post(address, data=form | {"choice": "decline", "reason": "no"})
    assert late.status_code == 409 and "others suggested" in late.text
    first = cora.client.post(address, data=form | {"choice": choice[1]})
    assert first.status_code == 200
    again = cora.client.post(address, data=form | {"choice": choice[1]})
    assert again.status_code == 200  # the very same form, sent again because its answer was lost
    other = cora.client.post(address, data=form | {"choice": choice[1], "decision": "new"})
    assert other.status_code == 409 and "withdrawn or answered meanwhile" in other.text


def test_nobody_but_curators_sees_or_answers_them(three: Enter, world: World) -> None:
    """And a blind reviewer takes nothing back that is everybody's, nor another's."""
    merge(three("Ada"), world)
    bo, version = three("Bo"), f"/versions/{world.version_id}"
    address = f"{version}/suggestions/1"
    assert bo.post(address, {"choice": "decline", "reason": "x"}).status_code == 403
    assert bo.post(f"{version}/undo", {"act": "1"}, page=f"{version}/noise").status_code == 404
    for wrong in ("", "x", "1", "1:", "99:x", "-1:x"):
        assert answer(three("Cora"), world, wrong, reason="r").status_code in (409, 422)


def test_what_was_done_before_the_overlap_is_the_curators_to_undo(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """An annotator's merge of the day before is everybody's by now."""
    ada, cora, version = sign_in("Ada"), sign_in("Cora"), f"/versions/{world.version_id}"
    send(ada, world, "c0", "merge", {"other": "c1"})
    with reading(world_engine) as session:
        number = list_events(session, world.version_id)[-1].id
    set_overlap(cora, world, 2)
    assert "Undo my last" not in ada.get(f"{version}/queue").text
    refused = ada.post(
        f"{version}/undo", {"event": str(number), "from": "queue"}, page=f"{version}/noise"
    )
    assert refused.status_code == 403
    assert (
        cora.post(
            f"{version}/undo", {"event": str(number), "from": "queue"}, page=f"{version}/noise"
        ).status_code
        == 200
    )


def test_open_suggestions_stay_when_the_overlap_is_one_again(three: Enter, world: World) -> None:
    """The curator finds and answers them; their own person can still withdraw one."""
    merge(three("Ada"), world)
    merge(three("Bo"), world, "c3", "c4")
    cora, version = three("Cora"), f"/versions/{world.version_id}"
    set_overlap(cora, world, 1)
    assert f'href="{version}/disagreements"' in cora.get(f"{version}/board").text
    assert "2 to decide" in cora.get(desk(world)).text
    queue = f"{version}/queue"
    assert "waits for a curator" in three("Bo").get(queue).text
    three("Bo").post(f"{version}/undo", {"act": "2", "from": "queue"}, page=queue)
    assert answer(cora, world, 0).status_code == 200
    assert f'href="{version}/disagreements"' not in cora.get(f"{version}/board").text


def test_agreement_figures_take_no_notice(three: Enter, world: World) -> None:
    """Suggestions are no verdicts: neither figures nor disputes change, adopted or declined."""
    ada, bo, cora = three("Ada"), three("Bo"), three("Cora")
    for anchor, other in (("c0", "evaluation"), ("c3", "analogy")):
        put(ada, world, anchor, "evaluation")
        put(bo, world, anchor, other)

    def figures() -> str:
        found = search(r'<section class="card" aria-labelledby="accord-title">.*?</section>',
                       cora.get(desk(world)).text, 16)  # fmt: skip
        assert found is not None
        return found[0]

    before = figures()
    assert "α" in before and "Ada and Bo" in before
    merge(ada, world, "c5", "c6")
    merge(bo, world, "c7", "c8")
    assert figures() == before
    answer(cora, world, 0)
    answer(cora, world, "decline", reason="no")
    assert figures() == before and "1 to decide" in cora.get(desk(world)).text


def test_hostile_names_are_text_on_every_page(three: Enter, world: World) -> None:
    """Of clusters, of people's own words, in reasons."""
    ada, cora, version = three("Ada"), three("Cora"), f"/versions/{world.version_id}"
    send(ada, world, "c10", "rename", {"name": f"{HOSTILE} {{{{7*7}}}}", "definition": HOSTILE})
    merge(ada, world, "c10", "c0")
    for visitor, address in ((ada, f"{version}/queue"), (ada, f"{version}/clusters/c10"),
                             (ada, f"{version}/history"), (cora, desk(world)),
                             (cora, f"{desk(world)}?place=1")):  # fmt: skip
        html = visitor.get(address).text
        assert "<script>alert" not in html and "&lt;script&gt;alert" in html
    assert "{{7*7}}" in cora.get(desk(world)).text


def test_a_vocabulary_row_with_an_open_suggestion_is_not_clean(three: Enter, world: World) -> None:
    """Whoever signs it is told first; blind reviewers are not."""
    version = f"/versions/{world.version_id}"
    rhea, cora = three("Rhea"), three("Cora")
    fields = {"into": "analogy"}
    rhea.post(f"{version}/categories/framing/retire", fields, page=version)
    assert "1 suggestion to answer" in cora.get(version).text
    assert "1 suggestion to answer" not in three("Ada").get(version).text
    assert "suggestion to answer in v1" in cora.get("/").text


def test_suggestions_hold_on_both_stores(engine: sa.Engine) -> None:
    """Suggest, withdraw, adopt, undo and decline; the log alone gives the state."""
    world = build_world(engine)
    app = create_app(engine)
    with transaction(engine) as session:
        builders.add_person(session, "Bo", Role.ANNOTATOR)
    visitors = {}
    for name in ("Ada", "Bo", "Cora"):
        visitors[name] = Visitor(TestClient(app, raise_server_exceptions=False))
        visitors[name].client.post("/sign-in", data={"name": name, "password": builders.PASSWORD})
    ada, bo, cora = visitors.values()
    version = f"/versions/{world.version_id}"
    set_overlap(cora, world, 2)
    put(ada, world, "c0", "evaluation")
    merge(ada, world)
    merge(bo, world)
    send(bo, world, "c2", "rename", {"name": "Other"})
    with reading(engine) as session:
        rows = list_suggestions(session, world.version_id)
        assert [row.act for row in rows] == [2, 3, 4]  # counted together with the verdict
        assert len(list_matters(session, world.version_id)) == 2
    bo.post(f"{version}/undo", {"from": "queue"}, page=f"{version}/queue")
    assert answer(cora, world, 0).status_code == 200
    cora.post(f"{version}/undo", {"from": "disagreements"}, page=desk(world))
    assert answer(cora, world, "decline", reason="no").status_code == 200
    with reading(engine) as session:
        kinds = [event.kind for event in list_events(session, world.version_id)]
        assert list_disputes(session, world.version_id) == []
        assert list_matters(session, world.version_id) == []
    assert kinds == ["start", "merge", "undo", "decline"]
    assert len(state_of(engine, world).groups) == 11
