"""Decisions about clusters: each form becomes one event, which can be undone."""

from typing import Annotated

from fastapi import APIRouter, Path
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.audit import Actor
from store.engine import reading
from store.errors import InvalidInput, NotFound, NotPermitted
from store.reviews import get_event
from store.verdicts import get_rules, list_acts
from taxonomy.events.decisions import STRUCTURAL_KINDS, Structural
from taxonomy.review.curation import (
    Assign,
    Decision,
    MarkNoise,
    Merge,
    Remark,
    Rename,
    Split,
    decide,
    undo,
)
from taxonomy.review.judging import judge
from taxonomy.review.layering import RECLUSTER
from taxonomy.suggestions.suggesting import decide_for_all, list_own, suggest
from taxonomy.suggestions.suggesting import take_back as withdraw
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.review.blindness import is_blind
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions/{version_id}")
reviewing = allows(Action.REVIEW)
# The pages that an undo can be asked for on, beside those of the clusters.
PLACES = ("history", "noise", "queue", "board", "map", "disagreements", "reclusterings", "")
OPEN = ("open", "done")  # no curator answered these suggestions
Anchor = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")]


def take(visit: Visit, version_id: int, decision: Decision) -> int:
    """Write a decision down, unless somebody decided since the page was read; its revision.

    Where people review blind it is a verdict, or a suggestion if it would change the clusters or
    categories themselves: the number is then minus its act.

    Raises:
        Conflict: somebody did.
    """
    seen = visit.form.number("revision")
    reason = visit.form.text("reason") or None

    def deed(session: Session, person: Actor) -> int:
        blind = reviews_blind(visit, session, version_id)
        if blind and isinstance(decision, Assign | MarkNoise):
            return -judge(session, version_id, decision, person=person, seen_revision=seen)
        if blind and isinstance(decision, Structural):
            return -suggest(session, version_id, decision, person=person, seen_revision=seen)
        if isinstance(decision, Structural) and visit.may(Action.SETTLE):
            event = decide_for_all(
                session, version_id, decision, person=person, seen_revision=seen, reason=reason
            )
        else:
            event = decide(
                session, version_id, decision, person=person, seen_revision=seen, reason=reason
            )
        return event.revision

    return once(visit, deed)


def reviews_blind(visit: Visit, session: Session, version_id: int) -> bool:
    """Whether what the visitor decides about labels is a verdict."""
    overlap = get_rules(session, version_id).overlap
    return visit.viewer is not None and is_blind(visit.viewer, overlap)


def back(visit: Visit, version_id: int, anchor: str, done: int, advance: bool = False) -> Response:
    """On to the next cluster, or to the same one; to the list where that one is no more."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
    following = review.next_unreviewed(anchor) if advance else None
    if following is not None:
        anchor = following.anchor
    place = f"clusters/{anchor}" if anchor in review.by_anchor else "clusters"
    return RedirectResponse(f"/versions/{version_id}/{place}?done={done}", 303)


@router.post("/clusters/{anchor}/rename", dependencies=[reviewing])
def rename(visit: Visiting, version_id: RowId, anchor: Anchor) -> Response:
    """Give the cluster another name and definition."""
    form = visit.form
    definition = form.text("definition") if "definition" in form.fields else None
    decision = Rename(anchor, form.line("name"), definition)
    return back(visit, version_id, anchor, take(visit, version_id, decision))


@router.post("/clusters/{anchor}/merge", dependencies=[reviewing])
def merge(visit: Visiting, version_id: RowId, anchor: Anchor) -> Response:
    """Put another cluster's labels into this one."""
    decision = Merge((anchor, visit.form.line("other")), visit.form.line("name") or None)
    return back(visit, version_id, anchor, take(visit, version_id, decision))


@router.post("/clusters/{anchor}/assign", dependencies=[reviewing])
def assign(visit: Visiting, version_id: RowId, anchor: Anchor) -> Response:
    """Put the cluster in a category, or out of every one."""
    if "category" not in visit.form.fields:
        raise InvalidInput("expected a category, got none; choose one")
    decision = Assign(anchor=anchor, category=visit.form.line("category") or None)
    advance = visit.form.token("then") == "next"
    return back(visit, version_id, anchor, take(visit, version_id, decision), advance)


