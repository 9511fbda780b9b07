"""The same bits every time: what a GPU gives up a part of its speed for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alignment.training.recipe import TrainingError
from alignment.training.settings import ask_for_repeatable_products


@contextmanager
def repeatable(wanted: bool) -> Iterator[None]:
    """Compute by kernels that add up in a fixed order while this lasts, where it is `wanted`.

    Without it a GPU's attention adds gradients up in whatever order they come, so that two runs
    differ in their last digits. A processor gives the same bits either way.

    Raises: TrainingError where the policy needs an operation that has no such kernel.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    ask_for_repeatable_products()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise TrainingError(
            f"This policy cannot be trained to the same bits every time here ({error}); "
            "leave `deterministic` out."
        ) from error
    finally:
        torch.use_deterministic_algorithms(before)
