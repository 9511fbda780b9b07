"""What a version is worth: coverage, purity, entropy, agreement, confusions, rarity."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.engine import reading
from store.taxonomies import get_version
from taxonomy.events.state import CategoryText
from taxonomy.review.curation import Assign, MarkNoise
from taxonomy.versions.appraisal import appraise_version, list_proposals
from taxonomy.versions.lifecycle import create_draft
from taxonomy.vocabulary.contents import MappedLabel, VersionContent
from taxonomy.vocabulary.worth import (
    LabelSet,
    Proposal,
    appraise,
    count_moves,
    entropy_bits,
    find_confusions,
    kappa_of,
    positive_agreement,
    purity,
)

A, B, C, NONE = (frozenset(keys) for keys in ("a", "b", "c", ""))
SETS = st.sampled_from([A, B, C, NONE, A | B, B | C])
PAIRS = st.lists(st.tuples(SETS, SETS), max_size=30)


def content(*places: tuple[str, str | None, int]) -> VersionContent:
    """A version with three categories."""
    return VersionContent(
        "v",
        tuple(CategoryText(key, key, "m", "d") for key in "abc"),
        tuple(
            MappedLabel(number, key, key, category, "cluster", None, count)
            for number, (key, category, count) in enumerate(places)
        ),
        None,
    )


def test_coverage_counts_labels_and_instances() -> None:
    """A label without a category is not covered; without labels nothing is said."""
    found = appraise(content(("p", "a", 6), ("q", "b", 2), ("r", None, 2)), [], [], {})
    assert (found.coverage.labels, found.coverage.instances) == (2 / 3, 0.8)
    nothing = appraise(content(), [], [], {})
    assert (nothing.coverage.labels, nothing.entropy, nothing.purity) == (None, None, None)
    assert all(row.kappa is None and row.purity is None for row in nothing.categories)


def test_purity_is_what_reviews_confirmed() -> None:
    """By instances, in all and by the category that was proposed."""
    reviews = [Proposal("p", "a", "a", 6), Proposal("q", "a", "b", 2), Proposal("r", None, "c", 2)]
    assert purity(reviews) == 0.6
    rows = {row.key: row for row in appraise(content(), reviews, [], {}).categories}
    assert (rows["a"].purity, rows["a"].reviewed) == (0.75, 8)
    assert rows["b"].purity is None


@given(st.integers(1, 50), st.integers(1, 9))
def test_entropy_of_even_categories_is_the_logarithm_of_their_number(n: int, size: int) -> None:
    """Empty ones count for nothing."""
    assert entropy_bits([size] * n + [0, 0]) == pytest.approx(math.log2(n))


@given(PAIRS, st.sampled_from("abc"))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[LabelSet, LabelSet]], key: str) -> None:
    """Over having the category or not; undefined where chance gives it all."""
    found = kappa_of(key, pairs)
    sides = [[key in each[side] for each in pairs] for side in (0, 1)]
    agreed = sum(a == b for a, b in zip(*sides, strict=True))
    if found is None:
        assert not pairs or len({*sides[0], *sides[1]}) == 1
    elif agreed == len(pairs):
        assert found == pytest.approx(1.0)
    else:
        p, q = (sum(side) / len(pairs) for side in sides)
        chance = p * q + (1 - p) * (1 - q)
        assert found == pytest.approx((agreed / len(pairs) - chance) / (1 - chance))
    share = positive_agreement(key, pairs)
    assert share is None or 0 <= share <= 1


def test_categories_that_stand_for_each_other_are_confused() -> None:
    """Both orders count as one pair; what one side only adds is no confusion."""
    pairs = [(A, B), (B, A), (A, A), (A, A | B), (C, C), (A | C, B | C), (NONE, A)]
    (found,) = find_confusions(pairs)
    assert (found.one, found.other, found.units) == ("a", "b", 3)
    assert found.share == pytest.approx(3 / 6)


@given(PAIRS)
def test_swapping_the_annotators_changes_no_confusion(
    pairs: list[tuple[LabelSet, LabelSet]],
) -> None:
    """And no share is more than all."""
    found = find_confusions(pairs)
    assert found == find_confusions([(b, a) for a, b in pairs])
    assert all(0 < each.share <= 1 for each in found)


def test_moves_leave_a_category_by_what_follows() -> None:
    """The last unit goes to the stop; an empty unit takes none; two categories share one move."""
    moves = count_moves([[A, A | B, NONE, C], [], [A]])
    assert moves == {"a": 2.0, "c": 1.0}
    rows = {row.key: row for row in appraise(content(), [], [], moves, 2).categories}
    assert (rows["a"].too_rare, rows["b"].too_rare, rows["c"].too_rare) == (False, True, True)


def test_a_drafts_reviews_are_held_against_its_clusters(clustered: object) -> None:
    """Confirmed, moved, and called noise."""
    from store.engine import transaction
    from taxonomy.review.curation import decide

    engine, ids = clustered.engine, clustered.ids  # type: ignore[attr-defined]
    with transaction(engine) as session:
        version = create_draft(
            session,
            "v1",
            preset="mr-align-15",
            cluster_run_id=clustered.run_id,  # type: ignore[attr-defined]
        )
        for decision in (
            Assign(label_ids=(ids["problem framing"],), category="framing"),
            Assign(label_ids=(ids["goal setting"],), category="decomposition"),
            MarkNoise((ids["knowledge lookup"],)),
        ):
            decide(session, version.id, decision, person=None, seen_revision=None)
    with reading(engine) as session:
        version = get_version(session, "v1")
        found = {each.key: each for each in list_proposals(session, version)}
        worth = appraise_version(session, version)
    assert (found["goal setting"].proposed, found["goal setting"].decided) == (
        "framing", "decomposition",
    )  # fmt: skip
    assert found["knowledge lookup"].decided is None
    assert worth.purity == pytest.approx(40 / 65) and worth.reviewed_instances == 65
