"""A review through the store: guesses, what spreads, freezing, other clusterings, new labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from benchmarks import taxonomy_review
from benchmarks.inventories import guide_by_preset, write_cells, write_labels
from benchmarks.settings import data_file
from benchmarks.taxonomy import read_gold
from store.engine import get_engine, reading, transaction
from store.errors import Conflict, FrozenVersion, InvalidInput
from store.reviews import list_taken_labels
from store.runs import get_run
from store.tables import ClusterMembership, Mapping, OpenLabel, Run
from store.taxonomies import get_version, list_clusters
from taxonomy.discovery.addition import add_labels
from taxonomy.discovery.run import read_inventory, run_clustering
from taxonomy.events.decisions import Assign, Decision, MarkNoise
from taxonomy.review import standing
from taxonomy.review.curation import ReviewState, decide, get_review_state, undo
from taxonomy.review.portions import Portion
from taxonomy.review.reclustering import (
    Comparison,
    compare_clusterings,
    compare_whole,
    list_candidates,
    recluster,
    take_portion,
)
from taxonomy.review.shifts import Counted
from taxonomy.versions.lifecycle import approve, create_draft, freeze, get_content, submit
from tests.taxonomy.discovery.test_named_clusters import embed

PRESET = "mr-align-15"
VERBS = ("recall", "verify", "compare", "summarize")
THINGS = [f"thing{letter}" for letter in "abcdefgh"]
LABELS = [f"{verb} {thing}" for verb in VERBS for thing in THINGS]
COUNTS = [20 - place % 8 for place in range(len(LABELS))]


@dataclass(frozen=True)
class Site:
    """A store with labels, a cluster run, and a draft on it."""

    engine: sa.Engine
    label_run: Run
    cluster_run: Run
    version_id: int
    ids: dict[str, int]

    def state(self, exact: bool = True) -> ReviewState:
        """The review now."""
        with reading(self.engine) as session:
            return get_review_state(session, self.version_id, exact=exact)

    def decide(self, decision: Decision, seen: int | None = None) -> int:
        """A decision's event."""
        with transaction(self.engine) as session:
            return decide(session, self.version_id, decision, person=None, seen_revision=seen).id

    def put(self, category: str | None, *keys: str) -> int:
        """Assign labels."""
        return self.decide(Assign(None, tuple(self.ids[key] for key in keys), category))

    def undo(self, event_id: int) -> int:
        """Take an event back."""
        with transaction(self.engine) as session:
            return undo(
                session, self.version_id, person=None, event_id=event_id, seen_revision=None
            ).id


def cluster(engine: sa.Engine, label_run: Run) -> Run:
    """A cluster run over the labels of a run, without waiting for one."""
    labels, _ = read_inventory(engine, label_run.id)
    return write_cells(engine, label_run, labels, guide_by_preset(labels, embed), embed)


def build(engine: sa.Engine) -> Site:
    """Thirty-two labels of four kinds, in two cells, and a draft of the preset."""
    label_run = write_labels(engine, [(label, None) for label in LABELS], COUNTS)
    cluster_run = cluster(engine, label_run)
    with transaction(engine) as session:
        version = create_draft(session, "v1", cluster_run_id=cluster_run.id, preset=PRESET)
        ids = {label.key: label.id for label in session.exec(select(OpenLabel))}
    return Site(engine, label_run, cluster_run, version.id, ids)


@pytest.fixture
def site(sqlite_url: str) -> Site:
    """On SQLite: what is tested here does not depend on the store."""
    return build(get_engine(sqlite_url))


def shown(state: ReviewState) -> dict[str, tuple[str | None, str, float]]:
    """What is said of each label."""
    return {
        key: (label.category, label.origin, label.doubt)
        for key, label in state.views.labels.items()
    }


