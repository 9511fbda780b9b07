"""Taking a state forward event by event gives what a replay of the whole log gives."""

from hypothesis import given
from hypothesis import strategies as st

from taxonomy.events.replay import replay
from taxonomy.events.state import Base, Event
from taxonomy.events.timeline import Timeline
from taxonomy.review.views import PlacedLabel, view
from tests.taxonomy.logs import bases, logs


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """A log with undos of decisions and of undos in it, cut into pieces."""
    pieces: list[list[Event]] = [[]]
    known: list[int] = []
    for event in draw(logs):
        pieces[-1].append(Event(len(known) + 1, event.kind, event.payload))
        known.append(len(known) + 1)
        for target in draw(st.lists(st.sampled_from(known), max_size=2)):
            pieces[-1].append(Event(len(known) + 1, "undo", {}, target))
            known.append(len(known) + 1)
        if draw(st.booleans()):
            pieces.append([])
    return pieces


def placed(base: Base) -> dict[str, PlacedLabel]:
    """What a clustering knows of the labels of a base."""
    return {
        label.key: PlacedLabel(place, label.key, label.key, None, label.instances, 0.1, 1, 0, 0)
        for place, label in enumerate(base.labels)
    }


@given(bases(), histories(), st.integers(1, 4))
def test_a_state_taken_forward_is_the_replay(
    base: Base, pieces: list[list[Event]], every: int
) -> None:
    """At every step, whatever is undone, and however seldom a state is kept on the way."""
    timeline = Timeline.begin(base, every)
    events: list[Event] = []
    for piece in pieces:
        events += piece
        timeline = timeline.extended(piece)
        assert timeline.state == replay(base, events)


@given(bases(), histories())
def test_a_view_taken_forward_is_the_view(base: Base, pieces: list[list[Event]]) -> None:
    """What did not change is taken over, and nothing that did is missed."""
    timeline, labels = Timeline.begin(base), placed(base)
    seen = view(timeline.state, labels)
    for piece in pieces:
        timeline = timeline.extended(piece)
        seen = view(timeline.state, labels, seen)
        assert seen == view(timeline.state, labels)


def test_extending_changes_no_earlier_timeline() -> None:
    """Whoever still looks at the revision before goes on seeing it."""
    base = Base()
    before = Timeline.begin(base)
    before.extended([Event(1, "start", {"categories": [_category("framing")]})])
    assert before.state == replay(base, [])


def _category(key: str) -> dict[str, str]:
    return {"key": key, "name": key, "macro_strategy": "m", "definition": "d"}
