"""Other clusterings: seen before anything changes, taken whole or in part, and taken back."""

import re
from html import unescape

import pytest
import sqlalchemy as sa
from sqlmodel import select

from alignment.explanation.origins import list_open_labels
from store.engine import reading, transaction
from store.reviews import list_events
from store.runs import get_run
from store.tables import ClusterDescription, Trace
from store.taxonomies import get_version, list_clusters
from taxonomy.review.curation import ReviewState, get_review_state
from taxonomy.review.reclustering import recluster
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import HOSTILE, World, add_later_clustering


@pytest.fixture
def later(world_engine: sa.Engine, world: World) -> int:
    return add_later_clustering(world_engine, world)


@pytest.fixture
def cora(sign_in: SignIn) -> Visitor:
    return sign_in("Cora")


def state(engine: sa.Engine, world: World) -> ReviewState:
    with reading(engine) as session:
        return get_review_state(session, world.version_id)


def categories(engine: sa.Engine, world: World) -> dict[str, str | None]:
    return {label.text: label.category for label in state(engine, world).views.labels.values()}


def take(cora: Visitor, page: str, category: str) -> str:
    """Press the button of a category; the page that comes back."""
    html = cora.get(page).text
    found = re.search(
        rf'name="category" value="{category}"><input type="hidden" name="print" value="(\w+)"', html
    )
    assert found is not None
    fields = {"category": category, "print": found[1]}
    return str(cora.post(f"{page}/categories", fields, page=page).text)


def test_the_difference_is_seen_and_nothing_is_written(
    cora: Visitor, world: World, world_engine: sa.Engine, later: int
) -> None:
    """Which labels move, which are new with how sure that is, what becomes of clusters."""
    base = f"/versions/{world.version_id}"
    revision = state(world_engine, world).revision
    listed = cora.get(f"{base}/reclusterings").text
    assert f"Run {later}: clustered anew" in listed
    assert unescape(listed).count(f"later {HOSTILE}") == 1 and HOSTILE not in listed
    html = cora.get(f"{base}/reclusterings/{later}").text
    assert HOSTILE not in html and f"new {HOSTILE}" in unescape(html)
    text = re.sub(r"<[^>]+>", " ", html)
    assert re.search(r"Labels new\s+2", text)
    assert re.search(r"setting the scene\s+framing\s+\d+ %\s+30", text, re.I)
    assert re.search(r"merged\s+Checking oneself\s*,\s+Going back\s+Looking again", text)
    assert re.search(r"split\s+Framing the question\s+Framing\s*,\s+Scoping", text)
    assert state(world_engine, world).revision == revision


def test_a_category_goes_over_alone_and_comes_back(
    cora: Visitor, world: World, world_engine: sa.Engine, later: int
) -> None:
    """Its labels stand on the new clusters, with a card and examples; undo and redo by the form."""
    base = f"/versions/{world.version_id}"
    page = f"{base}/reclusterings/{later}"
    before = categories(world_engine, world)
    html = take(cora, page, "backtracking")
    assert "took backtracking from the clusters of run" in html
    after = categories(world_engine, world)
    moved = {text for text in before if before[text] != after[text]}
    assert moved == {"double-checking", "sanity check"} and after.keys() == before.keys()
    card = cora.get(f"{base}/clusters/c2.{later}")
    assert card.status_code == 200 and "Looking again" in card.text and "Read it in" in card.text
    assert cora.get(f"{base}/clusters/c2.{later}?divided=true").status_code == 200
    assert cora.get(f"{base}/map/places").status_code == 200
    event = re.search(r'name="event" value="(\d+)"', html)
    assert event is not None
    fields = {"event": event[1], "from": "reclusterings"}
    answer = cora.post(f"{base}/undo", fields, page=page)
    assert answer.status_code == 200 and "Redo" in answer.text
    assert categories(world_engine, world) == before
    event = re.search(r'name="event" value="(\d+)"', answer.text)
    assert event is not None
    cora.post(f"{base}/undo", {"event": event[1], "from": "reclusterings"}, page=page)
    assert categories(world_engine, world) == after


def test_it_goes_over_whole_with_every_decision(
    cora: Visitor, world: World, world_engine: sa.Engine, later: int
) -> None:
    """What was decided stays decided; undo brings the earlier clusters back."""
    base = f"/versions/{world.version_id}"
    page = f"{base}/reclusterings/{later}"
    cora.post(f"{base}/clusters/c2/assign", {"category": "evaluation"}, page=f"{base}/clusters/c2")
    cora.post(f"{base}/clusters/c9/assign", {"category": "analogy"}, page=f"{base}/clusters/c9")
    html = cora.get(page).text
    assert "0 of 2 labels are there" in html and "find none of theirs" in html
    before = categories(world_engine, world)
    assert cora.post(page, {"reason": "more labels"}, page=page).status_code == 200
    now = state(world_engine, world)
    assert now.cluster_run_id == later
    assert categories(world_engine, world)["double-checking"] == "evaluation"
    answer = cora.get(page)
    assert answer.status_code == 422 and "already" in answer.text
    listed = cora.get(f"{base}/reclusterings").text
    assert "more labels" in listed and "Earlier" in listed
    with reading(world_engine) as session:
        event = list_events(session, world.version_id)[-1].id
    cora.post(f"{base}/undo", {"event": str(event), "from": "reclusterings"}, page=base)
    assert state(world_engine, world).cluster_run_id == world.cluster_run_id
    assert categories(world_engine, world) == before


