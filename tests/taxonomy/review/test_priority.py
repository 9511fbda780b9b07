"""What comes next: doubt by what hangs on it; lanes by category."""

from dataclasses import replace

import pytest

from taxonomy.review.priority import lay_lanes, line_up
from taxonomy.review.views import Group


def group(anchor: str, **changes: object) -> Group:
    """A group of one category that nobody decided."""
    plain = Group(anchor, anchor, "", (), "framing", None, 0.8, 10, False, 0, 0, doubt=0.2)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_queue_holds_what_is_open_the_heaviest_first() -> None:
    """Decided and flagged ones wait for nobody here; skipped ones come last, oldest skip first."""
    groups = [
        group("small", instances=1),
        group("loose", cohesion=0.3, doubt=0.4),
        group("large", instances=1000),
        group("decided", reviewed=True),
        group("flagged", flag=5),
        group("later", skip=8, instances=10_000),
        group("sooner", skip=7),
        group("bare", category=None, instances=500),
        group("unsure", doubt=0.6, instances=2),
    ]
    waiting = line_up(groups)
    assert [one.group.anchor for one in waiting] == [
        "large",
        "bare",
        "loose",
        "unsure",
        "small",
        "sooner",
        "later",
    ]
    reasons = {one.group.anchor: one.reason for one in waiting}
    assert "no category" in reasons["bare"] and "differ" in reasons["loose"]
    assert "unsure" in reasons["unsure"]
    assert "skipped" in reasons["later"] and "instances" in reasons["large"]


def test_what_a_decision_gains_decides_where_it_is_known() -> None:
    """A small group whose answer spreads far comes before a large one that is settled."""
    groups = [group("large", instances=1000), group("telling", instances=1)]
    waiting = line_up(groups, {"large": 0.001, "telling": 0.02})
    assert [(one.group.anchor, one.weight) for one in waiting] == [
        ("telling", 0.02),
        ("large", 0.001),
    ]


def test_lanes_hold_every_group_once_the_most_doubtful_first() -> None:
    """Lanes without open groups come last; in a lane flagged ones lead and decided ones trail."""
    groups = [
        group("sure"),
        group("doubtful", category="chaining", doubt=0.8),
        group("flagged", category="chaining", flag=3),
        group("decided", category="chaining", reviewed=True, doubt=0.0),
        group("bare", category=None, doubt=0.4),
    ]
    lanes = lay_lanes(groups, ["framing", "chaining", "analogy"])
    assert [lane.category for lane in lanes] == ["chaining", None, "framing", "analogy"]
    assert [one.anchor for one in lanes[0].groups] == ["flagged", "doubtful", "decided"]
    assert [one.anchor for one in lanes[0].open] == ["flagged", "doubtful"]
    assert lanes[0].doubt == pytest.approx((0.2 + 0.8) / 2)
    assert sum(len(lane.groups) for lane in lanes) == len(groups)
    assert lanes[-1].instances == 0
