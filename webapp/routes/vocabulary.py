"""The vocabulary: its categories, its way to being frozen, and what differs between versions."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from store.audit import Actor
from store.engine import reading
from store.errors import InvalidInput
from store.metadata import utc_now
from store.reviews import lock_version
from store.runs import find_latest_run
from store.states import RunKind, VersionStatus
from store.tables import TaxonomyVersion
from taxonomy.review.curation import AddCategory, CategoryView, EditCategory, RetireCategory
from taxonomy.versions import lifecycle
from taxonomy.versions.signing import approve_rows, list_rows
from taxonomy.vocabulary.contents import hash_content
from webapp.deciding.repeating import once
from webapp.dependencies import RowId, Visit, Visiting, allows
from webapp.pages.vocabulary import DiffPage, Step, VocabularyPage
from webapp.review.history import list_numbered
from webapp.routes.clusters import Done, list_suggested, notice_of
from webapp.routes.decisions import take
from webapp.serving.permissions import Action

router = APIRouter(prefix="/versions")
editing = allows(Action.EDIT_CATEGORIES)
Key = Annotated[str, Path(max_length=100)]
Move = Callable[..., TaxonomyVersion]
LIFE = (
    VersionStatus.DRAFT,
    VersionStatus.IN_REVIEW,
    VersionStatus.APPROVED,
    VersionStatus.FROZEN,
)


@router.get("/{version_id}", dependencies=[allows(Action.READ)])
def show_vocabulary(visit: Visiting, version_id: RowId, done: Done = None) -> Response:
    """A version with its categories, and what may be done with it."""
    with reading(visit.engine) as session:
        review = visit.review(session, version_id)
        listed = lifecycle.list_versions(session)
        version = lifecycle.get_version(session, version_id)
        # What is open in a row would tell a blind reviewer what others said.
        rows = list_rows(session, version_id) if review.open and not review.blind else {}
        approvals = sorted({row.approval for row in rows.values() if row.approval})
        page = VocabularyPage(
            review=review,
            rows=rows,
            approvals={line.id: line for line in list_numbered(session, approvals)},
            hash_to_come=_hash_to_come(session, version),
            version=version,
            versions=listed,
            life=describe_life(version.status),
            macro_strategies=by_macro_strategy(review.categories),
            unassigned_instances=sum(
                label.instances
                for group in review.groups
                for label in group.labels
                if label.category is None
            ),
            noise_instances=sum(label.instances for label in review.noise),
            compared_with=_compared_with(version, listed),
            suggested=[
                line for line in list_suggested(visit, session, version_id) if line.about_categories
            ],
            free_name=_find_free_name(listed),
            notice=notice_of(visit, session, version_id, done),
        )
        return visit.show(page)


def _hash_to_come(session: Session, version: TaxonomyVersion) -> str:
    if version.status != VersionStatus.APPROVED:
        return ""
    return hash_content(lifecycle.get_content(session, version))


def describe_life(status: VersionStatus) -> list[Step]:
    """The steps of a version, each done, current or to come."""
    reached = LIFE.index(status) if status in LIFE else len(LIFE)
    steps = [
        Step(step.value, "done" if place < reached else "current" if place == reached else "ahead")
        for place, step in enumerate(LIFE)
    ]
    return [*steps, Step(status.value, "current")] if reached == len(LIFE) else steps


def by_macro_strategy(categories: Sequence[CategoryView]) -> dict[str, list[CategoryView]]:
    """The categories under their macro-strategy, both in the vocabulary's order."""
    grouped: defaultdict[str, list[CategoryView]] = defaultdict(list)
    for category in categories:
        grouped[category.macro_strategy].append(category)
    return grouped


def _compared_with(
    version: TaxonomyVersion, listed: Sequence[TaxonomyVersion]
) -> TaxonomyVersion | None:
    """The parent, else the version before this one."""
    earlier = [other for other in listed if other.id < version.id]
    parents = [other for other in earlier if other.id == version.parent_id]
    return next(iter([*parents, *earlier]), None)


def _find_free_name(listed: Sequence[TaxonomyVersion]) -> str:
    taken = {version.name for version in listed}
    number = len(listed)
    while f"v{number}" in taken:
        number += 1
    return f"v{number}"


@router.post("", dependencies=[allows(Action.DRAFT)])
def draft(visit: Visiting) -> Response:
    """A new draft, on the newest cluster run, from a preset or from a frozen version."""
    form = visit.form

    def deed(session: Session, person: Actor) -> int:
        run = find_latest_run(session, RunKind.CLUSTER)
        version = lifecycle.create_draft(
            session,
            form.line("name") or f"draft {utc_now():%Y-%m-%d %H:%M}",
            cluster_run_id=run.id if run else None,
            preset=form.line("preset") or None,
            parent=form.number("parent") if form.token("parent") else None,
            person=person,
        )
        return version.id

    return RedirectResponse(f"/versions/{once(visit, deed)}", 303)


