"""Which of a GPU's kernels compute a policy: those that suit its lengths, or those that repeat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alignment.policies.policy import PolicyError
from alignment.policies.settings import ask_for_repeatable_products


@contextmanager
def fitting_kernels() -> Iterator[None]:
    """Leave cuDNN's attention out while this lasts.

    It makes a plan for every shape that it meets, and nearly every forward here has a shape of
    its own: the plans cost more than it gains (decision 0022).
    """
    before = bool(torch.backends.cuda.cudnn_sdp_enabled())  # type: ignore[no-untyped-call]
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


@contextmanager
def repeatable(wanted: bool) -> Iterator[None]:
    """Compute by kernels that add up in a fixed order while this lasts, where it is `wanted`.

    Without it a GPU's attention adds gradients up in whatever order they come, so that two runs
    differ in their last digits. A processor gives the same bits either way.

    Raises: PolicyError where the policy needs an operation that has no such kernel.
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
        raise PolicyError(
            f"This policy cannot be trained to the same bits every time here ({error}); "
            "leave `deterministic` out."
        ) from error
    finally:
        torch.use_deterministic_algorithms(before)
