"""Known labels spread to the labels that are like them; what is like nothing is noise."""

import zlib
from collections.abc import Sequence

import numpy as np
import pytest

from taxonomy.events.state import CategoryText
from taxonomy.guidance.anchors import BACKGROUND, KnownLabels, build_anchors, get_preset_labels
from taxonomy.guidance.spreading import (
    NOISE,
    UNASSIGNED,
    Guess,
    decide,
    fold_inventory,
    guess,
    spread,
)
from taxonomy.labels.embedding import Vectors, unit
from taxonomy.labels.graph import find_neighbours, weigh
from taxonomy.vocabulary.presets import get_preset

CATEGORIES = (
    CategoryText("check", "Check", "m", "Tests a claim, or verifies a result."),
    CategoryText("recall", "Recall", "m", "Remembers a fact, or looks up a source."),
)
KNOWN = KnownLabels({"check": ("proof test",)}, ("greeting", "weather"))
LABELS = ["claim test", "Claim tests", "verify result", "fact remember", "source look up", "xyzzy"]


def embed(texts: Sequence[str]) -> Vectors:
    """A vector a word, added up: texts are alike by the words that they share."""
    return unit(np.stack([np.sum([word(each) for each in text.split()], axis=0) for text in texts]))


def word(text: str) -> Vectors:
    seed = zlib.crc32(text.lower().encode())
    return np.random.default_rng(seed).normal(size=48).astype(np.float32)


def test_labels_go_to_the_category_whose_words_they_share() -> None:
    inventory = fold_inventory(LABELS, embed)
    found = guess(inventory, build_anchors(CATEGORIES, KNOWN), embed)
    assert found.probabilities.argmax(axis=1)[inventory.row_of].tolist()[:5] == [0, 0, 0, 1, 1]


def test_noise_scores_above_every_label_that_belongs() -> None:
    inventory = fold_inventory(LABELS, embed)
    noise = guess(inventory, build_anchors(CATEGORIES, KNOWN), embed).noise[inventory.row_of]
    assert noise[5] > noise[:5].max()


def test_labels_that_fold_together_share_a_row() -> None:
    rows = fold_inventory(LABELS, embed).row_of
    assert rows[0] == rows[1]
    assert len(set(rows.tolist())) == len(LABELS) - 1


def test_the_order_of_labels_does_not_change_where_they_go() -> None:
    anchors = build_anchors(CATEGORIES, KNOWN)
    one, other = fold_inventory(LABELS, embed), fold_inventory(LABELS[::-1], embed)
    first = guess(one, anchors, embed).probabilities[one.row_of]
    second = guess(other, anchors, embed).probabilities[other.row_of][::-1]
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_gloss_moves_a_coined_label_towards_what_it_says() -> None:
    anchors = build_anchors(CATEGORIES, KNOWN)
    for gloss, expected in (("verify a result", 0), ("remember a fact", 1)):
        inventory = fold_inventory([*LABELS, "blorp"], embed, [None] * len(LABELS) + [gloss])
        assert guess(inventory, anchors, embed).probabilities[-1].argmax() == expected


def test_without_background_there_is_still_a_guess() -> None:
    inventory = fold_inventory(LABELS, embed)
    found = guess(inventory, build_anchors(CATEGORIES, KnownLabels()), embed)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    assert np.isfinite(found.noise).all()


def test_one_category_takes_everything() -> None:
    inventory = fold_inventory(LABELS, embed)
    found = guess(inventory, build_anchors(CATEGORIES[:1], KnownLabels()), embed)
    np.testing.assert_allclose(found.probabilities, 1.0)


def test_an_empty_inventory_is_refused() -> None:
    with pytest.raises(ValueError, match="empty inventory"):
        fold_inventory([], embed)


def test_spreading_is_the_dense_solution() -> None:
    random = np.random.default_rng(0)
    vectors = unit(random.normal(size=(80, 8)).astype(np.float32))
    graph = weigh(find_neighbours(vectors, 5), 2.0)
    sources = np.zeros((80, 3))
    sources[[1, 5, 9], [0, 1, 2]] = 1
    dense = graph.toarray()
    scale = 1 / np.sqrt(dense.sum(axis=1))
    exact = np.linalg.solve(np.eye(80) - 0.9 * dense * scale[:, None] * scale[None], sources)
    np.testing.assert_allclose(spread(graph, sources, 0.9), exact, atol=1e-5 * exact.max())


def test_a_row_without_edges_keeps_what_it_is_told() -> None:
    vectors = np.eye(4, dtype=np.float32)
    sources = np.diag([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(spread(weigh(find_neighbours(vectors, 2), 1.0), sources), sources)


def test_decisions_abstain_below_the_least_confidence_and_name_noise() -> None:
    even = np.full(10, 0.1)
    sure = np.array([0.91, *np.full(9, 0.01)])
    found = decide(Guess(np.stack([even, sure, sure]), np.array([0.0, 0.1, 0.9])))
    assert found.tolist() == [UNASSIGNED, 0, NOISE]


def test_the_preset_knows_labels_for_each_of_its_categories_and_no_others() -> None:
    keys = {category.key for category in get_preset("mr-align-15")}
    known, own = get_preset_labels(), get_preset_labels(paper=False)
    assert set(known.by_category) == keys
    assert all(len(own.by_category[key]) < len(known.by_category[key]) for key in keys)
    assert (build_anchors(get_preset("mr-align-15"), known).owners == BACKGROUND).any()


def test_no_text_speaks_for_two_categories() -> None:
    owners: dict[str, str] = {}
    for key, texts in get_preset_labels().by_category.items():
        for text in texts:
            assert owners.setdefault(text, key) == key


def test_a_category_without_any_text_is_refused() -> None:
    with pytest.raises(ValueError, match="name or a definition"):
        build_anchors([CategoryText("void", "", "m", "")], KnownLabels())
