"""Suggestions as the curator sees them: who would change what, beside how it stands now."""

from collections.abc import Mapping, Sequence
from typing import Any

from taxonomy.events.decisions import Gather
from taxonomy.review.curation import Group, LabelView, Merge, RetireCategory
from taxonomy.suggestions.matters import Change, Matter
from taxonomy.suggestions.wording import tell_change
from webapp.deciding.choices import DIGITS
from webapp.deciding.questions import Question
from webapp.pages.disputes import ChangeView, MatterView, Text
from webapp.review.reviews import Review

DECLINE = "decline"  # no number of a suggestion
MOST_IN_ADDRESS = 200  # labels; more make it longer than servers take


def view_matters(
    review: Review, matters: Sequence[Matter], people: Mapping[int, str]
) -> list[MatterView]:
    """Every matter with its changes, who suggested each, and the clusters that it is about."""
    labels = {label.key: label for group in review.groups for label in group.labels}
    labels |= {label.key: label for label in review.noise}
    places = {label.key: group for group in review.groups for label in group.labels}
    return [_matter(review, matter, people, labels, places) for matter in matters]


def _matter(
    review: Review,
    matter: Matter,
    people: Mapping[int, str],
    labels: Mapping[str, LabelView],
    places: Mapping[str, Group],
) -> MatterView:
    possible = iter(DIGITS)
    changes = [
        _change(review, change, next(possible, "") if change.print else "", people, labels)
        for change in matter.changes
    ]
    what = changes[0].what
    return MatterView(
        min(matter.acts),
        what[:1].upper() + what[1:],
        matter.acts,
        changes,
        _groups(matter, places),
    )


def _groups(matter: Matter, places: Mapping[str, Group]) -> list[Group]:
    """The clusters that hold the labels that are meant now, in the order of the suggestion."""
    parts = (p for change in matter.changes for one in change.suggestions for p in one.parts)
    found = {
        places[key].anchor: places[key] for part in parts for key in part.keys if key in places
    }
    return list(found.values())


def _change(
    review: Review,
    change: Change,
    digit: str,
    people: Mapping[int, str],
    labels: Mapping[str, LabelView],
) -> ChangeView:
    one, upshot = change.suggestions[0], change.upshot
    keys = one.payload["labels"] if one.kind == "split" else ()
    return ChangeView(
        f"{min(change.acts)}:{change.print}" if change.print else "",
        tell_change(one, upshot.names),
        digit,
        [people[number] for number in change.people],
        upshot.changes,
        [labels[key] for key in keys if key in labels],
        _texts(review, one.kind, one.payload),
        _what_if(review, change),
    )


def _texts(review: Review, kind: str, payload: Mapping[str, Any]) -> list[Text]:
    """The texts that a change brings, beside those that are there."""
    if kind == "rename":
        definition = payload["definition"]
        return [] if definition is None else [Text("definition", "", definition)]
    if kind not in ("add_category", "edit_category"):
        return []
    now = review.by_key.get(payload["key"])
    names = (name for name in payload if name not in ("key", "name") or kind == "edit_category")
    return [
        Text(name.replace("_", " "), _plain(getattr(now, name, "")), _plain(payload[name]))
        for name in names
        if name != "key" and (payload[name] or kind == "edit_category")
    ]


def _plain(text: object) -> str:
    return " · ".join(map(str, text)) if isinstance(text, list | tuple) else str(text or "")


def _what_if(review: Review, change: Change) -> str:
    """The address of what a change would do downstream; empty where that cannot be asked."""
    decision = change.upshot.decision
    question = None
    if isinstance(decision, Merge) and len(decision.anchors) == 2:
        into, other = decision.anchors
        question = Question("merge", (into,), other=other)
    elif isinstance(decision, RetireCategory):
        question = Question("retire", key=decision.key, category=decision.into or "")
    elif isinstance(decision, Gather) and len(decision.label_ids) <= MOST_IN_ADDRESS:
        question = _parting(review, decision)
    if question is None:
        return ""
    return f"/versions/{review.version_id}/whatif{question.search()}"


def _parting(review: Review, decision: Gather) -> Question | None:
    """A split of one cluster; labels of several have no question of their own."""
    wanted = set(decision.label_ids)
    for group in review.groups:
        if wanted <= {label.open_label_id for label in group.labels}:
            return Question("split", (group.anchor,), label_ids=decision.label_ids)
    return None
