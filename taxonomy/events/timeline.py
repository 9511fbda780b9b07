"""The state of a review, taken forward event by event; an undo goes back only as far as it must."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taxonomy.events.replay import apply
from taxonomy.events.state import Base, Event, State, active_events, start

KEPT_EVERY = 32


@dataclass(frozen=True)
class Timeline:
    """The events of a log so far, the state that they give, and some of the states before it.

    A kept state stands with the count of events that it follows. States are read only.

    Identity: `Timeline.begin(base).extended(events).state` is `replay(base, events)`, in however
    many pieces the events come.
    """

    events: tuple[Event, ...]
    state: State
    kept: tuple[tuple[int, State], ...]
    every: int = KEPT_EVERY

    @classmethod
    def begin(cls, base: Base, every: int = KEPT_EVERY) -> "Timeline":
        """Before any event."""
        state = start(base)
        return cls((), state, ((0, state),), every)

    @property
    def in_force(self) -> list[Event]:
        """The events that nobody took back."""
        return active_events(self.events)

    def extended(self, new: Iterable[Event]) -> "Timeline":
        """With further events, which are younger than those that are here."""
        new = tuple(new)
        events = (*self.events, *new)
        if len(events) == len(self.events):
            return self
        first = _first_changed(events, len(self.events))
        kept = [entry for entry in self.kept if entry[0] <= first]
        done, before = kept[-1]
        if first == len(self.events):
            done, before = first, self.state
        state = before.copy()
        # Without an undo all that is new is in force, and the whole log need not be searched.
        simple = done == len(self.events) and all(event.undoes is None for event in new)
        active = {event.id for event in (new if simple else active_events(events))}
        for count, event in enumerate(events[done:], done + 1):
            if event.id in active:
                apply(state, event)
            if count % self.every == 0:
                kept.append((count, state.copy()))
        return Timeline(events, state, tuple(kept), self.every)


def _first_changed(events: Sequence[Event], known: int) -> int:
    """The place of the first event that the new ones put in or out of force, else of the new."""
    new = events[known:]
    if all(event.undoes is None for event in new):
        return known
    places = {event.id: place for place, event in enumerate(events)}
    first = known
    for event in new:
        while event.undoes is not None and event.undoes in places:
            event = events[places[event.undoes]]
        first = min(first, places[event.id])
    return first
