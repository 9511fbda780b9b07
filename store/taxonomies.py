"""Taxonomies: clusters as a run found them, versions, their categories and their mappings."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.errors import NotFound
from store.states import VersionStatus
from store.tables import (
    Category,
    Cluster,
    ClusterMembership,
    Mapping,
    OpenLabel,
    Phrase,
    TaxonomyVersion,
)


@dataclass(frozen=True, slots=True)
class VersionHead:
    """Where a version is, for those who only read it."""

    id: int
    name: str
    status: VersionStatus
    revision: int
    parent_id: int | None
    cluster_run_id: int | None


def get_head(session: Session, version_id: int) -> VersionHead:
    """Where the version with this number is now.

    Raises:
        NotFound: there is none.
    """
    row = session.connection().execute(_head(), {"version_id": version_id}).first()
    if row is None:
        raise NotFound(
            f"expected a taxonomy version with number {version_id}, found none; "
            "see `mralign taxonomy list`"
        )
    return VersionHead(*row)


@cache
def _head() -> sa.Select[Any]:
    """Every page of a review asks it, so that the statement is made once."""
    columns = SQLModel.metadata.tables["taxonomy_version"].c
    chosen = [columns[field] for field in VersionHead.__slots__]
    return sa.select(*chosen).where(columns.id == sa.bindparam("version_id"))


def find_version(session: Session, name_or_id: str | int) -> TaxonomyVersion | None:
    """The version with this name or number, if there is one."""
    if isinstance(name_or_id, int):
        return session.get(TaxonomyVersion, name_or_id) if 0 < name_or_id < 2**31 else None
    query = select(TaxonomyVersion).where(col(TaxonomyVersion.name) == name_or_id)
    return session.exec(query).one_or_none()


def get_version(session: Session, name_or_id: str | int) -> TaxonomyVersion:
    """The version with this name or number.

    Raises:
        NotFound: there is none.
    """
    version = find_version(session, name_or_id)
    if version is None:
        raise NotFound(
            f"expected a taxonomy version named {str(name_or_id)[:100]!r}, found none; "
            "see `mralign taxonomy list`"
        )
    return version


def list_versions(session: Session) -> list[TaxonomyVersion]:
    """Every version, the newest first."""
    return list(session.exec(select(TaxonomyVersion).order_by(col(TaxonomyVersion.id).desc())))


def find_frozen_version(session: Session) -> TaxonomyVersion | None:
    """The version that is in force: the one frozen last and not superseded."""
    query = select(TaxonomyVersion).where(col(TaxonomyVersion.status) == VersionStatus.FROZEN)
    newest = query.order_by(col(TaxonomyVersion.frozen_at).desc(), col(TaxonomyVersion.id).desc())
    return session.exec(newest.limit(1)).first()


def get_frozen_version(session: Session) -> TaxonomyVersion:
    """The version that is in force.

    Raises:
        NotFound: none is frozen yet; the message names the commands.
    """
    version = find_frozen_version(session)
    if version is None:
        raise NotFound(
            "expected a frozen taxonomy version, found none; run `mralign taxonomy draft NAME "
            "--preset mr-align-15` and `mralign taxonomy freeze NAME --approve --reason WHY`"
        )
    return version


def list_categories(session: Session, version_id: int) -> list[Category]:
    """The categories of a version in its order."""
    query = select(Category).where(col(Category.version_id) == version_id)
    return list(session.exec(query.order_by(col(Category.position))))


def list_mappings(
    session: Session, version_id: int
) -> list[tuple[Mapping, OpenLabel, Category | None]]:
    """Where a frozen version puts each label, by the label's key."""
    query = (
        select(Mapping, OpenLabel, Category)
        .join(OpenLabel, col(OpenLabel.id) == col(Mapping.open_label_id))
        .outerjoin(Category, col(Category.id) == col(Mapping.category_id))
        .where(col(Mapping.version_id) == version_id)
    )
    rows = [(mapping, label, category) for mapping, label, category in session.exec(query)]
    return sorted(rows, key=lambda row: row[1].key)


def list_placements(session: Session, version_id: int) -> list[tuple[Any, ...]]:
    """The same as plain values, which takes a tenth of the time: the label's number, key and text,
    the category's key, how the label came there, and its distance.
    """
    query = (
        sa.select(
            col(OpenLabel.id),
            col(OpenLabel.key),
            col(OpenLabel.text),
            col(Category.key),
            col(Mapping.origin),
            col(Mapping.distance),
        )
        .join(Mapping, col(Mapping.open_label_id) == col(OpenLabel.id))
        .outerjoin(Category, col(Category.id) == col(Mapping.category_id))
        .where(col(Mapping.version_id) == version_id)
    )
    return sorted(map(tuple, session.execute(query)), key=lambda row: row[1])


def list_clusters(session: Session, run_id: int) -> list[Cluster]:
    """The clusters of a run by number."""
    query = select(Cluster).where(col(Cluster.run_id) == run_id)
    return list(session.exec(query.order_by(col(Cluster.number))))


def list_memberships(session: Session, run_id: int) -> list[tuple[ClusterMembership, OpenLabel]]:
    """Where a cluster run put each label: most frequent first, then by key."""
    query = (
        select(ClusterMembership, OpenLabel)
        .join(OpenLabel, col(OpenLabel.id) == col(ClusterMembership.open_label_id))
        .where(col(ClusterMembership.run_id) == run_id)
    )
    rows = [(membership, label) for membership, label in session.exec(query)]
    return sorted(rows, key=lambda row: (-row[0].instances, row[1].key))


def list_phrases(session: Session, run_id: int) -> dict[int, bytes]:
    """The vectors of what a cluster run folded its labels to, by number."""
    used = sa.select(col(ClusterMembership.phrase_id)).where(
        col(ClusterMembership.run_id) == run_id
    )
    query = sa.select(col(Phrase.id), col(Phrase.vector)).where(col(Phrase.id).in_(used))
    return {number: vector for number, vector in session.execute(query)}
