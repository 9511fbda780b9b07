"""Disagreements: where reviewers differ, and the curator decides with a reason."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.audit import Actor
from store.engine import reading
from store.errors import InvalidInput
from store.people import list_people
from store.reviews import lock_version
from store.suggestions import list_reviewers
from store.taxonomies import get_version
from store.verdicts import Rules, get_rules, set_rules
from taxonomy.review.curation import LabelView
from taxonomy.review.judging import as_decision, list_disputes, read_opinions, resolve, settle
from taxonomy.review.standing import stand
from taxonomy.review.verdicts import Choice, Dispute, Side
from taxonomy.suggestions.suggesting import list_matters
from webapp.deciding.choices import DIGITS
from webapp.deciding.matter_view import view_matters
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visiting, allows
from webapp.pages.disputes import (
    DisagreementsPage,
    DisputeView,
    GuidelinesPage,
    MatterView,
    Option,
    SideView,
)
from webapp.queries.examples import Example, list_examples
from webapp.review.accord import measure_accord
from webapp.review.reviews import Review
from webapp.routes.clusters import Done, notice_of
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}")
NOISE, NONE = "!noise", ""
Place = Annotated[int, Query(ge=0, le=100_000)]


@router.get("/disagreements", dependencies=[allows(Action.SETTLE)])
def show_disagreements(
    visit: Visiting, version_id: RowId, place: Place = 0, done: Done = None
) -> Response:
    """One suggestion or dispute in full, the others below, and how far reviewers agree."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        people = {person.id: person.name for person in list_people(session)}
        state = stand(session, get_version(session, version_id)).state
        found = list_disputes(session, version_id)
        labels = {label.key: label for group in review.groups for label in group.labels}
        labels |= {label.key: label for label in review.noise}
        views = [_view(review, one, people, labels) for one in found]
        matters = view_matters(review, list_matters(session, version_id), people)
        place = place if place < len(matters) + len(views) else 0
        shown = place - len(matters)
        page = DisagreementsPage(
            review=review,
            matters=matters,
            disputes=views,
            reviewers=len(list_reviewers(session, version_id)) if matters else 0,
            place=place,
            options=list_options(review, found[shown].sides) if found and shown >= 0 else [],
            examples=_examples(
                session,
                review,
                views[shown].labels if views and shown >= 0 else _meant(matters, place),
            ),
            accord=measure_accord(
                read_opinions(session, version_id, state),
                people,
                {category.key: category.name for category in review.categories},
            ),
            notice=notice_of(visit, session, version_id, done),
        )
        return visit.show(page)


def _meant(matters: Sequence[MatterView], place: int) -> list[LabelView]:
    """The labels that the suggestions at a place are about."""
    if place >= len(matters):
        return []
    split = [label for change in matters[place].changes for label in change.labels]
    return split or [label for group in matters[place].groups for label in group.labels]


def _view(
    review: Review, dispute: Dispute, people: Mapping[int, str], labels: Mapping[str, LabelView]
) -> DisputeView:
    group = review.by_anchor.get(dispute.anchor or "")
    shown = [labels[key] for key in dispute.keys]
    return DisputeView(
        group.name if group else "Labels in no cluster",
        group.anchor if group else "",
        shown,
        sum(label.instances for label in shown),
        [_side(review, side, people) for side in dispute.sides],
        len(dispute.sides) == 1,
    )


def _side(review: Review, side: Side, people: Mapping[int, str]) -> SideView:
    value, name = describe_choice(review, side.choice)
    category = review.by_key.get(side.choice.category)
    return SideView(value, name, category, sorted(people[number] for number in side.people))


def describe_choice(review: Review, choice: Choice) -> tuple[str, str]:
    """A choice as a form sends it, and in words."""
    if choice.noise:
        return NOISE, "noise"
    category = review.by_key.get(choice.category)
    return (category.key, category.name) if category else (NONE, "no category")


def list_options(review: Review, sides: Sequence[Side]) -> list[Option]:
    """What may be decided: what reviewers chose first, then every other category."""
    people = {describe_choice(review, side.choice)[0]: len(side.people) for side in sides}
    rest = [*(category.key for category in review.categories), NONE, NOISE]
    values = list(dict.fromkeys([*people, *rest]))
    keys = [value for value in values if value in review.by_key]
    digits = {NONE: "0"} | dict(zip(keys, DIGITS, strict=False))
    names = {NONE: "no category", NOISE: "noise"}
    names |= {category.key: category.name for category in review.categories}
    return [
        Option(
            value,
            names[value],
            review.by_key.get(value),
            digits.get(value, ""),
            people.get(value, 0),
        )
        for value in values
    ]


def _examples(session: Session, review: Review, labels: Sequence[LabelView]) -> list[Example]:
    if review.cluster_run_id is None or review.label_run_id is None:
        return []
    ids = [label.open_label_id for label in labels]
    if not ids:
        return []
    return list_examples(session, review.cluster_run_id, review.label_run_id, ids).nearest[:3]


@router.post("/disagreements", dependencies=[allows(Action.SETTLE)])
def settle_disagreement(visit: Visiting, version_id: RowId) -> Response:
    """Decide a dispute; the next one comes by itself."""
    form = visit.form
    if "choice" not in form.fields:
        raise InvalidInput("expected a choice, got none; choose one")
    choice, ids = form.line("choice"), form.numbers("label")
    decision = as_decision(Choice(noise=True) if choice == NOISE else Choice(choice), ids)

    def deed(session: Session, person: Actor) -> int:
        keys = stand(session, get_version(session, version_id)).clustering.keys
        event = resolve(
            session,
            version_id,
            decision,
            [keys[number] for number in ids if number in keys],
            person=person,
            seen_revision=form.number("revision"),
            reason=form.text("reason"),
        )
        return event.revision

    done = once(visit, deed)
    place = form.number("place") if form.token("place") else 0
    address = f"/versions/{version_id}/disagreements?done={done}&place={place}"
    return RedirectResponse(address, 303)


@router.get("/guidelines", dependencies=[allows(Action.READ)])
def show_guidelines(visit: Visiting, version_id: RowId, saved: bool = False) -> Response:
    """How to decide, and for a curator the form that changes it."""
    with reading(visit.engine) as session:
        page = GuidelinesPage(
            version=get_version(session, version_id),
            rules=get_rules(session, version_id),
            may_change=visit.may(Action.SET_RULES),
            saved=saved,
        )
        return visit.show(page)


@router.post("/guidelines", dependencies=[allows(Action.SET_RULES)])
def change_rules(visit: Visiting, version_id: RowId) -> Response:
    """Set the guidelines, and how many must agree; what enough agree on already is decided."""
    form = visit.form
    rules = Rules(form.number("overlap"), form.text("guidelines", 20_000))

    def deed(session: Session, person: Actor) -> int:
        version = lock_version(session, version_id)
        before = get_rules(session, version_id).overlap
        set_rules(session, version, rules, by=person)
        if rules.overlap < before:
            settle(session, version_id, person=person)
        return version.revision

    once(visit, deed)
    return RedirectResponse(f"/versions/{version_id}/guidelines?saved=true", 303)
