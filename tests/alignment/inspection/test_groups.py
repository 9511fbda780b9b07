"""Groups over different vocabularies become groups over the categories of both."""

from alignment.inspection.groups import Group, GroupFilter, parse_group, share_categories
from alignment.transitions.examples import Unit
from alignment.transitions.fits import LabelledTrace


def test_categories_of_both_vocabularies_are_shared_in_the_first_ones_order() -> None:
    unit = Unit(0, 1, ((0, 9.0), (1, 8.0)))
    first = Group("a", ("x", "y"), (LabelledTrace("1", None, (unit,)),))
    second = Group("b", ("z", "x"), (LabelledTrace("2", None, (unit,)),))
    one, other = share_categories(first, second)
    assert one.categories == other.categories == ("x", "y", "z")
    assert one.traces == first.traces
    assert other.traces[0].units[0].labels == ((0, 8.0), (2, 9.0))


def test_words_are_read_in_any_order_and_nothing_is_everything() -> None:
    assert parse_group("all") == parse_group("") == GroupFilter()
    assert parse_group("model=a b, run=3,polarity=negative") == GroupFilter(
        run=3, polarity="negative", model="a b"
    )
