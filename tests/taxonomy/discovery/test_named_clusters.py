"""Clustering without a model: vectors come from words, so what belongs together is known."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from taxonomy.clusters.assignment import LEAST_SHARE, cluster_centres, place, propose
from taxonomy.clusters.clustering import (
    Method,
    by_linkage,
    cluster,
    number_by_size,
    smallest_cluster,
)
from taxonomy.clusters.naming import distinctive_words, name_clusters
from taxonomy.clusters.stability import adjusted_rand_index
from taxonomy.discovery.named_clusters import Settings, discover, seed_agreement
from taxonomy.events.state import CategoryText
from taxonomy.labels.embedding import embed_texts, unit
from taxonomy.labels.inventory import InventoryLabel, default_min_count, label_text
from taxonomy.labels.reduction import nearest, principal_axes, reduce

DIMENSION = 32
THEMES = ["recall", "verify", "compare", "plan"]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """The sum of a fixed random vector a word, the first word counting threefold."""
    rows = []
    for text in texts:
        words = text.lower().replace(":", "").split()
        rows.append(sum(_word(word) * (3.0 if i == 0 else 1.0) for i, word in enumerate(words)))
    return np.asarray(rows, dtype=np.float32)


def _word(word: str) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    return np.asarray(vector / np.linalg.norm(vector))


def inventory(a_theme: int, themes: Sequence[str] = THEMES) -> list[InventoryLabel]:
    """Labels of each theme: the theme's word and another, counts falling."""
    texts = [f"{theme} thing{number}" for theme in themes for number in range(a_theme)]
    return [
        InventoryLabel(i, text, text.title(), None, 50 - i % a_theme)
        for i, text in enumerate(texts)
    ]


CATEGORIES = tuple(
    CategoryText(theme, theme.title(), "m", f"{theme} something or other") for theme in THEMES
)


@pytest.mark.models
def test_themes_become_clusters_with_their_categories() -> None:
    """Each theme is one cluster, named by one of its labels, and proposed for its category."""
    labels = inventory(15)
    found = discover(labels, embed, CATEGORIES, Settings())
    assert len(found.names) == len(THEMES)
    for number, (name, proposal) in enumerate(zip(found.names, found.proposals, strict=True)):
        theme = labels[int(np.argmax(found.numbers == number))].key.split()[0]
        assert name.name.lower().startswith(theme)
        assert proposal.category == theme
        assert theme in name.definition


@pytest.mark.models
def test_the_same_labels_and_seed_give_the_same_result() -> None:
    """Every number is the same, on the map as well."""
    labels = inventory(12)
    first, second = (discover(labels, embed, CATEGORIES, Settings(seed=3)) for _ in range(2))
    assert (first.numbers == second.numbers).all()
    assert (first.points == second.points).all()
    assert (first.strengths == second.strengths).all()
    assert (first.names, first.proposals) == (second.names, second.proposals)
    assert seed_agreement(labels, embed, first, Settings(seed=3)) == pytest.approx(1.0)


@pytest.mark.models
def test_rare_labels_are_placed_by_the_nearest_cluster() -> None:
    """Labels below the count are outside, with the cluster that they are like."""
    labels = inventory(12)
    rare = InventoryLabel(99, "verify rarely", "Verify rarely", None, 1)
    found = discover([*labels, rare], embed, CATEGORIES, Settings(min_count=5))
    assert found.numbers[-1] == -1
    theme = found.names[int(found.places.nearest[-1])].name.lower()
    assert theme.startswith("verify")
    assert 0 < found.places.distances[-1] < 0.5


@pytest.mark.models
def test_optics_finds_dense_themes() -> None:
    """The paper's method gives clusters that hold one theme each."""
    labels = inventory(15)
    vectors = embed_texts([label.text for label in labels], embed)
    numbers = cluster(vectors, Method.OPTICS, seed=0).numbers
    for number in range(int(numbers.max()) + 1):
        inside = [labels[i].key.split()[0] for i in np.flatnonzero(numbers == number)]
        assert len(set(inside)) == 1
    assert numbers.max() >= 1


@pytest.mark.parametrize("count", range(1, 10))
def test_a_handful_of_labels_is_clustered_too(count: int) -> None:
    """From one label on, each is in a cluster, and places are finite."""
    labels = inventory(5)[:count]
    found = discover(labels, embed, CATEGORIES, Settings())
    assert (found.numbers >= 0).all()
    assert len(found.names) == (1 if count <= 5 else 2)
    assert found.points.shape == (count, 2) and np.isfinite(found.points).all()


def test_without_categories_some_are_proposed_from_the_labels() -> None:
    """Each theme is a category of its own, under a macro-strategy; without labels there is none."""
    labels = inventory(4)
    guidance = discover(labels, embed, (), Settings()).guidance
    assert guidance.origin == "cluster"
    placed = guidance.by_label.argmax(axis=1)
    themes = np.array([label.key.split()[0] for label in labels])
    assert all(len(set(placed[themes == theme])) == 1 for theme in THEMES)
    for category in guidance.categories:
        assert category.key.split("_")[0] in THEMES and len(category.examples) == 3
        assert category.macro_strategy and category.definition
    assert guidance.shares.sum(axis=1) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="at least one label"):
        discover([], embed, (), Settings())


def test_when_no_label_is_frequent_enough_all_are_outside() -> None:
    """No cluster, and no nearest one either."""
    found = discover(inventory(3), embed, CATEGORIES, Settings(min_count=1000))
    assert (found.numbers == -1).all() and (found.places.nearest == -1).all()
    assert found.names == [] and found.proposals == []


