"""What a decision would change in matrices and weights: asked and shown before it is taken."""

from collections.abc import Sequence
from typing import Annotated, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.engine import reading
from store.errors import InvalidInput, NotFound
from store.tables import Run, TaxonomyVersion
from taxonomy.review.curation import CategoryView
from webapp.deciding.choices import DIGITS, rank_choices
from webapp.deciding.effects import GROUP_OF, measure_effect
from webapp.deciding.grounds import Grounds, get_ground_run
from webapp.deciding.questions import MOST_LABELS, Posed, Question, edit_of, pose
from webapp.dependencies import RowId, Visit, Visiting, VisitingAside, allows
from webapp.pages.rendering import svg_response
from webapp.pages.whatif import Confirmation, Effect, Option, WhatIfPage
from webapp.review.reviews import Review
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}/whatif")
Name = Annotated[str, Query(max_length=100)]
Deed = Literal["", "assign", "merge", "split", "noise", "retire"]
Anchors = Annotated[list[str], Query(max_length=MOST_LABELS, alias="anchor")]
LabelIds = Annotated[list[int], Query(max_length=MOST_LABELS, alias="label")]
PARTS = ("do", "anchor", "label", "other", "key", "category")


def _grounds(visit: Visit) -> Grounds:
    return cast(Grounds, visit.request.app.state.grounds)


@router.post("", dependencies=[allows(Action.READ)])
def ask(visit: Visiting, version_id: RowId) -> Response:
    """The answer's address, from a form that would take the decision; nothing is written."""
    parts = {name: visit.request.query_params.getlist(name) for name in PARTS}
    parts |= {name: list(visit.form.fields[name]) for name in PARTS if name in visit.form.fields}
    if "chosen" in visit.form.fields:
        parts["label"] = [str(number) for number in visit.form.chosen("label")]
        if len(parts["label"]) > MOST_LABELS:
            raise InvalidInput(
                f"expected up to {MOST_LABELS:,} labels to ask about, got {len(parts['label']):,}; "
                "select fewer, or ask about their clusters on the board"
            )
    if "into" in visit.form.fields:
        parts["category"] = [visit.form.line("into")]
    search = urlencode(parts, doseq=True)
    return RedirectResponse(f"/versions/{version_id}/whatif?{search}", 303)


@router.get("", dependencies=[allows(Action.READ)])
def show_effect(
    visit: VisitingAside,
    version_id: RowId,
    do: Deed = "",
    anchors: Anchors = [],  # noqa: B006 (the framework copies it)
    category: Annotated[str | None, Query(max_length=100)] = None,
    label_ids: LabelIds = [],  # noqa: B006
    other: Name = "",
    key: Name = "",
) -> Response:
    """What the decision would change; without one, forms to choose one."""
    question = Question(do, tuple(anchors), category, tuple(label_ids), other, key)
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        posed = pose(review, question) if do else None
        run, version, problem = _find_run(session, version_id)
        effect = None
        if posed is not None and run is not None:
            try:
                effect = _effect(visit, session, review, run.id, posed)
            except (InvalidInput, NotFound) as error:
                problem = str(error)
        page = WhatIfPage(
            review=review,
            sentence=posed.sentence if posed else "",
            run=run,
            annotated_with=version,
            effect=effect,
            problem=problem,
            options=_options(review, posed) if posed else [],
            confirmation=_confirmation(visit, review, posed) if posed else None,
            structural=do in ("merge", "split", "retire"),
            back=_back(review, question),
        )
        return visit.show(page)


