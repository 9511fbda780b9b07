"""Versions of the vocabulary: draft, in review, approved, frozen, superseded.

Each change of status is an event of the version and an audit entry: who, when, and why.
"""

from collections.abc import Sequence

from sqlmodel import Session

from store import audit
from store.audit import Actor
from store.errors import InvalidInput
from store.metadata import utc_now
from store.reviews import append_event, lock_version
from store.states import VersionStatus
from store.tables import Category, Mapping, TaxonomyVersion
from store.taxonomies import (
    get_frozen_version,
    get_version,
    list_categories,
    list_placements,
    list_versions,
)
from taxonomy.events.decisions import DecisionError, clean_line
from taxonomy.events.state import CategoryText
from taxonomy.guidance.beliefs import outcome
from taxonomy.review.standing import stand
from taxonomy.versions.drafting import create_draft, text_columns
from taxonomy.vocabulary.contents import (
    MappedLabel,
    VersionContent,
    VersionDiff,
    compare,
    hash_content,
)

__all__ = [
    "approve",
    "create_draft",
    "diff",
    "freeze",
    "get_content",
    "get_frozen_version",
    "get_version",
    "list_versions",
    "reopen",
    "submit",
    "verify",
]


def submit(
    session: Session, version_id: int, *, person: Actor | None, reason: str
) -> TaxonomyVersion:
    """Put a draft up for review."""
    return _move(session, version_id, VersionStatus.IN_REVIEW, person, reason)


def approve(
    session: Session, version_id: int, *, person: Actor | None, reason: str
) -> TaxonomyVersion:
    """Approve a reviewed version as it stands; it takes no decision until it is reopened."""
    return _move(session, version_id, VersionStatus.APPROVED, person, reason)


def reopen(
    session: Session, version_id: int, *, person: Actor | None, reason: str
) -> TaxonomyVersion:
    """Take an approval or a submission back, so that the review goes on."""
    return _move(session, version_id, VersionStatus.DRAFT, person, reason)


def freeze(
    session: Session, version_id: int, *, person: Actor | None, reason: str
) -> TaxonomyVersion:
    """Freeze an approved version: write where every label goes, and the hash of all of it.

    The parent becomes superseded. Afterwards nothing of the version changes again.

    Raises:
        InvalidInput: it is not approved, has no category, or no reason is given.
        FrozenVersion: it is frozen already.
    """
    content = _current_content(session, get_version(session, version_id))
    if not content.categories:
        raise InvalidInput(f"expected categories in {content.name}, found none; add some first")
    version = _move(session, version_id, VersionStatus.FROZEN, person, reason)
    rows = _write_categories(session, version, content.categories)
    session.add_all(
        Mapping(
            version_id=version.id,
            open_label_id=label.open_label_id,
            category_id=rows[label.category].id if label.category is not None else None,
            origin=label.origin,
            distance=label.distance,
        )
        for label in content.labels
    )
    version.content_hash = hash_content(content)
    version.frozen_at = utc_now()
    _supersede(session, version)
    session.flush()
    return version


def _supersede(session: Session, version: TaxonomyVersion) -> None:
    if version.parent_id is None:
        return
    parent = get_version(session, version.parent_id)
    if parent.status == VersionStatus.FROZEN:
        parent.status = VersionStatus.SUPERSEDED
        session.add(parent)


def verify(session: Session, version_id: int) -> bool:
    """Whether a frozen version's rows still give its content hash."""
    version = get_version(session, version_id)
    return version.content_hash == hash_content(get_content(session, version))


def diff(session: Session, a: str | int, b: str | int) -> VersionDiff:
    """What changes from version `a` to version `b`, with instance counts."""
    old, new = (get_content(session, get_version(session, name)) for name in (a, b))
    return compare(old, new)


def get_content(session: Session, version: TaxonomyVersion) -> VersionContent:
    """Categories and labels of a version: from its rows if it is frozen, else from its events."""
    if version.status not in (VersionStatus.FROZEN, VersionStatus.SUPERSEDED):
        return _current_content(session, version)
    sizes = stand(session, version).state.instances
    labels = tuple(
        MappedLabel(number, key, text, category, origin, distance, sizes.get(key, 0))
        for number, key, text, category, origin, distance in list_placements(session, version.id)
    )
    rows = list_categories(session, version.id)
    categories = tuple(
        CategoryText(
            row.key,
            row.name,
            row.macro_strategy,
            row.definition,
            row.scope_note,
            tuple(row.examples),
            tuple(row.counter_examples or ()),
        )
        for row in rows
    )
    return VersionContent(version.name, categories, labels, _parent_hash(session, version))


def _write_categories(
    session: Session, version: TaxonomyVersion, texts: Sequence[CategoryText]
) -> dict[str, Category]:
    rows = [
        Category(version_id=version.id, position=position, **text_columns(text))
        for position, text in enumerate(texts)
    ]
    session.add_all(rows)
    session.flush()
    return {row.key: row for row in rows}


_FROM = {
    VersionStatus.IN_REVIEW: (VersionStatus.DRAFT,),
    VersionStatus.APPROVED: (VersionStatus.IN_REVIEW,),
    VersionStatus.DRAFT: (VersionStatus.IN_REVIEW, VersionStatus.APPROVED),
    VersionStatus.FROZEN: (VersionStatus.APPROVED,),
}


def _move(
    session: Session, version_id: int, status: VersionStatus, person: Actor | None, reason: str
) -> TaxonomyVersion:
    version = lock_version(session, version_id)
    before, allowed = version.status, _FROM[status]
    if before not in allowed:
        wanted = " or ".join(entry.value.replace("_", " ") for entry in allowed)
        raise InvalidInput(
            f"expected {version.name} to be {wanted}, but it is {before.value.replace('_', ' ')}"
        )
    try:
        why = clean_line(reason, "a reason", 4000)
    except DecisionError as error:
        raise InvalidInput(str(error)) from error
    version.status = status
    payload = {"from": before.value, "to": status.value}
    append_event(session, version, "status", payload, person, why)
    audit.record(
        session, person, f"taxonomy.{status.value}", f"taxonomy {version.name}", reason=why
    )
    return version


def _current_content(session: Session, version: TaxonomyVersion) -> VersionContent:
    standing = stand(session, version)
    state, believed = standing.state, standing.show().spread.by_key
    labels = tuple(
        MappedLabel(
            label.open_label_id,
            label.key,
            label.text,
            (found := outcome(state, label.key, believed.get(label.key))).category,
            found.origin,
            label.distance,
            label.instances,
        )
        for label in sorted(standing.clustering.placed.values(), key=lambda label: label.key)
    )
    categories = tuple(state.categories.values())
    return VersionContent(version.name, categories, labels, _parent_hash(session, version))


def _parent_hash(session: Session, version: TaxonomyVersion) -> str | None:
    if version.parent_id is None:
        return None
    return get_version(session, version.parent_id).content_hash
