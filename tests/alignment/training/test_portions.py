"""Portions: every item in one forward, every process as many forwards, no more than fits."""

from hypothesis import given
from hypothesis import strategies as st

from alignment.training.portions import cut_portions

lengths = st.lists(st.integers(1, 40), max_size=25)


@given(lengths=lengths, budget=st.integers(1, 100), processes=st.integers(1, 4))
def test_every_item_stands_in_one_forward_of_one_process(
    lengths: list[int], budget: int, processes: int
) -> None:
    cuts = [
        cut_portions(range(len(lengths)), lengths.__getitem__, budget, rank, processes)
        for rank in range(processes)
    ]
    assert len({len(cut) for cut in cuts}) == 1
    busy = [portion.items for cut in cuts for portion in cut if not portion.idle]
    assert sorted(item for items in busy for item in items) == list(range(len(lengths)))
    for items in busy:
        assert len(items) == 1 or len(items) * max(lengths[i] for i in items) <= budget


def test_items_of_like_length_share_a_forward() -> None:
    lengths = [10, 3, 9, 3, 10]
    cut = cut_portions(range(5), lengths.__getitem__, 20)
    assert [portion.items for portion in cut] == [(0, 4), (2, 1), (3,)]


def test_a_process_without_work_repeats_the_shortest_item_idly() -> None:
    first = cut_portions([0], lambda item: 5, 8, rank=0, processes=2)
    second = cut_portions([0], lambda item: 5, 8, rank=1, processes=2)
    assert [p.idle for p in first] == [False] and [p.idle for p in second] == [True]
