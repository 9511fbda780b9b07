"""A tree is proposed from the graph alone, the same one every time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from taxonomy.clusters.stability import adjusted_rand_index
from taxonomy.discovery.merging import group_groups, propose_tree, spectral_coordinates
from taxonomy.guidance.spreading import Inventory
from taxonomy.labels.embedding import unit
from taxonomy.labels.folding import Folder
from taxonomy.labels.graph import find_neighbours, weigh
from taxonomy.labels.representation import Representation

EACH = 30


def world(groups: int, seed: int = 0) -> tuple[Inventory, NDArray[np.int64]]:
    """Groups of rows around centres that stand in pairs."""
    random = np.random.default_rng(seed)
    pairs = np.repeat(random.normal(size=((groups + 1) // 2, 24)), 2, axis=0)[:groups]
    centres = pairs + 0.6 * random.normal(size=(groups, 24))
    group = np.repeat(np.arange(groups), EACH)
    vectors = unit(
        (centres[group] + 0.25 * random.normal(size=(len(group), 24))).astype(np.float32)
    )
    phrases = tuple((f"row {number}",) for number in range(len(group)))
    blank = Representation(np.zeros(1, dtype=np.float32))
    return Inventory(Folder(), blank, phrases, np.arange(len(group)), vectors), group


def test_groups_that_stand_apart_are_found_and_their_pairs_merged() -> None:
    inventory, group = world(6)
    tree = propose_tree(inventory, 6, 3)
    assert adjusted_rand_index(tree.group_of, group) == pytest.approx(1.0)
    assert adjusted_rand_index(tree.macro_of[tree.group_of], group // 2) == pytest.approx(1.0)


def test_groups_are_numbered_by_falling_size_of_labels() -> None:
    inventory, group = world(4)
    repeats = np.where(group == 2, 5, np.where(group == 0, 3, 1))
    row_of = np.repeat(np.arange(len(group)), repeats)
    heavier = Inventory(
        inventory.folder, inventory.representation, inventory.phrases, row_of, inventory.vectors
    )
    tree = propose_tree(heavier, 4, 2)
    sizes = np.bincount(tree.group_of[row_of])
    assert (np.diff(sizes) <= 0).all()
    assert (tree.group_of[group == 2] == 0).all()


def test_the_same_inventory_gives_the_same_tree() -> None:
    inventory, _ = world(5)
    one, other = propose_tree(inventory, 5, 2), propose_tree(inventory, 5, 2)
    np.testing.assert_array_equal(one.group_of, other.group_of)
    np.testing.assert_array_equal(one.macro_of, other.macro_of)


@pytest.mark.parametrize("rows", [1, 2, 3, 20])
def test_small_inventories_give_at_most_a_group_a_row(rows: int) -> None:
    inventory, _ = world(1)
    few = Inventory(
        inventory.folder,
        inventory.representation,
        inventory.phrases[:rows],
        np.arange(rows),
        inventory.vectors[:rows],
    )
    tree = propose_tree(few)
    assert len(tree.group_of) == rows
    assert tree.group_of.max() < min(rows, 15)
    assert tree.macro_of.max() < 4


def test_less_than_one_group_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one group"):
        propose_tree(world(2)[0], 0)


def test_coordinates_by_the_iterative_solver_are_those_of_the_dense_one() -> None:
    inventory, _ = world(3)
    graph = weigh(find_neighbours(inventory.vectors, 6), 3.0)
    scale = 1 / np.sqrt(graph.toarray().sum(axis=1))
    vectors = np.linalg.eigh(graph.toarray() * scale[:, None] * scale[None])[1][:, -3:]
    exact = unit(vectors.astype(np.float32))
    found = spectral_coordinates(graph, 3)
    # Eigenvectors of one eigenvalue may be turned; the cosines between rows may not.
    np.testing.assert_allclose(found @ found.T, exact @ exact.T, atol=1e-4)


def test_merging_stops_at_the_count_asked_for() -> None:
    inventory, group = world(6)
    for macros in (1, 2, 5, 6, 9):
        found = group_groups(inventory.vectors, group, np.ones(len(group)), macros)
        assert len(set(found.tolist())) == min(macros, 6)


def test_what_all_groups_share_does_not_put_most_of_them_together() -> None:
    """Two kinds of three groups each, whose vectors are mostly what they have in common."""
    kinds: list[list[float]] = [
        [1, 0, 0],
        [1, 0.1, 0],
        [0.9, 0, 0.1],
        [0, 1, 0],
        [0.1, 1, 0],
        [0, 0.9, 0.1],
    ]
    vectors = unit(np.array([[*kind, 3.0] for kind in kinds], dtype=np.float32))
    found = group_groups(vectors, np.arange(6), np.ones(6), 2)
    assert sorted(np.bincount(found).tolist()) == [3, 3]
    assert len(set(found[:3].tolist())) == 1
