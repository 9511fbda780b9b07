"""What comes next: doubt by what hangs on it; lanes by category."""

from dataclasses import replace

import pytest

from taxonomy.priority import doubt_of, lay_lanes, line_up
from taxonomy.views import Group


def group(anchor: str, **changes: object) -> Group:
    """A group of one category that nobody decided."""
    plain = Group(anchor, anchor, "", (), "framing", None, 0.8, 10, False, 0, 0, 1.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cohesion", "probability", "doubt"), [(1.0, 1.0, 0.0), (0.5, 0.5, 0.75), (-0.2, 1.0, 1.0)]
)
def test_doubt_lies_between_none_and_all(cohesion: float, probability: float, doubt: float) -> None:
    """A loose group and weak members both raise it."""
    assert doubt_of(group("c0", cohesion=cohesion, probability=probability)) == pytest.approx(doubt)


def test_the_queue_holds_what_is_open_the_heaviest_first() -> None:
    """Decided and flagged ones wait for nobody here; skipped ones come last, oldest skip first."""
    groups = [
        group("small", instances=1),
        group("loose", cohesion=0.3),
        group("large", instances=1000),
        group("decided", reviewed=True),
        group("flagged", flag=5),
        group("later", skip=8, instances=10_000),
        group("sooner", skip=7),
        group("bare", category=None, instances=500),
    ]
    waiting = line_up(groups)
    assert [one.group.anchor for one in waiting] == [
        "large",
        "bare",
        "loose",
        "small",
        "sooner",
        "later",
    ]
    reasons = {one.group.anchor: one.reason for one in waiting}
    assert "no category" in reasons["bare"] and "differ" in reasons["loose"]
    assert "skipped" in reasons["later"] and "instances" in reasons["large"]


def test_another_measure_of_doubt_can_be_put_in() -> None:
    """What spreads decisions knows better than cohesion."""
    groups = [group("a"), group("b")]
    assert line_up(groups, lambda one: float(one.anchor == "b"))[0].group.anchor == "b"


def test_lanes_hold_every_group_once_the_most_doubtful_first() -> None:
    """Lanes without open groups come last; in a lane flagged ones lead and decided ones trail."""
    groups = [
        group("sure"),
        group("doubtful", category="chaining", cohesion=0.2),
        group("flagged", category="chaining", flag=3),
        group("decided", category="chaining", reviewed=True, cohesion=0.1),
        group("bare", category=None, cohesion=0.6),
    ]
    lanes = lay_lanes(groups, ["framing", "chaining", "analogy"])
    assert [lane.category for lane in lanes] == ["chaining", None, "framing", "analogy"]
    assert [one.anchor for one in lanes[0].groups] == ["flagged", "doubtful", "decided"]
    assert [one.anchor for one in lanes[0].open] == ["flagged", "doubtful"]
    assert lanes[0].doubt == pytest.approx((0.2 + 0.8) / 2)
    assert sum(len(lane.groups) for lane in lanes) == len(groups)
    assert lanes[-1].instances == 0
