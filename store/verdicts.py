"""Verdicts: where each reviewer says that a label belongs; and how a version is reviewed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store import audit
from store.audit import Actor
from store.errors import InvalidInput
from store.metadata import utc_now
from store.review_tables import ReviewSetting, Suggestion, Verdict
from store.tables import TaxonomyVersion

MAX_OVERLAP = 9
MAX_GUIDELINES = 20_000


@dataclass(frozen=True, slots=True)
class Rules:
    """How a version is reviewed."""

    overlap: int = 1
    guidelines: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict that its person has not withdrawn or changed since."""

    person_id: int
    label_key: str
    category: str | None
    noise: bool
    act: int
    event_id: int | None


def get_rules(session: Session, version_id: int) -> Rules:
    """How a version is reviewed: by one person a label where nothing else is set."""
    row = session.connection().execute(_rules(), {"version_id": version_id}).first()
    return Rules() if row is None else Rules(*row)


@cache
def _rules() -> sa.Select[*tuple[Any, ...]]:
    """Every page of a review asks it, so that the statement is made once."""
    query = sa.select(col(ReviewSetting.overlap), col(ReviewSetting.guidelines))
    return query.where(col(ReviewSetting.version_id) == sa.bindparam("version_id"))


def set_rules(
    session: Session, version: TaxonomyVersion, rules: Rules, *, by: Actor | None
) -> None:
    """Change how a version is reviewed.

    Raises:
        InvalidInput: the overlap or the length of the guidelines is out of bounds.
    """
    if not 1 <= rules.overlap <= MAX_OVERLAP:
        raise InvalidInput(
            f"expected how many reviewers must agree, from 1 to {MAX_OVERLAP}, got {rules.overlap}"
        )
    if len(rules.guidelines) > MAX_GUIDELINES:
        raise InvalidInput(
            f"expected guidelines of up to {MAX_GUIDELINES} characters, got {len(rules.guidelines)}"
        )
    row = session.get(ReviewSetting, version.id) or ReviewSetting(version_id=version.id)
    before = row.overlap
    row.overlap, row.guidelines = rules.overlap, rules.guidelines
    session.add(row)
    detail = {"before": before, "after": rules.overlap, "characters": len(rules.guidelines)}
    audit.record(session, by, "taxonomy.rules", f"taxonomy {version.name}", **detail)
    session.flush()


def add_verdicts(
    session: Session,
    version: TaxonomyVersion,
    person: Actor,
    keys: Iterable[str],
    category: str | None,
    noise: bool,
) -> int:
    """Write one deed of a person down, on a version that is locked; the number of the deed."""
    act = next_act(session, version.id)
    now = utc_now()
    rows = [
        {
            "version_id": version.id,
            "act": act,
            "person_id": person.id,
            "label_key": key,
            "category": category,
            "noise": noise,
            "created_at": now,
        }
        for key in dict.fromkeys(keys)
    ]
    session.execute(sa.insert(Verdict), rows)
    return act


def next_act(session: Session, version_id: int) -> int:
    """The number of the next deed on a version that is locked: a verdict, or a suggestion."""
    newest = (
        session.execute(
            sa.select(sa.func.coalesce(sa.func.max(table.act), 0)).where(
                col(table.version_id) == version_id
            )
        ).scalar_one()
        for table in (Verdict, Suggestion)
    )
    return int(max(newest)) + 1


def list_standing(
    session: Session,
    version_id: int,
    *,
    keys: Sequence[str] | None = None,
    person_id: int | None = None,
) -> list[Standing]:
    """The newest verdict of each person on each label that was not withdrawn, by label."""
    query = sa.select(
        col(Verdict.person_id),
        col(Verdict.label_key),
        col(Verdict.category),
        col(Verdict.noise),
        col(Verdict.act),
        col(Verdict.event_id),
    ).where(col(Verdict.version_id) == version_id, col(Verdict.withdrawn_at).is_(None))
    if keys is not None:
        query = query.where(col(Verdict.label_key).in_(keys))
    if person_id is not None:
        query = query.where(col(Verdict.person_id) == person_id)
    rows = session.execute(query.order_by(col(Verdict.act)))
    newest = {(row[1], row[0]): Standing(*row) for row in rows}
    return [newest[place] for place in sorted(newest)]


def list_full(session: Session, version_id: int, overlap: int) -> list[str]:
    """The labels about which as many people as are needed have said something."""
    people = sa.func.count(sa.distinct(col(Verdict.person_id)))
    query = (
        sa.select(col(Verdict.label_key))
        .where(col(Verdict.version_id) == version_id, col(Verdict.withdrawn_at).is_(None))
        .group_by(col(Verdict.label_key))
        .having(people >= overlap)
    )
    return list(session.execute(query).scalars())


def list_acts(session: Session, version_id: int, person_id: int) -> list[Verdict]:
    """A row of each deed of a person that stands, the newest first."""
    first = sa.select(sa.func.min(col(Verdict.id))).where(
        col(Verdict.version_id) == version_id,
        col(Verdict.person_id) == person_id,
        col(Verdict.withdrawn_at).is_(None),
    )
    query = sa.select(Verdict).where(col(Verdict.id).in_(first.group_by(col(Verdict.act))))
    return list(session.execute(query.order_by(col(Verdict.act).desc())).scalars())


def list_act(session: Session, version_id: int, act: int, person_id: int) -> list[Verdict]:
    """The rows of one deed of a person, withdrawn or not; of another's there are none."""
    query = sa.select(Verdict).where(
        col(Verdict.version_id) == version_id,
        col(Verdict.act) == act,
        col(Verdict.person_id) == person_id,
    )
    return list(session.execute(query.order_by(col(Verdict.id))).scalars())


def withdraw(session: Session, rows: Iterable[Verdict]) -> None:
    """Let verdicts count no more; the rows stay."""
    now = utc_now()
    for row in rows:
        row.withdrawn_at = now
        session.add(row)
    session.flush()


def link_event(session: Session, version_id: int, keys: Sequence[str], event_id: int) -> None:
    """Say which decision the standing verdicts on labels became."""
    session.execute(
        sa.update(Verdict)
        .where(
            col(Verdict.version_id) == version_id,
            col(Verdict.label_key).in_(keys),
            col(Verdict.withdrawn_at).is_(None),
        )
        .values(event_id=event_id)
    )


def unlink_event(session: Session, event_id: int) -> None:
    """Say that a decision, which was taken back, is none any more."""
    changed = sa.update(Verdict).where(col(Verdict.event_id) == event_id)
    session.execute(changed.values(event_id=None))
