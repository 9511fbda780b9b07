"""The queue page of a version whose run kept guesses: what is asked, and what an answer does."""

import re

import pytest
import sqlalchemy as sa
from sqlmodel import select

from benchmarks.inventories import guide_by_preset, write_cells, write_labels
from store.engine import reading, transaction
from store.tables import OpenLabel
from taxonomy.discovery.run import read_inventory
from taxonomy.review.curation import ReviewState, get_review_state
from taxonomy.versions.lifecycle import create_draft
from tests.taxonomy.discovery.test_named_clusters import embed
from tests.webapp.conftest import SignIn
from tests.worlds import World

LABELS = [f"{verb} thing{letter}" for verb in ("recall", "verify") for letter in "abcdef"]


@pytest.fixture
def version_id(world: World, world_engine: sa.Engine) -> int:
    """A draft on labels that have guesses, beside the world's own."""
    engine = world_engine
    with transaction(engine) as session:
        session.execute(sa.text("UPDATE question SET key = 'k' || id"))
        session.execute(sa.text("UPDATE trace SET external_id = 'e' || id"))
    run = write_labels(engine, [(label, None) for label in LABELS], [5] * len(LABELS))
    labels, _ = read_inventory(engine, run.id)
    clusters = write_cells(engine, run, labels, guide_by_preset(labels, embed), embed)
    with transaction(engine) as session:
        return create_draft(session, "guided", cluster_run_id=clusters.id, preset="mr-align-15").id


def state(engine: sa.Engine, version_id: int) -> ReviewState:
    with reading(engine) as session:
        return get_review_state(session, version_id)


def number(engine: sa.Engine, key: str) -> str:
    with reading(engine) as session:
        return str(session.exec(select(OpenLabel).where(OpenLabel.key == key)).one().id)


def test_the_queue_says_how_right_it_is_and_asks_about_labels(
    world_engine: sa.Engine, version_id: int, sign_in: SignIn
) -> None:
    """With numbers; each label has a form of its own with every category and noise."""
    page = sign_in("Ada").get(f"/versions/{version_id}/queue").text
    assert re.search(r"About \d+ % is expected to be right as it stands, \d+ % after", page)
    assert "Single labels worth an answer" in page
    asked = [label.text for label, _ in state(world_engine, version_id).doubtful[:8]]
    assert asked and all(text in page for text in asked)
    assert page.count('name="category"') == len(asked)


def test_an_answer_is_a_decision_that_can_be_undone(
    world_engine: sa.Engine, version_id: int, sign_in: SignIn
) -> None:
    """A category, or noise; without one it is refused."""
    visitor = sign_in("Ada")
    address = f"/versions/{version_id}/queue"
    for category, expected in (("analogy", "analogy"), ("-", None)):
        revision = str(state(world_engine, version_id).revision)
        form = {"revision": revision, "label": number(world_engine, "recall thinga")}
        answer = visitor.post(address, {**form, "category": category}, page=address)
        assert answer.status_code in (200, 303)
        label = state(world_engine, version_id).views.labels["recall thinga"]
        assert (label.category, label.origin) == (expected, "reviewed")
    form = {"revision": "3", "label": number(world_engine, "recall thingb")}
    assert visitor.post(address, {**form, "category": ""}, page=address).status_code == 422
    assert state(world_engine, version_id).revision == 3
