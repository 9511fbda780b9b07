"""How a run is getting on, moment by moment, and the report that it ended with."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from store.metadata import time_column, utc_now


class RunBeat(SQLModel, table=True):
    """How far a run was at a moment: a row where something moved since the row before."""

    __tablename__ = "run_beat"
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", index=True)
    at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    done_items: int
    tokens: int
    cost_usd: float


class RunReport(SQLModel, table=True):
    """The report of a run as one HTML page, as it was written when the run ended."""

    __tablename__ = "run_report"
    run_id: int = Field(foreign_key="run.id", primary_key=True)
    html: str
