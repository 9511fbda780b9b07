"""Which kernels compute: chosen while a run lasts, and as they were afterwards."""

import os
from collections.abc import Callable

import pytest
import torch

from alignment.policies.kernels import fitting_kernels, repeatable
from alignment.policies.policy import PolicyError

pytestmark = pytest.mark.models


def test_attention_that_plans_for_every_length_is_left_out_and_comes_back() -> None:
    enabled: Callable[[], bool] = torch.backends.cuda.cudnn_sdp_enabled
    before = enabled()
    with pytest.raises(KeyError), fitting_kernels():
        assert not enabled()
        raise KeyError
    assert enabled() == before


def test_the_same_bits_are_asked_for_only_while_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with repeatable(False):
        assert not torch.are_deterministic_algorithms_enabled()
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    with repeatable(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()


def test_what_the_user_told_cublas_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with repeatable(True):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_an_operation_without_such_a_kernel_is_named_and_no_other_error_is_touched() -> None:
    with pytest.raises(PolicyError, match="leave `deterministic` out"), repeatable(True):
        raise RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation")
    with pytest.raises(RuntimeError, match="out of memory"), repeatable(True):
        raise RuntimeError("CUDA out of memory")
    assert not torch.are_deterministic_algorithms_enabled()
