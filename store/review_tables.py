"""Tables of a review by several people: its settings, verdicts, suggestions, receipts."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from store.metadata import json_column, time_column, utc_now


class ReviewSetting(SQLModel, table=True):
    """How a version is reviewed; a version without a row is reviewed by one person a label."""

    __tablename__ = "review_setting"
    version_id: int = Field(foreign_key="taxonomy_version.id", primary_key=True)
    overlap: int = 1  # how many reviewers must agree on a label before it is decided
    guidelines: str = ""


class Verdict(SQLModel, table=True):
    """Where one person says that a label belongs; it names the label, and outlives a clustering.

    Rows of one deed share `act`. Without a category it is noise, or belongs to none. A row is
    withdrawn, never deleted; `event_id` is the decision that it became once enough people agreed.
    """

    __tablename__ = "verdict"
    __table_args__ = (
        sa.UniqueConstraint("version_id", "act", "label_key"),
        sa.Index("ix_verdict_version_id_label_key", "version_id", "label_key"),
        sa.Index("ix_verdict_version_id_person_id", "version_id", "person_id"),
    )
    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="taxonomy_version.id")
    act: int  # 1-based in its version
    person_id: int = Field(foreign_key="person.id", index=True)
    label_key: str = Field(max_length=200)
    category: str | None = Field(default=None, max_length=100)
    noise: bool = False
    event_id: int | None = Field(default=None, foreign_key="review_event.id", index=True)
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    withdrawn_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class Receipt(SQLModel, table=True):
    """What became of a form that was sent with a number of its own: sent again, it does no more."""

    __tablename__ = "receipt"
    person_id: int = Field(foreign_key="person.id", primary_key=True)
    key: str = Field(max_length=64, primary_key=True)
    content_hash: str = Field(max_length=64)  # of the form: another form with the number is new
    done: int  # the revision that it made; of a verdict, minus its act
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())


class Suggestion(SQLModel, table=True):
    """A change of clusters or categories that one person would make, and that is not made by that.

    It shares the numbers of verdicts, and is withdrawn, never deleted. `event_id` is the decision
    that answered it, which counts while it is in force: the change itself where it was `adopted`.
    """

    __tablename__ = "suggestion"
    __table_args__ = (
        sa.UniqueConstraint("version_id", "act"),
        sa.Index("ix_suggestion_version_id_person_id", "version_id", "person_id"),
    )
    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="taxonomy_version.id")
    act: int  # 1-based in its version, counted together with the verdicts
    person_id: int = Field(foreign_key="person.id", index=True)
    kind: str = Field(max_length=32)  # of the event that it would be
    payload: dict[str, Any] = Field(sa_column=json_column())  # of that event, as things stood
    subject: dict[str, Any] = Field(sa_column=json_column())  # what it was about, as that stood
    event_id: int | None = Field(default=None, foreign_key="review_event.id", index=True)
    adopted: bool = False
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    withdrawn_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
