"""What one source called the units of another, counted."""

from hypothesis import given
from hypothesis import strategies as st

from annotator.agreement.coefficients import LabelSet
from annotator.agreement.confusion import NONE, confuse

ORDER = ("x", "y", "z")
sets = st.lists(st.frozensets(st.sampled_from(ORDER), max_size=2), min_size=1, max_size=12)


def test_shared_labels_meet_and_the_others_are_shared_out() -> None:
    a = [frozenset("xy"), frozenset("x"), frozenset(), frozenset("x"), frozenset()]
    b = [frozenset("xz"), frozenset("yz"), frozenset("z"), frozenset(), frozenset()]
    confusion = confuse(a, b, ORDER)
    assert confusion.labels == (*ORDER, NONE)
    assert confusion.counts.tolist() == [
        [1, 0.5, 0.5, 1],  # x: shared once, shared out once, nothing once
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 1, 1],  # nothing: once z, once nothing
    ]


@given(sets)
def test_rows_count_the_first_sources_units_and_the_same_source_is_diagonal(
    a: list[LabelSet],
) -> None:
    b = a[1:] + a[:1]
    counts = confuse(a, b, ORDER).counts
    for place, key in enumerate(ORDER):
        assert abs(counts[place].sum() - sum(key in labels for labels in a)) < 1e-9
    same = confuse(a, a, ORDER).counts
    assert same.sum() == same.trace()
