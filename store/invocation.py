"""What was typed to start the runs of this process, and whose account it runs under."""

import getpass
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_TYPED: ContextVar[str | None] = ContextVar("typed", default=None)
_SECRET = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")


@contextmanager
def invoked(words: Sequence[str]) -> Iterator[None]:
    """Let runs that start inside the block remember the command that started them."""
    token = _TYPED.set(_SECRET.sub("…", shlex.join(words)))
    try:
        yield
    finally:
        _TYPED.reset(token)


def find_command() -> str | None:
    """The command line that is being obeyed, quoted for a shell; None where nobody typed one.

    A name and a password inside an address are left out.
    """
    return _TYPED.get()


def find_account() -> str | None:
    """The name of the system's account; None where it has none."""
    try:
        return getpass.getuser()[:200]
    except (KeyError, OSError, ImportError):
        return None