@pytest.mark.models
@pytest.mark.parametrize("count", [2, 5, 19, 20, 21, 40])
def test_reduction_takes_any_number_of_vectors(count: int) -> None:
    """Few or many, twins among them: finite points, the same ones each time."""
    vectors = unit(np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32))
    vectors[-1] = vectors[0]
    points = reduce(vectors, 2, seed=1)
    assert points.shape == (count, 2) and np.isfinite(points).all()
    assert (points == reduce(vectors, 2, seed=1)).all()


def test_equal_vectors_are_one_cluster() -> None:
    """Twins have no axis to lie on, and belong together."""
    vectors = np.tile(unit(np.ones((1, 4), dtype=np.float32)), (6, 1))
    assert set(by_linkage(vectors).numbers.tolist()) == {0}
    assert principal_axes(vectors, 2) == pytest.approx(0.0, abs=1e-6)


def test_neighbours_are_the_exact_ones_itself_first() -> None:
    """By brute force over all pairs, over more than one block."""
    vectors = unit(np.random.default_rng(1).normal(size=(1500, 6)).astype(np.float32))
    indices, distances = nearest(vectors, 5)
    assert (indices[:, 0] == np.arange(1500)).all()
    assert (distances[:, 0] == 0).all() and (np.diff(distances, axis=1) >= 0).all()
    brute = np.sort(1.0 - vectors @ vectors.T, axis=1)[:, 1:5]
    assert distances[:, 1:] == pytest.approx(np.clip(brute, 0, 2), abs=1e-6)


def test_noise_goes_to_the_nearest_centre_and_members_to_their_own() -> None:
    """Distances are cosine distances to that centre."""
    vectors = unit(np.array([[1, 0], [1, 0.1], [0, 1], [0.2, 1], [1, 0.4]], dtype=np.float32))
    numbers = np.array([0, 0, 1, 1, -1])
    centres = cluster_centres(vectors, numbers)
    places = place(vectors, numbers, centres)
    assert places.nearest.tolist() == [0, 0, 1, 1, 0]
    assert places.distances[4] == pytest.approx(1 - float(vectors[4] @ centres[0]), abs=1e-6)


def test_a_cluster_that_belongs_to_no_category_gets_none() -> None:
    """A cluster takes the category of the largest mean share; below the least, none is proposed."""
    shares = np.array([[0.7, 0.1], [0.5, 0.3], [LEAST_SHARE, 0.0], [0.0, LEAST_SHARE - 0.02]])
    first, second = propose(shares, np.array([0, 0, 1, 1]), CATEGORIES[:2])
    assert (first.category, first.similarity) == (CATEGORIES[0].key, pytest.approx(0.6))
    assert second.category is None and second.similarity < LEAST_SHARE


def test_clusters_are_numbered_by_falling_instances() -> None:
    """Noise stays noise; the first member breaks a tie."""
    numbers = np.array([2, 0, 1, -1, 1, 2])
    assert number_by_size(numbers, [1, 5, 2, 9, 9, 4]).tolist() == [1, 2, 0, -1, 0, 1]


def test_names_are_frequent_central_labels_and_definitions_the_labelers_own() -> None:
    """Without a definition the cluster's distinctive words stand in."""
    labels = [
        InventoryLabel(1, "fact recall", "Fact recall", "brings up a fact", 40),
        InventoryLabel(2, "recall of a date", "recall of a date", None, 2),
        InventoryLabel(3, "checking dates", "checking dates", None, 30),
        InventoryLabel(4, "checking sums", "checking sums", None, 9),
    ]
    vectors = unit(np.array([[1, 0.1], [1, 0], [0, 1], [0.1, 1]], dtype=np.float32))
    numbers = np.array([0, 0, 1, 1])
    first, second = name_clusters(labels, vectors, numbers, cluster_centres(vectors, numbers))
    assert (first.name, first.definition) == ("Fact recall", "brings up a fact")
    assert second.name == "checking dates"
    assert second.definition.startswith("Labels such as checking dates, checking sums; checking")
    assert distinctive_words(labels, numbers)[1][0] == "checking"


def test_a_labels_definition_is_a_short_gloss() -> None:
    """Its first clause, cut where it is long."""
    defined = InventoryLabel(1, "k", "Recall", "Brings up a fact; from memory.", 1)
    assert label_text(defined) == "Recall: Brings up a fact"
    assert label_text(InventoryLabel(1, "k", "Recall", None, 1)) == "Recall"
    assert len(label_text(InventoryLabel(1, "k", "Recall", "x" * 999, 1))) < 140


def test_a_very_large_inventory_clusters_its_frequent_labels() -> None:
    """The smallest count that leaves at most 20,000."""
    few = inventory(3)
    many = [InventoryLabel(i, str(i), str(i), None, 1 + i % 3) for i in range(36_000)]
    assert default_min_count(few) == 1
    assert default_min_count(many) == 3
    assert [smallest_cluster(count) for count in (20, 2_473, 20_000)] == [3, 12, 25]


@pytest.mark.parametrize("bad", [np.zeros((1, 4)), np.full((2, 4), np.nan), np.zeros(2)])
def test_an_encoder_that_misbehaves_is_refused(bad: NDArray[np.float64]) -> None:
    """The number of rows and finite numbers are checked."""
    with pytest.raises(ValueError, match="expected"):
        embed_texts(["a", "b"], lambda texts: bad.astype(np.float32))


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=2, max_size=30))
def test_the_adjusted_rand_index_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    """On the labels that are in a cluster in both; a clustering against itself is 1."""
    from sklearn.metrics import adjusted_rand_score

    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    kept = (a >= 0) & (b >= 0)
    found = adjusted_rand_index(a, b)
    if kept.sum() < 2:
        assert found is None
    elif found is not None:
        assert found == pytest.approx(adjusted_rand_score(a[kept], b[kept]))
        assert adjusted_rand_index(a, a) in (None, pytest.approx(1.0))
