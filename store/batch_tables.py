"""The tables of batches: files of requests under way, and the requests in them."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from store.metadata import enum_column, json_column, time_column, utc_now
from store.states import BatchStatus


class ModelBatch(SQLModel, table=True):
    """Requests that are sent as one file, and how far that has come."""

    __tablename__ = "model_batch"
    id: int = Field(default=None, primary_key=True)
    key: str = Field(max_length=32, unique=True)  # the server's metadata hold it
    run_id: int | None = Field(default=None, foreign_key="run.id", index=True)
    status: BatchStatus = Field(sa_column=enum_column(BatchStatus, index=True))
    model: str = Field(max_length=200)
    base_url: str | None = None
    key_variable: str = Field(max_length=100)
    prices: dict[str, float] = Field(sa_column=json_column())
    dialect: dict[str, Any] = Field(sa_column=json_column())
    file_id: str | None = Field(default=None, max_length=200)
    remote_id: str | None = Field(default=None, max_length=200)
    remote_status: str | None = Field(default=None, max_length=32)
    requests: int = 0
    answered: int = 0
    failed: int = 0
    message: str | None = None  # what the server said of a batch that failed as a whole
    holder: str | None = Field(default=None, max_length=200)  # the process that is sending it
    held_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    closed_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class BatchRequest(SQLModel, table=True):
    """A request that is under way in a batch, or that one gave no reply to.

    It stands here once at most, so that no two batches hold it; the reply takes its place.
    """

    __tablename__ = "batch_request"
    request_hash: str = Field(primary_key=True, max_length=64)
    batch_id: int = Field(foreign_key="model_batch.id", index=True)
    request: dict[str, Any] = Field(sa_column=json_column())
    error: str | None = None  # why there is no reply; nothing while it is under way
    transient: bool = False  # the same request may succeed in another batch
