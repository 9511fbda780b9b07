"""A clustering laid over another one, category by category: who stands on which of the two."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from taxonomy.events.state import Base, BaseGroup, BaseLabel, Event
from taxonomy.guidance.spreading import Probabilities
from taxonomy.guidance.starting import Starting
from taxonomy.labels.embedding import Vectors
from taxonomy.review.views import PlacedLabel

RECLUSTER = "recluster"
Marked = TypeVar("Marked", BaseGroup, BaseLabel)


@dataclass(frozen=True)
class Clustering:
    """The labels of a version before any decision; `keys` has them by number."""

    base: Base
    placed: Mapping[str, PlacedLabel]
    keys: Mapping[int, str]
    finished: bool = True
    starting: Starting | None = None
    run_id: int | None = None


@dataclass(frozen=True)
class Layer:
    """The labels that stand on the clusters of another run."""

    run_id: int
    labels: frozenset[str]


def list_layers(in_force: Iterable[Event], run_id: int | None) -> tuple[Layer, ...]:
    """What was taken, category by category, while the version stood on the clusters of a run.

    The events are those in force. What was taken on another run waits until that one is back.
    """
    taken: dict[int, set[str]] = {}
    for event in in_force:
        part = event.kind == RECLUSTER and "labels" in event.payload
        if part and event.payload["from"] == run_id:
            taken.setdefault(event.payload["to"], set()).update(event.payload["labels"])
    return tuple(Layer(over, frozenset(labels)) for over, labels in taken.items())


def find_run(own: Iterable[Event], in_force: Iterable[Event], run_id: int | None) -> int | None:
    """The run that a version stands on by its events: where the last whole change led.

    Where all of them are taken back it is where the first began, without any the given one.
    """
    whole = [event for event in own if is_whole(event)]
    standing = [event for event in in_force if is_whole(event)]
    if standing:
        return int(standing[-1].payload["to"])
    return whole[0].payload["from"] if whole else run_id


def is_whole(event: Event) -> bool:
    """Whether an event puts the whole version on other clusters."""
    return event.kind == RECLUSTER and "labels" not in event.payload


def read_anchor(anchor: str) -> tuple[int, int | None]:
    """The number of the cluster that an anchor names, and the run of a layer's; others have -1."""
    number, _, run = anchor.removeprefix("c").partition(".")
    if not (anchor.startswith("c") and number.isdigit()):
        return -1, None
    return int(number), int(run) if run.isdigit() else None


def lay(under: Clustering, over: Clustering, taken: Set[str]) -> Clustering:
    """The taken labels as `over` has them, all others as `under` has them.

    Groups of `over` have its run's number behind their anchor, in whose order they stay. The map
    and the vectors are of `over` for all labels that it has, so that they are of one make.

    Identity: with nothing taken it is `under`; every label of both is there once.
    """
    taken = frozenset(taken & over.placed.keys())
    if not taken:
        return under
    mark = f".{over.run_id}"
    labels = [label for label in under.base.labels if label.key not in taken]
    labels += [_marked(label, mark) for label in over.base.labels if label.key in taken]
    labels.sort(key=lambda label: (-label.instances, label.key))
    used = {label.anchor for label in labels}
    groups = (_marked(group, mark) for group in over.base.groups)
    fresh = tuple(group for group in groups if group.anchor in used)
    placed = {label.key: _place(under, over, label.key, taken) for label in labels}
    return replace(
        under,
        base=Base((*under.base.groups, *fresh), tuple(labels)),
        placed=placed,
        keys={place.open_label_id: key for key, place in placed.items()},
        starting=_lay_starting(under.starting, over.starting, taken, tuple(placed)),
    )


def _marked(entry: Marked, mark: str) -> Marked:
    return entry if entry.anchor is None else replace(entry, anchor=f"{entry.anchor}{mark}")


def _place(under: Clustering, over: Clustering, key: str, taken: Set[str]) -> PlacedLabel:
    newer = over.placed.get(key)
    if key in taken and newer is not None:
        return newer
    place = under.placed[key]
    return place if newer is None else replace(place, x=newer.x, y=newer.y)


def _lay_starting(
    under: Starting | None, over: Starting | None, taken: Set[str], keys: tuple[str, ...]
) -> Starting | None:
    """What both runs thought, of each label the one that it stands on; None where one kept nothing.

    Labels that only the run below knows are left out where its vectors are of another size.
    """
    if under is None or over is None:
        return None
    alike = under.vectors.shape[1] == over.vectors.shape[1]
    keys = tuple(key for key in keys if key in over.places or (alike and key in under.places))
    rows: dict[tuple[bool, int, bool, int], int] = {}
    row_of, instances = [], []
    for key in keys:
        above, known = key in taken, key in over.places
        source, shape = (over if above else under), (over if known else under)
        place = source.places[key]
        row = (above, int(source.row_of[place]), known, int(shape.row_of[shape.places[key]]))
        row_of.append(rows.setdefault(row, len(rows)))
        instances.append(source.instances[place])
    categories = tuple(dict.fromkeys((*under.categories, *over.categories)))
    shares = {above: _spread(one, categories) for above, one in ((False, under), (True, over))}
    return Starting(
        keys=keys,
        row_of=np.array(row_of, dtype=np.int64),
        instances=tuple(instances),
        vectors=_stack([(over if known else under).vectors[row] for _, _, known, row in rows]),
        shares=np.array([shares[above][row] for above, row, _, _ in rows], dtype=np.float64),
        categories=categories,
        origin=under.origin,
    )


def _stack(rows: list[Vectors]) -> Vectors:
    return np.array(rows, dtype=np.float32)


def _spread(starting: Starting, categories: tuple[str, ...]) -> Probabilities:
    """The shares of a run, a column for each of more categories; noise stays the last."""
    found = np.zeros((len(starting.shares), len(categories) + 1))
    columns = [categories.index(key) for key in starting.categories]
    found[:, columns] = starting.shares[:, :-1]
    found[:, -1] = starting.shares[:, -1]
    return found
