"""Where benchmarks find data that is not part of the project."""

import os
from pathlib import Path


def data_file(name: str) -> Path | None:
    """The file under the folder that MRALIGN_BENCH_DATA names, if both are there."""
    folder = os.environ.get("MRALIGN_BENCH_DATA")
    path = Path(folder) / name if folder else None
    return path if path and path.exists() else None


def data_folder() -> Path | None:
    """The folder that MRALIGN_BENCH_DATA names, if it is there."""
    folder = os.environ.get("MRALIGN_BENCH_DATA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def environment(database_url: str) -> dict[str, str]:
    """This process's environment with another database, and no endpoint."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
    return {**kept, "MRALIGN_DATABASE_URL": database_url}
