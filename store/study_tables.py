"""Tables of studies: traces that people label, each by several of them, without seeing the others.

What they say is in the rows of every other annotator, of the study's own run.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from store.metadata import time_column, utc_now


class Study(SQLModel, table=True):
    """Who labels what with which frozen version, and how it was drawn."""

    __tablename__ = "study"
    id: int = Field(default=None, primary_key=True)
    name: str = Field(max_length=100, unique=True)
    version_id: int = Field(foreign_key="taxonomy_version.id", index=True)
    run_id: int = Field(foreign_key="run.id", unique=True)  # its labels
    # The run whose consensus people start from; none where they see no proposal.
    proposal_run_id: int | None = Field(default=None, foreign_key="run.id", index=True)
    facets: str = Field(max_length=200)  # what the strata are made of, with commas between
    per_stratum: int
    overlap: int  # how many people label each trace
    seed: int
    revision: int = 0  # counts what people said; figures are kept by it
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True)  # who made it
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())


class StudyTrace(SQLModel, table=True):
    """A trace that was drawn, and out of which stratum; `settled` once there is a consensus."""

    __tablename__ = "study_trace"
    study_id: int = Field(foreign_key="study.id", primary_key=True)
    trace_id: int = Field(foreign_key="trace.id", primary_key=True, index=True)
    stratum: str = Field(max_length=300)
    position: int
    settled: bool = False


class StudyAssignment(SQLModel, table=True):
    """A trace that somebody is to label, at its place in their own order."""

    __tablename__ = "study_assignment"
    __table_args__ = (sa.UniqueConstraint("study_id", "person_id", "position"),)
    study_id: int = Field(foreign_key="study.id", primary_key=True)
    person_id: int = Field(foreign_key="person.id", primary_key=True, index=True)
    trace_id: int = Field(foreign_key="trace.id", primary_key=True, index=True)
    position: int
    finished_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
