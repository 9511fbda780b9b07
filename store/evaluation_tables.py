"""What an evaluation judged, response by response."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from store.metadata import json_column


class EvaluatedResponse(SQLModel, table=True):
    """One response of an evaluation, with every judgment that its figures are made of."""

    __tablename__ = "evaluated_response"
    __table_args__ = (sa.UniqueConstraint("run_id", "position"),)
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    position: int  # 0-based, in the order of the run
    arm: str = Field(max_length=300)  # whose responses: the model's name
    thinking_mode: str = Field(max_length=3)
    question_key: str = Field(max_length=64)  # sha256 of the normalised text
    external_id: str = Field(max_length=500)  # of the question, or of the trace
    draw: int = 0
    response: str | None = None  # as it was generated; an imported trace stands in its own table
    answer: str
    judgments: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