@router.get("/{name}.svg", dependencies=[allows(Action.READ)])
def draw_change(
    visit: VisitingAside,
    version_id: RowId,
    name: Annotated[str, Path(max_length=40)],
    do: Deed = "",
    anchors: Anchors = [],  # noqa: B006
    category: Annotated[str | None, Query(max_length=100)] = None,
    label_ids: LabelIds = [],  # noqa: B006
    other: Name = "",
    key: Name = "",
) -> Response:
    """How a matrix would change, as an image."""
    from alignment.transitions.report import Heatmap, heatmap_svg

    if name not in GROUP_OF:
        raise NotFound(f"expected one of {', '.join(GROUP_OF)}, got {name!r}")
    question = Question(do, tuple(anchors), category, tuple(label_ids), other, key)
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        run, _ = get_ground_run(session, version_id)
        standing = _grounds(visit).get(session, run.id)
        found = _grounds(visit).answer(standing, edit_of(pose(review, question), standing.ground))
    group, title = GROUP_OF[name]
    states, delta = found.delta(group)
    return svg_response(
        heatmap_svg(Heatmap(delta, states, f"Δ{title}: after minus before", "delta"))
    )


def _find_run(session: Session, version_id: int) -> tuple[Run | None, TaxonomyVersion | None, str]:
    try:
        return *get_ground_run(session, version_id), ""
    except NotFound as error:
        return None, None, str(error)


def _effect(visit: Visit, session: Session, review: Review, run_id: int, posed: Posed) -> Effect:
    standing = _grounds(visit).get(session, run_id)
    edit = edit_of(posed, standing.ground)
    found = _grounds(visit).answer(standing, edit)
    return measure_effect(review, posed, standing.ground, found)


def _options(review: Review, posed: Posed) -> list[Option]:
    """The categories that it could be instead, in the order and with the digits of the card."""
    if posed.question.deed == "assign" and not posed.groups:
        ranked = _numbered(review.categories)
    elif posed.question.deed == "assign":
        ranked = [(one.category, one.digit) for one in rank_choices(review, posed.groups[0])]
    elif posed.question.deed == "retire":
        ranked = _numbered([one for one in review.categories if one.key != posed.source])
    else:
        return []
    options = [
        Option(
            posed.question.search(category.key), category.name,
            review.colours[category.macro_strategy], digit, category.key == posed.target,
        )
        for category, digit in ranked
    ]  # fmt: skip
    none = Option(posed.question.search(""), "no category", "macro-none", "0", posed.target is None)
    return [*options, none]


def _numbered(categories: Sequence[CategoryView]) -> list[tuple[CategoryView, str]]:
    return [(one, DIGITS[n : n + 1]) for n, one in enumerate(categories)]


def _confirmation(visit: Visit, review: Review, posed: Posed) -> Confirmation | None:
    """The form that takes the decision, where the visitor may."""
    question, start = posed.question, f"/versions/{review.version_id}"
    needed = Action.EDIT_CATEGORIES if question.deed == "retire" else Action.REVIEW
    if not (review.open and visit.may(needed)):
        return None
    labels = [("label", str(number)) for number in question.label_ids]
    target = posed.target or ""
    if question.deed == "retire":
        address = f"{start}/categories/{posed.source}/retire"
        return Confirmation(address, [("into", target)], False)
    if not posed.groups:
        deed = ("category", target) if question.deed == "assign" else ("do", "noise")
        return Confirmation(f"{start}/map", [*labels, deed], False)
    if len(posed.groups) > 1 and question.deed == "assign":
        anchors = [("anchor", anchor) for anchor in question.anchors]
        return Confirmation(f"{start}/board", [*anchors, ("category", target)], False)
    address = f"{start}/clusters/{posed.groups[0].anchor}/{question.deed}"
    fields: dict[str, Sequence[tuple[str, str]]] = {
        "assign": [("category", target), ("then", "next")],
        "merge": [("other", question.other)],
    }
    return Confirmation(address, fields.get(question.deed, labels), question.deed == "split")


def _back(review: Review, question: Question) -> str:
    start = f"/versions/{review.version_id}"
    if question.deed == "retire":
        return start
    if question.label_ids and not question.anchors:
        return f"{start}/map"
    if len(question.anchors) == 1:
        return f"{start}/clusters/{question.anchors[0]}"
    return f"{start}/board" if question.anchors else f"{start}/clusters"
