"""How solid clusters are, against references and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from taxonomy.clusters.clustering import Method
from taxonomy.clusters.solidity import ABSENT, Change, Repetition, best_jaccard, repeat, report
from taxonomy.clusters.stability import silhouette
from taxonomy.labels.embedding import unit

NUMBERS = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1])


@given(hnp.arrays(np.int64, 30, elements=st.integers(-1, 4)))
def test_a_clustering_against_itself_is_solid(numbers: np.ndarray) -> None:
    """Everywhere 1."""
    found = report(numbers, [Repetition(Change.SEED, numbers), Repetition(Change.MODEL, numbers)])
    assert all(each.mean == 1 and each.verdict == "solid" for each in found.clusters if each.labels)
    assert all(each.ari in (None, 1.0) for each in found.agreements.values())


def test_jaccard_is_to_the_cluster_that_is_most_like() -> None:
    """Labels that were left out count on neither side; all noise is 0, all left out 1."""
    inside = NUMBERS == 0
    assert best_jaccard(inside, np.array([5, 5, 5, 1, 1, 1, 1, 1, -1])) == pytest.approx(3 / 4)
    assert best_jaccard(inside, np.array([5, 5, 5, ABSENT, 5, 1, 1, 1, 1])) == pytest.approx(3 / 4)
    assert best_jaccard(inside, np.full(9, -1)) == 0
    assert best_jaccard(inside, np.array([ABSENT] * 4 + [0] * 5)) == 1


def test_a_cluster_that_falls_apart_comes_first() -> None:
    """With its verdict; the mean is over repetitions, whatever was changed."""
    apart = np.array([0, 1, 2, 3, 4, 4, 4, 4, 4])
    found = report(NUMBERS, [Repetition(Change.SEED, apart), Repetition(Change.TENTH, apart)])
    assert [(each.number, each.verdict) for each in found.clusters] == [
        (0, "dissolves"), (1, "solid"),
    ]  # fmt: skip
    assert found.clusters[0].mean == 0.25 and found.clusters[1].mean == 0.8
    assert found.agreements["seed"].kept == 1.0


def test_repetitions_change_one_thing_each() -> None:
    """Rare labels stay out; a tenth is left out of what was clustered; others' vectors count."""
    random = np.random.default_rng(0)
    middles = np.eye(4, 8)[np.arange(40) % 4]
    vectors = unit((middles + random.normal(size=(40, 8)) * 0.05).astype(np.float32))
    frequent = np.arange(16)  # below 20 it is linkage, which needs no other library's seed
    once, again = (
        list(repeat(vectors, frequent, Method.HDBSCAN, 3, 1, 2, [vectors[:, ::-1]]))
        for _ in range(2)
    )
    assert [each.change for each in once] == [
        Change.SEED, Change.TENTH, Change.TENTH, Change.MODEL,
    ]  # fmt: skip
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first.numbers, second.numbers)
        assert (first.numbers[16:] == -1).all()
    assert [(each.numbers == ABSENT).sum() for each in once] == [0, 2, 2, 0]
    assert all(each.mean == 1 for each in report(once[0].numbers, once).clusters)


@pytest.mark.models
def test_the_silhouette_is_that_of_scikit_learn() -> None:
    """By cosine, noise left out, clusters of one included."""
    from sklearn.metrics import silhouette_score

    random = np.random.default_rng(1)
    vectors = unit(random.normal(size=(60, 5)).astype(np.float32))
    numbers = random.integers(-1, 6, size=60)
    numbers[numbers == 5] = -1
    numbers[0] = 7
    kept = numbers >= 0
    expected = silhouette_score(vectors[kept], numbers[kept], metric="cosine")
    assert silhouette(vectors, numbers) == pytest.approx(expected, abs=1e-5)
    assert silhouette(vectors, np.zeros(60, dtype=np.int64)) is None
    assert silhouette(vectors, np.full(60, -1)) is None
