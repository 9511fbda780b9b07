"""What waits for whom: for the one who looks first, then for others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from store.states import Role, VersionStatus
from store.tables import TaxonomyVersion
from webapp.overview.tallies import Holdings
from webapp.pages.overview import Counted, Errand
from webapp.queries.progress import Progress
from webapp.review.reviews import Review
from webapp.serving.permissions import Action, may
from webapp.showing.wording import count

STEPS = {
    VersionStatus.IN_REVIEW: (Action.APPROVE, "in review, to approve"),
    VersionStatus.APPROVED: (Action.FREEZE, "approved, to freeze"),
}


@dataclass(frozen=True)
class Quarrels:
    """What reviewers leave to a curator: how many disputes, and how many suggestions."""

    disputes: int = 0
    suggestions: int = 0


def list_errands(
    role: Role,
    holdings: Holdings,
    review: Review | None,
    versions: Sequence[TaxonomyVersion],
    studies: Sequence[Progress],
    quarrels: Quarrels,
) -> list[Errand]:
    """Everything that waits, as far as this visitor may know of it."""
    found = [
        *_of_studies(role, studies),
        *_of_review(role, review, quarrels),
        *_of_versions(role, versions, review),
        *_of_runs(role, holdings),
    ]
    return [errand for errand in found if errand.count.text != "0"]


def _errand(role: Role, action: Action, text: str, unit: str, address: str) -> Errand:
    """Whoever may do it can take it up; others see for whom it waits."""
    least = next(one for one in Role if may(one, action))
    return Errand(f"{least.value}s", Counted(text, unit, address), may(role, action))


def _of_studies(role: Role, studies: Sequence[Progress]) -> Iterator[Errand]:
    for study in studies:
        address = f"/studies/{study.id}"
        for part in study.parts:
            unit = "trace" if part.left == 1 else "traces"
            waiting = Counted(count(part.left), f"{unit} to label in {study.name}", address)
            yield Errand(part.name, waiting, part is study.own)
        unit = "trace" if study.ready == 1 else "traces"
        yield _errand(role, Action.RUN_STUDIES, count(study.ready),
                      f"{unit} to adjudicate in {study.name}", address)  # fmt: skip


def _of_review(role: Role, review: Review | None, quarrels: Quarrels) -> Iterator[Errand]:
    if review is None or not review.open:
        return
    version = f"/versions/{review.version_id}"
    waiting = len(review.waiting)
    unit = "cluster" if waiting == 1 else "clusters"
    yield _errand(role, Action.REVIEW, count(waiting), f"{unit} to review in {review.name}",
                  f"{version}/queue")  # fmt: skip
    if may(role, Action.SETTLE):
        page = f"{version}/disagreements"
        unit = "disagreement" if quarrels.disputes == 1 else "disagreements"
        yield _errand(role, Action.SETTLE, count(quarrels.disputes),
                      f"{unit} to decide in {review.name}", page)  # fmt: skip
        unit = "suggestion" if quarrels.suggestions == 1 else "suggestions"
        yield _errand(role, Action.SETTLE, count(quarrels.suggestions),
                      f"{unit} to answer in {review.name}", page)  # fmt: skip
    if not review.blind:
        flagged = sum(bool(group.flag) and not group.reviewed for group in review.groups)
        unit = "flagged cluster" if flagged == 1 else "flagged clusters"
        yield _errand(role, Action.SETTLE, count(flagged), f"{unit} in {review.name}",
                      f"{version}/queue")  # fmt: skip


def _of_versions(
    role: Role, versions: Sequence[TaxonomyVersion], review: Review | None
) -> Iterator[Errand]:
    """A version stands for itself: its name is what its page shows."""
    for version in versions:
        address = f"/versions/{version.id}"
        if version.status in STEPS:
            action, unit = STEPS[version.status]
            yield _errand(role, action, version.name, unit, address)
        elif review is not None and review.version_id == version.id and _is_through(review):
            yield _errand(role, Action.SUBMIT, version.name, "reviewed, to submit", address)


def _is_through(review: Review) -> bool:
    drafted = review.status == VersionStatus.DRAFT and not review.blind
    return drafted and bool(review.groups) and not review.waiting


def _of_runs(role: Role, holdings: Holdings) -> Iterator[Errand]:
    """What a command does anew; whoever drafts versions runs them."""
    page = "/counts/failed"
    labelled, annotated, run = holdings.labelled, holdings.annotated, holdings.annotate_run
    if labelled is not None:
        yield _errand(role, Action.DRAFT, count(labelled.left),
                      "traces without a usable reply to label again", page)  # fmt: skip
    if annotated is not None and run is not None:
        why = "left by migration, to annotate" if run.migrated else "to annotate again"
        yield _errand(role, Action.DRAFT, count(annotated.left), f"traces {why}", page)