def test_every_label_starts_somewhere_on_either_store(engine: sa.Engine) -> None:
    """A category with a doubt, or an honest none; the run's shares come back as they were."""
    site = build(engine)
    state = site.state()
    origins = Counter(label.origin for label in state.views.labels.values())
    assert set(origins) <= {"guided", "noise", "unassigned"} and origins["guided"] > 0
    assert all(0 <= label.doubt <= 1 for label in state.views.labels.values())
    assert state.prospects is not None and state.spread_revision == state.revision
    assert state.doubtful and state.gains
    with reading(engine) as session:
        run = get_run(session, site.cluster_run.id)
        member = session.exec(select(ClusterMembership)).first()
    assert run.parameters["origin"] == "guided" and len(run.parameters["categories"]) == 15
    assert member is not None and member.shares is not None and len(member.shares) == 2 * 16


def test_a_decision_spreads_and_its_undo_gives_what_was_there(site: Site) -> None:
    """Labels like the decided ones follow; undo and redo restore to the last digit."""
    before = shown(site.state())
    event = site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    after = site.state()
    rest = [after.views.labels[f"recall {thing}"] for thing in THINGS[6:]]
    assert [(label.category, label.origin) for label in rest] == [("analogy", "spread")] * 2
    assert after.views.labels["recall thinga"].origin == "reviewed"
    back = site.undo(event)
    assert shown(site.state()) == before
    site.undo(back)
    assert shown(site.state()) == shown(after)


def test_what_spreads_is_the_same_for_whoever_reads_the_log_anew(site: Site) -> None:
    """Another process, which has kept nothing, says the same."""
    site.put("analogy", "recall thinga", "recall thingb")
    site.state()
    event = site.decide(MarkNoise((site.ids["verify thingc"],)))
    site.put("synthesis", "compare thingd")
    site.state()
    site.undo(event)
    taken = site.state()
    standing._kept.clear()
    standing._clusterings.clear()
    assert shown(site.state()) == shown(taken)
    assert site.state().prospects == taken.prospects


def test_a_page_does_not_wait_for_what_spreads(site: Site) -> None:
    """The decision stands at once; what follows from it says which revision it follows."""
    first = site.state()
    site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    quick = site.state(exact=False)
    label = quick.views.labels["recall thinga"]
    assert (quick.revision, label.category, label.origin) == (2, "analogy", "reviewed")
    assert quick.spread_revision in (first.revision, 2)
    standing._follower().submit(lambda: None).result()
    later = site.state(exact=False)
    assert later.spread_revision == 2
    assert shown(later) == shown(site.state())


def test_freezing_writes_where_each_category_comes_from(site: Site) -> None:
    """Reviewed, spread, guided; noise and unassigned have none."""
    site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    site.decide(MarkNoise((site.ids["verify thingc"],)))
    expected = {key: value[:2] for key, value in shown(site.state()).items()}
    expected["verify thingc"] = (None, "noise")
    with transaction(site.engine) as session:
        for step in (submit, approve, freeze):
            version = step(session, site.version_id, person=None, reason="done")
        content = get_content(session, version)
        rows = session.exec(select(Mapping)).all()
    assert {label.key: (label.category, label.origin) for label in content.labels} == expected
    frozen = {key: value[:2] for key, value in shown(site.state()).items()}
    assert frozen == {**expected, "verify thingc": (None, "reviewed")}
    assert site.state().prospects is None
    assert {"reviewed", "spread", "noise"} <= {row.origin for row in rows}


def test_another_clustering_keeps_every_decision_and_is_shown_before(site: Site) -> None:
    """Nothing changes until it is applied; then it is one event, and decisions hold."""
    site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    more = write_labels_again(site, [*LABELS, "recall zeal", "guess wildly"])
    other = cluster(site.engine, more)
    with reading(site.engine) as session:
        shift = compare_clusterings(session, site.version_id, other.id)
    assert site.state().cluster_run_id == site.cluster_run.id
    assert (shift.added.labels, shift.decisions_hold) == (2, 1)
    assert shift.reviewed.labels == 6
    with transaction(site.engine) as session:
        recluster(session, site.version_id, other.id, person=None, reason="new labels")
    state = site.state()
    assert (state.cluster_run_id, state.revision) == (other.id, 3)
    assert state.views.labels["recall thinga"].category == "analogy"
    assert state.views.labels["recall zeal"].category == "analogy"
    with pytest.raises(InvalidInput, match="already"), transaction(site.engine) as session:
        recluster(session, site.version_id, other.id, person=None)
    with pytest.raises(Conflict):  # c0 was another cluster when the page was read
        site.decide(Assign("c0", (), "framing"), seen=2)


