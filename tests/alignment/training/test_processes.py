"""What processes are told before they begin."""

from types import SimpleNamespace
from typing import Any

import pytest

from alignment.training.processes import _settle_deepspeed

pytestmark = pytest.mark.models

SETTINGS = {"batch_size": 2, "max_grad_norm": 1.0}


def settled(config: dict[str, Any]) -> dict[str, Any]:
    plugin = SimpleNamespace(deepspeed_config=config)
    _settle_deepspeed(SimpleNamespace(state=SimpleNamespace(deepspeed_plugin=plugin)), SETTINGS)
    return config


def test_deepspeed_learns_from_the_recipe_what_its_own_file_leaves_open() -> None:
    """Elsewhere it asks a data loader, and training here has none."""
    opened = {"train_micro_batch_size_per_gpu": "auto", "zero_optimization": {"stage": 2}}
    found = settled(opened)
    assert found["train_micro_batch_size_per_gpu"] == 2 and found["gradient_clipping"] == 1.0
    assert found["zero_optimization"] == {"stage": 2}


def test_what_deepspeeds_file_says_stands() -> None:
    given = {"train_micro_batch_size_per_gpu": 8, "gradient_clipping": 0.5}
    assert settled(dict(given)) == given


def test_without_deepspeed_there_is_nothing_to_settle() -> None:
    _settle_deepspeed(SimpleNamespace(state=SimpleNamespace(deepspeed_plugin=None)), SETTINGS)