@router.post("/clusters/{anchor}/split", dependencies=[reviewing])
def split(visit: Visiting, version_id: RowId, anchor: Anchor) -> Response:
    """Make a cluster of the ticked labels."""
    decision = Split(anchor, visit.form.numbers("label"), visit.form.line("name"))
    return back(visit, version_id, anchor, take(visit, version_id, decision))


@router.post("/clusters/{anchor}/noise", dependencies=[reviewing])
def mark_noise(visit: Visiting, version_id: RowId, anchor: Anchor) -> Response:
    """Say that the ticked labels belong to no category."""
    decision = MarkNoise(visit.form.numbers("label"))
    return back(visit, version_id, anchor, take(visit, version_id, decision))


@router.post("/clusters/{anchor}/remark", dependencies=[reviewing])
def remark(visit: Visiting, version_id: RowId, anchor: Anchor) -> Response:
    """Flag the cluster for a curator, skip it, or comment on it; the first two go on."""
    kind = visit.form.token("kind")
    done = take(visit, version_id, Remark(anchor, kind, visit.form.text("text")))
    return back(visit, version_id, anchor, done, advance=kind != "comment")


@router.post("/noise/assign", dependencies=[reviewing])
def assign_labels(visit: Visiting, version_id: RowId) -> Response:
    """Put the ticked labels in a category."""
    form = visit.form
    decision = Assign(label_ids=form.numbers("label"), category=form.line("category") or None)
    done = take(visit, version_id, decision)
    return RedirectResponse(f"/versions/{version_id}/noise?done={done}", 303)


@router.post("/undo", dependencies=[reviewing])
def take_back(visit: Visiting, version_id: RowId) -> Response:
    """Undo a decision, by default the newest; of an undo, that is redo.

    Verdicts and suggestions are withdrawn by it.
    """
    form = visit.form
    act = form.number("act") if form.token("act") else None
    event_id = form.number("event") if form.token("event") else None
    seen = form.number("revision")

    def deed(session: Session, person: Actor) -> int:
        chosen, number = act, event_id
        if act is None and event_id is None and reviews_blind(visit, session, version_id):
            chosen, number = _newest_own(visit, session, version_id, person)
        if number is not None:
            _require_may_undo(visit, session, version_id, number)
        if chosen is not None:
            withdraw(session, version_id, chosen, person=person)
            return -chosen
        event = undo(session, version_id, person=person, event_id=number, seen_revision=seen)
        return event.revision

    return _where(visit, version_id, once(visit, deed))


def _require_may_undo(visit: Visit, session: Session, version_id: int, number: int) -> None:
    """Other clusters are for those to take back who may put a version on them.

    Whoever reviews blind takes back what they did themselves, and nothing that changes the
    clusters or categories of all.

    Raises:
        NotPermitted: the visitor may not.
    """
    event = named = get_event(session, version_id, number)
    while event.undoes_id is not None:
        event = get_event(session, version_id, event.undoes_id)
    if event.kind == RECLUSTER and not visit.may(Action.RECLUSTER):
        raise NotPermitted(f"you may not {Action.RECLUSTER.value}; ask a curator to do it")
    if not reviews_blind(visit, session, version_id):
        return
    if named.person_id != visit.actor.person_id or event.kind in STRUCTURAL_KINDS:
        raise NotPermitted("reviewers who do not see each other undo only what is theirs alone")


def _newest_own(
    visit: Visit, session: Session, version_id: int, person: Actor
) -> tuple[int | None, int | None]:
    """The newest thing that a blind reviewer did and may take back: an act, or an event.

    Raises:
        NotFound: there is none.
    """
    review = visit.review(session, version_id)
    acts = [(row.created_at, row.act) for row in list_acts(session, version_id, person.id)[:1]]
    own = list_own(session, version_id, person.id)
    acts += [(one.at, one.suggestion.act) for one in own if one.fate in OPEN]
    act = max(acts, default=None)
    number = max((number for number in review.undoable if number > 0), default=None)
    event = get_event(session, version_id, number) if number is not None else None
    if act and (event is None or act[0] >= event.created_at):
        return act[1], None
    if event is None:
        raise NotFound("expected a decision of yours to undo, found none")
    return None, event.id


def _where(visit: Visit, version_id: int, done: int) -> Response:
    """Where the undo was asked for: a cluster, or one of the pages that we know."""
    place = visit.form.token("from")
    if place in PLACES:
        rest = f"/{place}" if place else ""
        return RedirectResponse(f"/versions/{version_id}{rest}?done={done}", 303)
    return back(visit, version_id, place, done)
