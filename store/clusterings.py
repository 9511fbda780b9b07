"""Clusterings as rows: what was folded, who is where, and a copy to add to."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store.tables import Cluster, ClusterDescription, ClusterMembership, Folding, Phrase


def get_folding(session: Session, run_id: int) -> Folding | None:
    """What a cluster run learned of its inventory; None where it kept nothing."""
    return session.exec(select(Folding).where(col(Folding.run_id) == run_id)).one_or_none()


def list_phrase_moves(session: Session, folding_id: int) -> list[tuple[int, list[str]]]:
    """The phrases of a folding by number."""
    query = sa.select(col(Phrase.id), col(Phrase.moves)).where(col(Phrase.folding_id) == folding_id)
    return list(session.execute(query.order_by(col(Phrase.id))).tuples())


def list_members(session: Session, run_id: int) -> list[Any]:
    """Label, phrase, shares, count and place of every label of a run, in the run's order."""
    member = ClusterMembership
    query = sa.select(
        col(member.open_label_id),
        col(member.phrase_id),
        col(member.shares),
        col(member.instances),
        col(member.x),
        col(member.y),
    ).where(col(member.run_id) == run_id, col(member.phrase_id).is_not(None))
    return list(session.execute(query.order_by(col(member.id))))


def copy_clustering(session: Session, source: int, target: int) -> None:
    """Give a run the clusters and the labels of another one."""
    names = [column.key for column in sa.inspect(Cluster).columns if column.key not in _OWN]
    copied = sa.select(sa.literal(target), *(getattr(Cluster, name) for name in names))
    of_source = copied.where(col(Cluster.run_id) == source).order_by(col(Cluster.number))
    session.execute(sa.insert(Cluster).from_select(["run_id", *names], of_source))
    _copy_descriptions(session, source, target)
    _copy_members(session, source, target)


_OWN = ("id", "run_id")


def _copy_descriptions(session: Session, source: int, target: int) -> None:
    row = ClusterDescription
    links = ("cluster_id", "sibling_id")
    names = [column.key for column in sa.inspect(row).columns if column.key not in links]
    old, new, own = _renamed(row.cluster_id, target)
    old_sibling, new_sibling, sibling = _renamed(row.sibling_id, target)
    query = (
        sa.select(new.id, new_sibling.id, *(getattr(row, name) for name in names))
        .select_from(row)
        .join(old, own[0])
        .join(new, own[1])
        .outerjoin(old_sibling, sibling[0])
        .outerjoin(new_sibling, sibling[1])
        .where(col(old.run_id) == source)
    )
    session.execute(sa.insert(row).from_select([*links, *names], query))


def _copy_members(session: Session, source: int, target: int) -> None:
    member = ClusterMembership
    links = ("cluster_id", "nearest_cluster_id")
    names = [
        column.key for column in sa.inspect(member).columns if column.key not in (*_OWN, *links)
    ]
    old_own, new_own, own = _renamed(member.cluster_id, target)
    old_near, new_near, near = _renamed(member.nearest_cluster_id, target)
    chosen = [sa.literal(target), new_own.id, new_near.id]
    query = (
        sa.select(*chosen, *(getattr(member, name) for name in names))
        .select_from(member)
        .outerjoin(old_own, own[0])
        .outerjoin(new_own, own[1])
        .outerjoin(old_near, near[0])
        .outerjoin(new_near, near[1])
        .where(col(member.run_id) == source)
        .order_by(col(member.id))
    )
    session.execute(sa.insert(member).from_select(["run_id", *links, *names], query))


def _renamed(link: Any, target: int) -> tuple[Any, Any, tuple[Any, Any]]:
    """A cluster, its copy in another run, and what a row with that link joins them by."""
    old, new = sa.orm.aliased(Cluster), sa.orm.aliased(Cluster)
    same = sa.and_(col(new.run_id) == target, col(new.number) == col(old.number))
    return old, new, (col(old.id) == col(link), same)


def set_instances(session: Session, run_id: int, counts: Mapping[int, int]) -> None:
    """Write how often labels of a run were given, by the number of the label."""
    if not counts:
        return
    table = ClusterMembership.__table__  # type: ignore[attr-defined]
    update = (
        sa.update(table)
        .where(table.c.run_id == run_id, table.c.open_label_id == sa.bindparam("label"))
        .values(instances=sa.bindparam("count"))
    )
    rows = [{"label": label, "count": count} for label, count in counts.items()]
    session.connection().execute(update, rows)


def set_shares(session: Session, run_id: int, shares: Mapping[int, bytes]) -> None:
    """Write how far labels of a run belong to its categories, by the number of the label."""
    table = ClusterMembership.__table__  # type: ignore[attr-defined]
    update = (
        sa.update(table)
        .where(table.c.run_id == run_id, table.c.open_label_id == sa.bindparam("label"))
        .values(shares=sa.bindparam("packed"))
    )
    rows = [{"label": label, "packed": packed} for label, packed in shares.items()]
    if rows:
        session.connection().execute(update, rows)
