"""What became of categories: labels are followed, not keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.contents import MappedLabel, VersionContent, compare


def version(places: dict[str, str | None], **names: str) -> VersionContent:
    """A version with ten instances a label; categories in the order of the alphabet."""
    keys = sorted({key for key in places.values() if key} | set(names))
    return VersionContent(
        "v",
        tuple(CategoryText(key, names.get(key, key.title()), "m", "d") for key in keys),
        tuple(
            MappedLabel(number, key, key, category, "reviewed", None, 10)
            for number, (key, category) in enumerate(sorted(places.items()))
        ),
        None,
    )


def changes(before: VersionContent, after: VersionContent) -> dict[str, tuple[str, str]]:
    """The kind and the words of each change."""
    return {each.key: (each.kind, each.change) for each in compare(before, after).categories}


BEFORE = version({"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "c1": "c"})


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (version({"a1": "a", "a2": "a", "a3": "a", "b1": "a", "b2": "a", "c1": "c"}),
         {"a": ("moved", ""), "b": ("merged", "retired, merged into a")}),
        (version({"a1": "a", "a2": "x", "a3": "x", "b1": "b", "b2": "b", "c1": "c"}),
         {"a": ("moved", ""), "x": ("split", "added, split from a")}),
        (version({"a1": "x", "a2": "x", "a3": "x", "b1": "b", "b2": "b", "c1": "c"}),
         {"a": ("renamed", "renamed to x"), "x": ("renamed", "renamed from a")}),
        (version({"a1": "a", "a2": "a", "a3": "a", "b1": "x", "b2": "x", "c1": "x"}),
         {"b": ("merged", "retired, merged into x"), "c": ("merged", "retired, merged into x"),
          "x": ("merged", "added, merged from b and c")}),
        (version({"a1": "x", "a2": "x", "a3": "y", "b1": "b", "b2": "b", "c1": "c"}),
         {"a": ("split", "retired, split into x and y"), "x": ("split", "added, split from a"),
          "y": ("split", "added, split from a")}),
        (version({"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "c1": None}),
         {"c": ("retired", "retired")}),
        (version({"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "c1": "c"}, c="See"),
         {"c": ("renamed", "renamed from C")}),
        (version({"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b", "c1": "c"}, d="New"),
         {"d": ("added", "added")}),
    ],
)  # fmt: skip
def test_a_change_is_told_by_where_labels_went(
    after: VersionContent, expected: dict[str, tuple[str, str]]
) -> None:
    """Merged, split, renamed, retired and added, each with its partners."""
    assert changes(BEFORE, after) == expected


PLACES = st.dictionaries(
    st.sampled_from("pqrstuvw"), st.sampled_from(["a", "b", "c", None]), min_size=1
)


@given(PLACES, PLACES)
def test_from_a_version_to_itself_nothing_changed(
    one: dict[str, str | None], other: dict[str, str | None]
) -> None:
    """And between any two, each added or retired key is told once."""
    assert compare(version(one), version(one)).categories == ()
    found = compare(version(one), version(other)).categories
    assert len({each.key for each in found}) == len(found)
    gone = {key for key in one.values() if key} - {key for key in other.values() if key}
    assert gone <= {each.key for each in found}
