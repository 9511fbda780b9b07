"""Clusterings and logs of any kind, for properties that hold for all of them."""

from typing import Any

from hypothesis import strategies as st

from taxonomy.events.state import Base, BaseGroup, BaseLabel, Event

KEYS = [f"label {number}" for number in range(12)]
CATEGORIES = ["framing", "chaining", "retrieval"]

START = Event(
    1,
    "start",
    {
        "categories": [
            {"key": key, "name": key, "macro_strategy": "m", "definition": f"what {key} is"}
            for key in CATEGORIES
        ]
    },
)


@st.composite
def bases(draw: st.DrawFn) -> Base:
    """A clustering of some of the labels into up to four clusters and noise."""
    anchors = [f"c{number}" for number in range(draw(st.integers(1, 4)))]
    category = st.sampled_from([*CATEGORIES, None])
    groups = tuple(BaseGroup(anchor, f"name {anchor}", "", draw(category)) for anchor in anchors)
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
    place = st.sampled_from([*((anchor, "cluster") for anchor in anchors), (None, "noise")])
    labels = tuple(BaseLabel(key, *draw(place), draw(st.integers(1, 9))) for key in keys)
    return Base(groups, labels)


keys_named = st.lists(st.sampled_from(KEYS), unique=True, min_size=1).map(list)
category = st.sampled_from([*CATEGORIES, "added", None])
known_category = st.sampled_from([*CATEGORIES, "added"])
name = st.text(min_size=1, max_size=5)
payloads: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.just("rename"),
        st.fixed_dictionaries({"labels": keys_named, "name": name, "definition": st.none()}),
    ),
    st.tuples(
        st.just("merge"),
        st.fixed_dictionaries({"labels": keys_named, "into": keys_named, "name": st.none() | name}),
    ),
    st.tuples(st.just("split"), st.fixed_dictionaries({"labels": keys_named, "name": name})),
    st.tuples(
        st.just("assign"), st.fixed_dictionaries({"labels": keys_named, "category": category})
    ),
    st.tuples(
        st.sampled_from(["flag", "skip", "comment"]),
        st.fixed_dictionaries({"labels": keys_named, "text": name}),
    ),
    st.tuples(st.just("mark_noise"), st.fixed_dictionaries({"labels": keys_named})),
    st.tuples(
        st.just("add_category"),
        st.fixed_dictionaries(
            {"key": st.just("added"), "name": name, "macro_strategy": name, "definition": name}
        ),
    ),
    st.tuples(
        st.just("edit_category"), st.fixed_dictionaries({"key": known_category, "name": name})
    ),
    st.tuples(
        st.just("retire_category"),
        st.fixed_dictionaries({"key": known_category, "into": category}),
    ),
)
logs = st.lists(payloads, max_size=8).map(
    lambda listed: [START, *(Event(2 + i, kind, load) for i, (kind, load) in enumerate(listed))]
)