def test_a_frozen_version_keeps_its_clustering(site: Site) -> None:
    with transaction(site.engine) as session:
        for step in (submit, approve, freeze):
            step(session, site.version_id, person=None, reason="done")
    other = cluster(site.engine, site.label_run)
    with pytest.raises(FrozenVersion), transaction(site.engine) as session:
        recluster(session, site.version_id, other.id, person=None)


def write_labels_again(site: Site, labels: Sequence[str]) -> Run:
    """A later label run, on a trace of its own."""
    with transaction(site.engine) as session:
        session.execute(sa.text("UPDATE question SET key = key || id"))
        session.execute(sa.text("UPDATE trace SET external_id = external_id || id"))
    return write_labels(site.engine, [(label, None) for label in labels], [2] * len(labels))


def test_new_labels_join_without_the_known_ones_moving(engine: sa.Engine) -> None:
    """They take after those like them; what was known stays to the byte, counts grow."""
    site = build(engine)
    more = write_labels_again(site, [*LABELS[:3], "recall zeal", "RECALL_thinga!", "recall thingz"])
    added = add_labels(site.engine, embed, label_run_id=more.id)
    before, after = members(site, site.cluster_run.id), members(site, added.id)
    fresh = after.keys() - before.keys()
    assert {after[number][0] for number in fresh} == {
        "recall zeal", "recall thinga!", "recall thingz",
    }  # fmt: skip
    assert all(after[number][3:] == row[3:] for number, row in before.items())
    assert {number: row[2] - before[number][2] for number, row in after.items()
            if number in before and row[2] != before[number][2]} == {
        site.ids[label]: 2 for label in LABELS[:3]
    }  # fmt: skip
    by_key = {row[0]: row for row in after.values()}
    # A spelling of a known phrase is that phrase; another one has a row of its own.
    assert by_key["recall thinga!"][3:5] == by_key["recall thinga"][3:5]
    assert by_key["recall zeal"][3] not in {row[3] for row in before.values()}
    assert added.metrics["added"] == 3 and added.parameters["base_run"] == site.cluster_run.id
    with reading(site.engine) as session:
        assert len(list_clusters(session, added.id)) == len(
            list_clusters(session, site.cluster_run.id)
        )
    with transaction(site.engine) as session:
        recluster(session, site.version_id, added.id, person=None)
    site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    assert site.state().views.labels["recall zeal"].category == "analogy"


def members(site: Site, run_id: int) -> dict[int, tuple[Any, ...]]:
    """Key, run, count, and what a run says of each label beside."""
    row = ClusterMembership
    query = (
        sa.select(
            col(row.open_label_id), col(OpenLabel.key), col(row.run_id), col(row.instances),
            col(row.phrase_id), col(row.shares), col(row.distance), col(row.probability),
            col(row.x), col(row.y),
        )
        .join(OpenLabel, col(OpenLabel.id) == col(row.open_label_id))
        .where(col(row.run_id) == run_id)
    )  # fmt: skip
    with reading(site.engine) as session:
        return {number: tuple(rest) for number, *rest in session.execute(query)}


def test_adding_what_is_known_or_to_a_run_without_guesses_is_refused(site: Site) -> None:
    """Before any run is started."""
    with pytest.raises(InvalidInput, match="found none"):
        add_labels(site.engine, embed, label_run_id=site.label_run.id)
    with transaction(site.engine) as session:
        session.execute(sa.update(Run).values(model="another"))
    with pytest.raises(InvalidInput, match="embedding model"):
        add_labels(site.engine, embed)
    with transaction(site.engine) as session:
        session.execute(sa.update(Run).values(model=None))
        session.execute(sa.update(ClusterMembership).values(phrase_id=None, shares=None))
    with pytest.raises(InvalidInput, match="kept its guesses"):
        add_labels(site.engine, embed)