@router.post("/{version_id}/submit", dependencies=[allows(Action.SUBMIT)])
def submit(visit: Visiting, version_id: RowId) -> Response:
    """Put the draft up for review."""
    return _move(visit, version_id, lifecycle.submit)


@router.post("/{version_id}/reopen", dependencies=[allows(Action.APPROVE)])
def reopen(visit: Visiting, version_id: RowId) -> Response:
    """Go on with the review."""
    return _move(visit, version_id, lifecycle.reopen)


@router.post("/{version_id}/approve", dependencies=[allows(Action.APPROVE)])
def approve(visit: Visiting, version_id: RowId) -> Response:
    """Approve the version as it stands."""
    return _move(visit, version_id, lifecycle.approve)


@router.post("/{version_id}/freeze", dependencies=[allows(Action.FREEZE)])
def freeze(visit: Visiting, version_id: RowId) -> Response:
    """Freeze the version for ever; its name, typed, says that this one is meant.

    Raises:
        InvalidInput: another name was typed.
    """
    with reading(visit.engine) as session:
        name = lifecycle.get_version(session, version_id).name
    if visit.form.line("typed_name") != name:
        raise InvalidInput(f"expected the version's name, {name}, to be typed; type it and freeze")
    return _move(visit, version_id, lifecycle.freeze)


def _move(visit: Visit, version_id: int, move: Move) -> Response:
    """Change the status, unless somebody decided since the page was read."""
    form = visit.form

    def deed(session: Session, person: Actor) -> int:
        lock_version(session, version_id, form.number("revision"))
        return move(session, version_id, person=person, reason=form.text("reason")).revision

    return _back(version_id, once(visit, deed))


@router.post("/{version_id}/rows", dependencies=[allows(Action.APPROVE)])
def approve_some(visit: Visiting, version_id: RowId) -> Response:
    """Approve rows as they were seen: each is sent as its key and its fingerprint."""
    form = visit.form
    sent = [value.partition(":") for value in form.fields.get("row", ())]
    rows = {key[:100]: seen[:64] for key, _, seen in sent}

    def deed(session: Session, person: Actor) -> int:
        event = approve_rows(session, version_id, rows, person=person, reason=form.text("reason"))
        return event.revision

    return _back(version_id, once(visit, deed))


@router.post("/{version_id}/categories", dependencies=[editing])
def add_category(visit: Visiting, version_id: RowId) -> Response:
    """Add a category at the end."""
    form = visit.form
    decision = AddCategory(
        key=form.line("key"),
        name=form.line("name"),
        macro_strategy=form.line("macro_strategy"),
        definition=form.text("definition"),
        scope_note=form.text("scope_note"),
        examples=form.lines("examples"),
        counter_examples=form.lines("counter_examples"),
    )
    return _back(version_id, take(visit, version_id, decision))


@router.post("/{version_id}/categories/{key}/edit", dependencies=[editing])
def edit_category(visit: Visiting, version_id: RowId, key: Key) -> Response:
    """Change the texts of a category."""
    form = visit.form
    decision = EditCategory(
        key=key,
        name=form.line("name"),
        macro_strategy=form.line("macro_strategy"),
        definition=form.text("definition"),
        scope_note=form.text("scope_note"),
        examples=form.lines("examples"),
        counter_examples=form.lines("counter_examples"),
    )
    return _back(version_id, take(visit, version_id, decision))


@router.post("/{version_id}/categories/{key}/retire", dependencies=[editing])
def retire_category(visit: Visiting, version_id: RowId, key: Key) -> Response:
    """Take a category out, its labels into another one or into none."""
    decision = RetireCategory(key, visit.form.line("into") or None)
    return _back(version_id, take(visit, version_id, decision))


def _back(version_id: int, done: int) -> Response:
    return RedirectResponse(f"/versions/{version_id}?done={done}", 303)


@router.get("/{version_id}/diff", dependencies=[allows(Action.READ)])
def show_diff(
    visit: Visiting,
    version_id: RowId,
    before: Annotated[int, Query(ge=1, le=2**31 - 1)],
) -> Response:
    """What changes from the version `before` to this one."""
    with reading(visit.engine) as session:
        page = DiffPage(
            before=lifecycle.get_version(session, before),
            after=lifecycle.get_version(session, version_id),
            versions=lifecycle.list_versions(session),
            difference=lifecycle.diff(session, before, version_id),
        )
        return visit.show(page)
