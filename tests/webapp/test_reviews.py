"""What a page is told of a review is shared while it holds, and never longer."""

import sqlalchemy as sa

from store.engine import reading, transaction
from taxonomy.review.curation import Assign, decide
from tests.worlds import World
from webapp.review.reviews import read_review


def test_a_review_is_made_once_a_revision(world: World, world_engine: sa.Engine) -> None:
    """Whoever looks at the same revision gets the same; after a decision it is another."""
    with reading(world_engine) as session:
        first = read_review(session, world.version_id)
    with reading(world_engine) as session:
        assert read_review(session, world.version_id) is first
    with transaction(world_engine) as session:
        decide(
            session,
            world.version_id,
            Assign(anchor="c0", category="retrieval"),
            person=None,
            seen_revision=None,
        )
    with reading(world_engine) as session:
        second = read_review(session, world.version_id)
    assert second.revision == first.revision + 1
    assert second.group("c0").category == "retrieval"
    assert first.group("c0").category != "retrieval", "what was read before does not change"


def test_what_is_not_committed_is_not_shared(world: World, world_engine: sa.Engine) -> None:
    """A transaction that fails leaves nothing in what others see."""
    with reading(world_engine) as session:
        before = read_review(session, world.version_id).revision
    try:
        with transaction(world_engine) as session:
            decision = Assign(anchor="c0", category="retrieval")
            decide(session, world.version_id, decision, person=None, seen_revision=None)
            assert read_review(session, world.version_id).revision == before + 1
            raise RuntimeError
    except RuntimeError:
        pass
    with reading(world_engine) as session:
        assert read_review(session, world.version_id).revision == before
