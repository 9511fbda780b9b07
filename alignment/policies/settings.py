"""What training sets in the environment for the libraries below."""

import os


def ask_for_repeatable_products() -> None:
    """Let cuBLAS add up in one order only; it reads this before its first product.

    Whoever set it otherwise keeps that.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
