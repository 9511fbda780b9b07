"""A decision that somebody thinks of taking, as a question to the annotated traces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from store.errors import InvalidInput, NotFound
from taxonomy.review.curation import Group, LabelView
from taxonomy.review.views import majority
from webapp.review.reviews import Review

if TYPE_CHECKING:
    from alignment.inspection.edits import Edit
    from alignment.inspection.whatif import Ground

DEEDS = ("assign", "merge", "split", "noise", "retire")
NEW_CATEGORY = "split off"  # no key of a category holds a space
MOST_LABELS = 1000


@dataclass(frozen=True)
class Question:
    """A decision by its parts, as an address holds them; `category` "" is none."""

    deed: str
    anchors: tuple[str, ...] = ()
    category: str | None = None
    label_ids: tuple[int, ...] = ()
    other: str = ""
    key: str = ""

    def search(self, category: str | None = None) -> str:
        """The question as the search part of an address, perhaps of another category."""
        chosen = self.category if category is None else category
        parts: Mapping[str, object] = {
            "do": self.deed,
            "anchor": self.anchors,
            "label": self.label_ids,
            "other": self.other or (),
            "key": self.key or (),
            "category": () if chosen is None else chosen,
        }
        return "?" + urlencode(parts, doseq=True)


@dataclass(frozen=True)
class Posed:
    """A question about a version: in words, with the labels that would go and where they go."""

    question: Question
    sentence: str
    groups: Sequence[Group] = ()
    labels: frozenset[str] = frozenset()
    source: str | None = None
    target: str | None = None


def pose(review: Review, question: Question) -> Posed:
    """What a decision would do to the version.

    Raises:
        NotFound: it names a cluster, a label or a category that is not there.
        InvalidInput: it leaves out what it is about.
    """
    if question.deed == "retire":
        return _retiring(review, question)
    groups = [review.group(anchor) for anchor in question.anchors]
    if not groups and question.label_ids and question.deed in ("assign", "noise"):
        return _choosing(review, question)
    if not groups:
        raise InvalidInput("expected a cluster to ask about, got none; choose one")
    if question.deed == "assign":
        return _assigning(review, question, groups)
    if question.deed == "merge":
        return _merging(review, question, groups)
    return _parting(question, groups)


def _assigning(review: Review, question: Question, groups: Sequence[Group]) -> Posed:
    first = groups[0].category or groups[0].proposed_category
    target = first if question.category is None else question.category or None
    _require(review, target)
    what = f"“{groups[0].name}”" if len(groups) == 1 else f"{len(groups)} clusters"
    labels = frozenset(label.key for group in groups for label in group.labels)
    return Posed(question, f"Put {what} in {_named(review, target)}", groups, labels, None, target)


def _choosing(review: Review, question: Question) -> Posed:
    """Labels of any clusters; without a category, they go where most of them are."""
    everywhere = [label for group in review.groups for label in group.labels]
    ticked = _ticked(question, [*everywhere, *review.noise])
    labels = frozenset(label.key for label in ticked)
    what = "1 label" if len(ticked) == 1 else f"{len(ticked)} labels"
    if question.deed == "noise":
        return Posed(question, f"Mark {what} as noise", (), labels)
    most = majority(ticked, list(review.by_key))
    target = most if question.category is None else question.category or None
    _require(review, target)
    return Posed(question, f"Put {what} in {_named(review, target)}", (), labels, None, target)


def _merging(review: Review, question: Question, groups: Sequence[Group]) -> Posed:
    """The labels that nobody decided take the category of the cluster that takes them in."""
    other, into = review.group(question.other), groups[0]
    labels = frozenset(label.key for label in other.labels if label.origin != "reviewed")
    sentence = f"Merge “{other.name}” into “{into.name}”, which is in " + _named(
        review, into.category
    )
    return Posed(question, sentence, [into, other], labels, None, into.category)


def _parting(question: Question, groups: Sequence[Group]) -> Posed:
    ticked = _ticked(question, groups[0].labels)
    labels = frozenset(label.key for label in ticked)
    what = f"{len(ticked)} labels of “{groups[0].name}”"
    if question.deed == "noise":
        return Posed(question, f"Mark {what} as noise", groups, labels)
    sentence = f"Split {what} off, into a category of their own"
    return Posed(question, sentence, groups, labels, groups[0].category, NEW_CATEGORY)


def _ticked(question: Question, labels: Sequence[LabelView]) -> list[LabelView]:
    chosen = set(question.label_ids)
    found = [label for label in labels if label.open_label_id in chosen]
    if not found:
        raise InvalidInput("expected labels to ask about, got none; tick some")
    return found


def _retiring(review: Review, question: Question) -> Posed:
    target = question.category or None
    for key in (question.key, target):
        _require(review, key)
    name = review.by_key[question.key].name
    into = _named(review, target)
    return Posed(
        question, f"Retire “{name}”, its labels into {into}", (), frozenset(), question.key, target
    )


def _require(review: Review, key: str | None) -> None:
    if key is not None and key not in review.by_key:
        raise NotFound(f"expected a category of {review.name}, got {key[:40]!r}")


def _named(review: Review, key: str | None) -> str:
    return "no category" if key is None else f"“{review.by_key[key].name}”"


def edit_of(posed: Posed, ground: "Ground") -> "Edit":
    """The question as an edit of the vocabulary that the traces were annotated with.

    Raises:
        InvalidInput: these traces cannot answer; the message says why.
    """
    from alignment.inspection.edits import MoveLabels, RetireCategory, SplitCategory

    if posed.question.deed == "retire":
        return RetireCategory(posed.source or "", posed.target)
    known = posed.labels & set(ground.evidence.keys)
    if not known:
        raise InvalidInput(
            f"none of the {len(posed.labels)} labels that would go stands, with a category of the"
            " version annotated with, on an annotated trace with a polarity: nothing would change"
            " in the matrices and weights of this run"
        )
    if posed.target is None or posed.target in ground.categories:
        return MoveLabels(known, posed.target)
    source = posed.source or _only_category(known, ground)
    if source not in ground.categories:
        raise InvalidInput(
            f"the version that these traces were annotated with knows neither {posed.target!r} nor"
            f" one category that the labels come from; annotate with a newer version to see this"
        )
    return SplitCategory(source, known, posed.target)


def _only_category(known: frozenset[str], ground: "Ground") -> str:
    """The category of the run that all these labels rest in; "" if there are several."""
    import numpy as np

    evidence = ground.evidence
    places = [place for place, key in enumerate(evidence.keys) if key in known]
    held = set(evidence.categories[np.isin(evidence.labels, places)].tolist())
    return ground.categories[held.pop()] if len(held) == 1 else ""
