"""Edits of a vocabulary, and the label sets that units would have under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alignment.transitions.moves import NO_LABEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MAJORITY = 0.5


class EditError(ValueError):
    """An edit that names what is not there, or changes nothing."""


@dataclass(frozen=True)
class MergeCategories:
    """Put categories into one of them."""

    keys: tuple[str, ...]
    into: str


@dataclass(frozen=True)
class SplitCategory:
    """Take open labels out of a category and make a category of them."""

    key: str
    labels: frozenset[str]
    new_key: str


@dataclass(frozen=True)
class MoveLabels:
    """Put open labels, wherever they are, into a category, or out of every one."""

    labels: frozenset[str]
    into: str | None


@dataclass(frozen=True)
class RetireCategory:
    """Take a category out; its labels become unassigned, or go into another."""

    key: str
    into: str | None = None


Edit = MergeCategories | SplitCategory | MoveLabels | RetireCategory


@dataclass(frozen=True)
class LabelEvidence:
    """The open labels that a unit's categories rest on, a row for each.

    Shapes: all [rows]: the unit, the category that the vocabulary gives the label, the label as an
    index of `keys`, and its confidence.
    """

    units: Numbers
    categories: Numbers
    labels: Numbers
    confidences: NDArray[np.float64]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Relabelled:
    """Label sets over the categories after an edit.

    Shapes: labels [units, width]; changed [units]; origins [categories before], where each
    category goes as a whole, NO_LABEL where it goes nowhere. `split` is the category that the
    last one was taken out of, if one was.
    """

    categories: tuple[str, ...]
    labels: Numbers
    changed: Flags
    origins: Numbers
    split: int | None = None


def relabel(
    labels: Numbers, categories: Sequence[str], evidence: LabelEvidence, edit: Edit
) -> Relabelled:
    """The label sets of units after an edit.

    A category that is merged or retired goes from every unit. Open labels that move take a unit's
    category along where they are the most of what it rests on: more than half of the confidence
    of the unit's open labels in that category. Annotators label units, not open labels, so this is
    what they would most likely have said.
    Shapes: labels [units, width], category indices ascending, then NO_LABEL.
    Raises: EditError where the edit names what is not there.
    """
    match edit:
        case MergeCategories(keys, into):
            return _folded(labels, categories, {key: into for key in keys}, (*keys, into))
        case RetireCategory(key, into):
            named = (key,) if into is None else (key, into)
            return _folded(labels, categories, {key: into}, named)
        case MoveLabels(moved, into):
            _require(categories, () if into is None else (into,))
            return _moved(labels, tuple(categories), evidence, moved, into, None)
        case SplitCategory(key, moved, new_key):
            _require(categories, (key,))
            if new_key in categories:
                raise EditError(f"expected a new category, but {new_key!r} is there already")
            after = (*categories, new_key)
            return _moved(labels, after, evidence, moved, new_key, categories.index(key))


def _folded(
    labels: Numbers,
    categories: Sequence[str],
    into: dict[str, str | None],
    named: Sequence[str],
) -> Relabelled:
    """Whole categories go into others, or nowhere."""
    _require(categories, named)
    gone = {key for key, target in into.items() if target != key}
    if not gone:
        raise EditError("expected categories to go into another, but all stay where they are")
    after = tuple(key for key in categories if key not in gone)
    targets = [into[key] if key in gone else key for key in categories]
    origins = np.array([NO_LABEL if key is None else after.index(key) for key in targets])
    folded = np.array([key in gone for key in categories] + [False])  # the last is NO_LABEL's
    changed = np.any(folded[labels], axis=1)
    found = np.where(labels == NO_LABEL, NO_LABEL, origins[labels])
    found[changed] = _ascending(found[changed])  # elsewhere the order stays
    return Relabelled(after, found, changed, origins)


def _moved(
    labels: Numbers,
    after: tuple[str, ...],
    evidence: LabelEvidence,
    moved: frozenset[str],
    into: str | None,
    source: int | None,
) -> Relabelled:
    """Categories of units follow the open labels that they rest on."""
    unknown = moved - set(evidence.keys)
    if unknown or not moved:
        what = repr(sorted(unknown)[0][:100]) if unknown else "none"
        raise EditError(f"expected open labels of the annotated traces, got {what}")
    target, count = NO_LABEL if into is None else after.index(into), len(after)
    follows = _follows(labels, evidence, moved, count)
    if target != NO_LABEL:
        follows[:, target] = False
    if source is not None:
        follows[:, np.arange(count) != source] = False
    held = labels != NO_LABEL
    going = held & follows[np.arange(len(labels))[:, None], labels]
    changed: Flags = going.any(axis=1)
    found = labels.copy()
    found[changed] = _ascending(np.where(going, target, labels)[changed])
    origins = np.arange(count if source is None else count - 1)
    return Relabelled(after, found, changed, origins, source)


def _follows(
    labels: Numbers, evidence: LabelEvidence, moved: frozenset[str], category_count: int
) -> Flags:
    """Which categories of which units rest mostly on labels that move. Shapes: [units, N]."""
    cells = evidence.units * category_count + evidence.categories
    moving = np.array([key in moved for key in evidence.keys], dtype=np.bool_)[evidence.labels]
    follows = np.zeros(len(labels) * category_count, dtype=np.bool_)
    asked = np.unique(cells[moving])
    if not len(asked):
        return follows.reshape(len(labels), category_count)
    places = np.minimum(np.searchsorted(asked, cells), len(asked) - 1)
    part = np.bincount(places[moving], evidence.confidences[moving], len(asked))
    of_asked = asked[places] == cells
    whole = np.bincount(places[of_asked], evidence.confidences[of_asked], len(asked))
    follows[asked[part > MAJORITY * whole]] = True
    return follows.reshape(len(labels), category_count)


def _ascending(labels: Numbers) -> Numbers:
    """Each row ascending and without doubles, NO_LABEL behind."""
    behind = np.iinfo(labels.dtype).max
    rows = np.sort(np.where(labels == NO_LABEL, behind, labels), axis=1)
    doubles = np.zeros(rows.shape, dtype=np.bool_)
    doubles[:, 1:] = rows[:, 1:] == rows[:, :-1]
    rows = np.sort(np.where(doubles, behind, rows), axis=1)
    return np.where(rows == behind, NO_LABEL, rows)


def _require(categories: Sequence[str], keys: Sequence[str]) -> None:
    missing = [key for key in keys if key not in categories]
    if missing:
        raise EditError(
            f"expected categories out of {', '.join(categories)}, got {missing[0][:100]!r}"
        )