@pytest.mark.models
def test_a_run_without_categories_proposes_a_draft(sqlite_url: str) -> None:
    """A tree of categories under macro-strategies, in the same rows that a guided run writes."""
    engine = get_engine(sqlite_url)
    write_labels(engine, [(label, None) for label in LABELS], COUNTS)
    run = run_clustering(engine, embed, preset=None)
    with transaction(engine) as session:
        version = create_draft(session, "found", cluster_run_id=run.id, proposed=True)
        state = get_review_state(session, version.id)
    assert run.parameters["origin"] == "cluster"
    assert 2 <= len(state.categories) == len(run.parameters["proposal"])
    assert {label.origin for label in state.views.labels.values()} <= {"cluster", "unassigned"}
    held: dict[str | None, Counter[str]] = {}
    for label in state.views.labels.values():
        held.setdefault(label.category, Counter())[label.key.split()[0]] += 1
    alike = sum(max(counts.values()) for key, counts in held.items() if key is not None)
    assert alike >= 0.75 * len(LABELS)
    with pytest.raises(InvalidInput, match="one source"), transaction(engine) as session:
        create_draft(session, "x", cluster_run_id=run.id, proposed=True, preset=PRESET)


@pytest.mark.models
def test_a_run_can_be_guided_by_an_earlier_version(site: Site) -> None:
    """What people put in a category speaks for it the next time."""
    site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    run = run_clustering(site.engine, embed, version="v1")
    with transaction(site.engine) as session:
        version = create_draft(session, "v2", cluster_run_id=run.id, preset=PRESET)
        labels = get_review_state(session, version.id).views.labels
    assert labels["recall thingh"].category == "analogy"
    with transaction(site.engine) as session:
        create_draft(session, "bare", cluster_run_id=run.id)
    with pytest.raises(InvalidInput, match="categories"):
        run_clustering(site.engine, embed, version="bare")
    with pytest.raises(InvalidInput, match="proposes"), transaction(site.engine) as session:
        create_draft(session, "none", cluster_run_id=run.id, proposed=True)


@pytest.mark.models
def test_a_perfect_reviewer_at_the_queue_gets_far_with_few_answers(sqlite_url: str) -> None:
    """Through labels, draft, queue and events: what the arrays alone promise."""
    path: Path | None = data_file("open_labels_dev.json")
    if path is None:
        pytest.skip("needs open_labels_dev.json in the folder that MRALIGN_BENCH_DATA names")
    whole = read_gold(path)
    gold = whole.take(np.arange(0, len(whole.labels), 6))
    engine = get_engine(sqlite_url)
    version_id = taxonomy_review.draft(engine, gold, taxonomy_review.RememberingEncoder())
    state, _, _ = taxonomy_review.review(engine, version_id, gold, answers=40)
    found = taxonomy_review.measure(state, gold)
    assert found["accuracy"] >= 0.88 and found["weighted"] >= 0.95
    assert sum(label.origin == "reviewed" for label in state.views.labels.values()) <= 40


def go_over(site: Site) -> Run:
    """A later clustering with new labels, after a few decisions."""
    site.put("analogy", *(f"recall {thing}" for thing in THINGS[:6]))
    more = write_labels_again(site, [*LABELS, "recall zeal", "guess wildly"])
    return cluster(site.engine, more)


def portions(site: Site, run: Run) -> Comparison:
    with reading(site.engine) as session:
        return compare_whole(session, site.version_id, run.id)


def take(site: Site, run: Run, category: str | None) -> int:
    """Take what a category has in a run; the event."""
    found = portions(site, run).find(category)
    assert found is not None
    with transaction(site.engine) as session:
        return take_portion(session, site.version_id, run.id, found, person=None).id


def elsewhere(site: Site) -> dict[str, int]:
    """The labels on another run's clusters as the log says, which is what the state has."""
    with reading(site.engine) as session:
        version = get_version(session, site.version_id)
        found = list_taken_labels(session, version)
        layers = standing.stand(session, version).layers
    assert found == {key: layer.run_id for layer in layers for key in layer.labels}
    return found


