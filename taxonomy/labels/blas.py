"""One thread for products that are too small for more."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@cache
def _controller() -> Any:
    """Looks for the libraries that are loaded once; that takes longer than a product."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Inside, numpy multiplies on one thread, and so gives the same digits every time.

    Measured on two shared cores: what follows from 200 answers takes 22 ms on one thread, and up
    to 337 ms where threads wait for each other.
    """
    limit: AbstractContextManager[object] = _controller().limit(limits=1)
    return limit
