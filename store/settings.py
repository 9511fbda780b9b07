"""Where the database is: MRALIGN_DATABASE_URL, else DATABASE_URL, else a file of the user's."""

import os
from pathlib import Path

from platformdirs import user_data_path
from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_database_url() -> str:
    """The SQLite file in the platform's data folder."""
    return f"sqlite:///{user_data_path('mralign') / 'mralign.sqlite3'}"


class StoreSettings(BaseSettings):
    """Settings of the store, read from the environment."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    database_url: str = Field(
        default_factory=default_database_url,
        validation_alias=AliasChoices("MRALIGN_DATABASE_URL", "DATABASE_URL"),
    )


def database_url() -> str:
    """The URL in force, in the form that SQLAlchemy takes."""
    return driver_url(StoreSettings().database_url)


def driver_url(url: str) -> str:
    """Name the driver that mralign installs for a plain PostgreSQL address or a file path."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url if "://" in url else f"sqlite:///{Path(url).expanduser()}"


def use_database(url: str) -> None:
    """Make `url` the database of everything that this process does from here on."""
    os.environ["MRALIGN_DATABASE_URL"] = url