def test_a_category_is_taken_alone_and_back(engine: sa.Engine) -> None:
    """Its labels go over, all others stay; undo gives what was there, also to who reads anew."""
    site = build(engine)
    other = go_over(site)
    before = site.state()
    event = take(site, other, "analogy")
    after = site.state()
    assert after.cluster_run_id == site.cluster_run.id and after.layer_run_ids == (other.id,)
    came = after.views.labels.keys() - before.views.labels.keys()
    assert came == {"recall zeal"}
    assert after.views.labels["recall thinga"].origin == "reviewed"
    assert elsewhere(site)["recall zeal"] == other.id
    state = after.views.state
    over = {
        key for key, anchor in state.anchors.items() if anchor and anchor.endswith(f".{other.id}")
    }
    assert {f"recall {thing}" for thing in THINGS} <= over
    assert "verify thinga" not in over
    standing._kept.clear()
    standing._clusterings.clear()
    assert shown(site.state()) == shown(after)
    back = site.undo(event)
    assert shown(site.state()) == shown(before)
    assert elsewhere(site) == {}
    site.undo(back)
    assert elsewhere(site)["recall zeal"] == other.id
    assert shown(site.state()) == shown(after)


def test_all_categories_taken_one_by_one_are_the_whole(site: Site) -> None:
    """Nothing is left to take, decisions hold, and every label is where the whole would have it."""
    other = go_over(site)
    with transaction(site.engine) as session:
        event = recluster(session, site.version_id, other.id, person=None).id
    whole = site.state()
    site.undo(event)
    assert site.state().cluster_run_id == site.cluster_run.id
    for _ in range(20):
        left = [one for one in portions(site, other).portions if one.keys]
        if not left:
            break
        take(site, other, left[0].category)
    assert portions(site, other).portions == ()
    mixed = site.state()
    assert shown(mixed) == shown(whole)
    with pytest.raises(InvalidInput, match="none is left"), transaction(site.engine) as session:
        nothing = replace(left[0] if left else empty_portion(), keys=frozenset())
        take_portion(session, site.version_id, other.id, nothing, person=None)


def empty_portion() -> Portion:
    return Portion("analogy", frozenset(), Counted(0, 0), Counted(0, 0), Counted(0, 0), None, "")


def test_a_freeze_and_a_child_keep_what_was_taken(site: Site) -> None:
    """A frozen version holds the labels that came; a draft from it goes on with them."""
    other = go_over(site)
    take(site, other, "analogy")
    with transaction(site.engine) as session:
        for step in (submit, approve, freeze):
            version = step(session, site.version_id, person=None, reason="done")
        child = create_draft(session, "v2", parent=version.id)
        assert "recall zeal" in {label.key for label in get_content(session, version).labels}
    with reading(site.engine) as session:
        state = get_review_state(session, child.id)
    assert state.views.labels["recall zeal"].category == "analogy"


def test_two_clusterings_at_once_and_a_late_look_are_refused(site: Site) -> None:
    """Whoever looked before somebody else went over looks again."""
    other = go_over(site)
    third = cluster(site.engine, other_labels(site, other))
    seen = site.state().revision
    found = portions(site, other).portions[0]
    take(site, other, "analogy")
    with pytest.raises(Conflict, match="other clusters"), transaction(site.engine) as session:
        take_portion(session, site.version_id, other.id, found, person=None, seen_revision=seen)
    with pytest.raises(InvalidInput, match="category by category"):
        take(site, third, portions(site, third).portions[0].category)
    with reading(site.engine) as session:
        listed = list_candidates(session, site.version_id)
    assert [(one.run.id, one.standing > 0) for one in listed] == [
        (third.id, False), (other.id, True),
    ]  # fmt: skip


def other_labels(site: Site, run: Run) -> Run:
    """The label run of a cluster run."""
    with reading(site.engine) as session:
        return get_run(session, run.parameters["label_run"])
