"""Who came too late: only decisions about the same things conflict."""

import pytest

from taxonomy.events.state import Event
from taxonomy.review.conflicts import find_clash

RENAMED = Event(2, "rename", {"labels": ["a", "b"], "name": "n", "definition": None})
RETIRED = Event(3, "retire_category", {"key": "framing", "into": "chaining"})
LOG = [Event(1, "start", {"categories": []}), RENAMED, RETIRED, Event(4, "undo", {}, 2)]


def assign(label: str, category: str | None) -> tuple[str, dict[str, object], None]:
    """A decision on one label."""
    return "assign", {"labels": [label], "category": category}, None


@pytest.mark.parametrize(
    ("decision", "seen", "clash"),
    [
        (assign("a", None), 1, 2),
        (assign("a", None), 2, 4),  # the undo of the renaming is about the same cluster
        (assign("a", None), 4, None),
        (assign("c", "analogy"), 1, None),
        (assign("c", "framing"), 1, 3),  # the category is gone
        (assign("c", "chaining"), 1, 3),  # it took in another one
        (("undo", {}, 2), 2, 4),
        (("undo", {}, 3), 3, None),
        (("edit_category", {"key": "framing", "name": "x"}, None), 2, 3),
        (("merge", {"labels": ["c", "d"], "into": ["a"], "name": None}, None), 1, 2),
    ],
)
def test_only_what_is_about_the_same_things_clashes(
    decision: tuple[str, dict[str, object], int | None], seen: int, clash: int | None
) -> None:
    """Labels and categories alike; undone and redone ones as well."""
    found = find_clash(LOG, seen, *decision)
    assert (found.id if found else None) == clash


def test_two_may_put_labels_in_one_category() -> None:
    """Neither changes the category; but an edit of it meets those who use it."""
    log = [Event(1, *assign("a", "framing")[:2])]
    assert find_clash(log, 0, *assign("b", "framing")) is None
    assert find_clash(log, 0, "edit_category", {"key": "framing", "name": "x"}, None) is log[0]
