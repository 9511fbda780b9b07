"""`mralign serve`: refuses what cannot work, and prints an address that answers."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from mralign.serve import address_of, listen
from store.errors import InvalidInput

ROOT = Path(__file__).parents[2]


def start(database_url: str, *options: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    environment = {**os.environ, "MRALIGN_DATABASE_URL": database_url, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "mralign", "serve", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_printed_address_answers(sqlite_url: str) -> None:
    """And an interrupt ends it."""
    with start(sqlite_url, "--port", "0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        with urlopen(f"{address}health") as answer:
            assert answer.status == 200
            assert "server" not in answer.headers
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_a_database_without_a_schema_is_refused(tmp_path: Path) -> None:
    """With the command that makes one."""
    with start(f"sqlite:///{tmp_path / 'empty.sqlite3'}", "--port", "0") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "mralign db upgrade" in errors and "Traceback" not in errors


def test_a_taken_port_is_refused() -> None:
    """The message names it and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port {port}.*--port"):
            listen("127.0.0.1", port)


def test_the_address_is_one_that_a_browser_opens() -> None:
    """Every address to listen on is no address to open."""
    with listen("0.0.0.0", 0) as listener:
        assert address_of(listener).startswith("http://127.0.0.1:")


def test_one_command_makes_the_schema_and_serves(tmp_path: Path) -> None:
    """With --upgrade an empty database is no obstacle."""
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    with start(url, "--port", "0", "--upgrade") as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        with urlopen(f"{address}health") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        process.wait(20)
