"""The lexicon that ships: its size, its form, and what a broken one is told."""

import json

import pytest

from annotator.embedded.lexicon import LexiconError, load_lexicon, read_entries
from store.labels import label_key

ENTRY = {
    "label": "fact recall", "definition": "states a fact", "family": "knowledge",
    "where": "any", "examples": ["It is so.", "It was so."],
}  # fmt: skip


def test_the_lexicon_has_a_few_hundred_names_in_every_family() -> None:
    entries = load_lexicon()
    assert len(entries) >= 320
    families = {entry.family for entry in entries}
    assert families == {"regulation", "problem solving", "knowledge", "communication",
                        "error handling", "quality control"}  # fmt: skip


def test_no_two_names_fold_to_one_and_no_example_comes_twice() -> None:
    """The store would make one label of two that fold together."""
    entries = load_lexicon()
    assert len({label_key(entry.label) for entry in entries}) == len(entries)
    assert len({entry.definition for entry in entries}) == len(entries)
    examples = [example for entry in entries for example in entry.examples]
    assert len(set(examples)) == len(examples)


@pytest.mark.parametrize(
    "change",
    [{"label": ""}, {"definition": ""}, {"where": "middle"}, {"examples": ["one"]},
     {"examples": "two words"}],
)  # fmt: skip
def test_a_broken_entry_is_named_by_its_line(change: dict[str, object]) -> None:
    text = json.dumps(ENTRY) + "\n" + json.dumps({**ENTRY, "label": "other", **change})
    with pytest.raises(LexiconError, match="line 2"):
        read_entries(text)


def test_a_label_that_comes_twice_is_named() -> None:
    with pytest.raises(LexiconError, match="fact recall"):
        read_entries("\n".join([json.dumps(ENTRY)] * 2))
