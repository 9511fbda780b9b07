"""What an edit would change, in the words and units of the page."""

from typing import TYPE_CHECKING

from webapp.deciding.questions import Posed
from webapp.pages.whatif import Cell, Effect, MatrixChange, RareCategory, Touched
from webapp.review.reviews import Review

if TYPE_CHECKING:
    from alignment.inspection.whatif import Ground, WhatIf
    from alignment.transitions.fits import GroupName

CELLS = 5
# Below so many moves out of a category a chance of its row is off by 9 points and more (one
# standard error of a half).
FEWEST_MOVES = 30
GROUP_OF: "dict[str, tuple[GroupName, str]]" = {
    "positive": ("positive", "P⁺"),
    "negative": ("negative", "P⁻"),
    "overall": ("overall", "P"),
}


def measure_effect(review: Review, posed: Posed, ground: "Ground", found: "WhatIf") -> Effect:
    """The figures of an answer."""
    known = posed.labels & set(ground.evidence.keys)
    return Effect(
        touched=[
            Touched(
                "get other labels",
                found.units_relabelled, found.tokens_relabelled, found.traces_relabelled,
            ),
            Touched(
                "weigh otherwise",
                found.units_reweighted, found.tokens_reweighted, found.traces_reweighted,
            ),
        ],
        matrices=[_matrix(review, posed, found, name) for name in GROUP_OF],
        clips_before=found.before.clips,
        clips_after=found.after.clips,
        newly_clipped=found.newly_clipped,
        released=found.released,
        mean_weight_change=found.mean_weight_change,
        units=len(ground.labels),
        rare=_rare(review, found),
        fewest_moves=FEWEST_MOVES,
        labels=len(posed.labels),
        labels_found=len(known),
    )  # fmt: skip


def _matrix(review: Review, posed: Posed, found: "WhatIf", name: str) -> MatrixChange:
    group, title = GROUP_OF[name]
    cells = [
        Cell(_name(review, source), _name(review, target), 100 * before, 100 * after)
        for source, target, before, after in found.changes(group, CELLS)
        if before != after
    ]
    address = f"{name}.svg{posed.question.search()}"
    return MatrixChange(title, 100 * found.mean_l1(group), cells, address)


def _rare(review: Review, found: "WhatIf") -> list[RareCategory]:
    """The categories whose rows rest on too few moves, the scarcest first."""
    now = {group: found.after.leaving(group) for group in ("positive", "negative")}
    then = {group: found.before.leaving(group) for group in ("positive", "negative")}
    least = {key: min(now[group][key] for group in now) for key in found.after.categories}
    rare = sorted((key for key in least if least[key] < FEWEST_MOVES), key=lambda key: least[key])
    return [
        RareCategory(
            _name(review, key),
            now["positive"][key],
            now["negative"][key],
            min(then[group].get(key, FEWEST_MOVES) for group in then) < FEWEST_MOVES,
        )
        for key in rare
    ]


def _name(review: Review, state: str) -> str:
    """What people call a state: a category of the version, or start, stop, one that is no more."""
    return review.by_key[state].name if state in review.by_key else state