def test_what_is_not_as_it_was_seen_is_refused(
    cora: Visitor, sign_in: SignIn, world: World, world_engine: sa.Engine, later: int
) -> None:
    """Another fingerprint, a category that has nothing, a form twice, a frozen version."""
    base = f"/versions/{world.version_id}"
    page = f"{base}/reclusterings/{later}"
    cases = [
        ({"category": "backtracking", "print": "0" * 16}, 409),
        ({"category": "nobody's", "print": ""}, 409),
        ({}, 422),
    ]
    for fields, status in cases:
        assert cora.post(f"{page}/categories", fields, page=page).status_code == status
    assert cora.get(f"{base}/reclusterings/9999").status_code == 404
    frozen = f"/versions/{world.frozen_id}/reclusterings/{later}"
    assert cora.get(frozen).status_code == 200
    assert cora.post(frozen, {"revision": "9"}, page=base).status_code == 409
    revision = state(world_engine, world).revision
    found = re.search(r'value="framing"><input type="hidden" name="print" value="(\w+)"',
                      cora.get(page).text)  # fmt: skip
    assert found is not None
    twice = {"category": "framing", "print": found[1], "decision": "one number", "revision":
             str(revision)}  # fmt: skip
    for _ in range(2):
        assert cora.post(f"{page}/categories", twice, page="/keys").status_code == 200
    assert state(world_engine, world).revision == revision + 1


def test_an_annotator_takes_no_clustering_back(
    cora: Visitor, sign_in: SignIn, world: World, world_engine: sa.Engine, later: int
) -> None:
    """Not by its number, and the undo of the last decision passes it by."""
    base = f"/versions/{world.version_id}"
    cora.post(f"{base}/reclusterings/{later}", {}, page=base)
    with reading(world_engine) as session:
        event = list_events(session, world.version_id)[-1].id
    ada = sign_in("Ada")
    assert ada.get(f"{base}/reclusterings").status_code == 403
    refused = ada.post(f"{base}/undo", {"event": str(event)}, page=f"{base}/clusters/c0")
    assert refused.status_code == 403 and "other clusters" in refused.text
    assert ada.post(f"{base}/undo", {}, page=f"{base}/clusters/c0").status_code == 404
    assert state(world_engine, world).cluster_run_id == later


def test_a_card_says_whether_its_cluster_comes_back(
    cora: Visitor, world: World, world_engine: sa.Engine
) -> None:
    """By what was changed; nothing where nobody asked."""
    card = f"/versions/{world.version_id}/clusters/c0"
    assert "comes back" not in cora.get(card).text
    kept = {"stability": {"clusters": {"0": {
        "mean": 0.62, "verdict": "doubtful", "other seed": 0.9, "other model": 0.34,
    }}}}  # fmt: skip
    with transaction(world_engine) as session:
        get_run(session, world.cluster_run_id).metrics = kept
    html = re.sub(r"\s+", " ", cora.get(card).text)
    assert "62 % of it comes back: other model 34 %, other seed 90 %" in html
    assert "doubtful" in html
    assert "comes back" not in cora.get(card.replace("c0", "c1")).text


def test_a_card_says_what_its_nearest_sibling_is_not(
    cora: Visitor, world: World, world_engine: sa.Engine
) -> None:
    """With the scope note and a way to the sibling, as text whatever it holds."""
    with transaction(world_engine) as session:
        clusters = list_clusters(session, world.cluster_run_id)
        session.add(
            ClusterDescription(
                cluster_id=clusters[0].id,
                named_by="offline",
                scope_note=f"scope {HOSTILE}",
                difference="Near Recalling facts: here framing; there recall",
                sibling_id=clusters[1].id,
            )
        )
    html = cora.get(f"/versions/{world.version_id}/clusters/c0").text
    assert f"scope {HOSTILE}" in unescape(html) and f"scope {HOSTILE}" not in html
    assert "here framing; there recall" in html
    assert f'href="/versions/{world.version_id}/clusters/c1">Look at the nearest' in html


def test_the_way_back_from_a_label_leads_to_the_cluster_that_it_stands_on(
    cora: Visitor, world: World, world_engine: sa.Engine, later: int
) -> None:
    """A category that was taken alone is of the other clustering, all else of the version's own;
    taken whole, every label that the other one knows is of it.
    """

    def clusters() -> dict[str, tuple[int, str]]:
        with reading(world_engine) as session:
            version = get_version(session, world.version_id)
            found = [label for trace in session.exec(select(Trace.id))
                     for label in list_open_labels(session, trace, version, 0, 99)]  # fmt: skip
        return {one["text"]: (one["cluster"]["run"], one["cluster"]["name"])
                for one in found if one["cluster"]}  # fmt: skip

    before = clusters()
    assert {run for run, _ in before.values()} == {world.cluster_run_id}
    take(cora, f"/versions/{world.version_id}/reclusterings/{later}", "backtracking")
    after = clusters()
    changed = {text: after[text] for text in after if after[text] != before[text]}
    assert changed and set(changed.values()) == {(later, "Looking again")}
    assert set(changed) == {
        text for text, name in categories(world_engine, world).items()
        if name == "backtracking" and text in before
    }  # fmt: skip
    with transaction(world_engine) as session:
        recluster(session, world.version_id, later, person=None)
    whole = clusters()
    assert {run for run, _ in whole.values()} == {later} and whole.keys() < before.keys()
