"""The loss and its gradients are TRL's where every weight is 1: live, and from a fixture."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.parity import CASES, Case, Found, differences, digest, examples, ours, parity_policy

pytestmark = pytest.mark.models

FIXTURE = Path(__file__).with_name("trl_kto.json")
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 2e-6, 1e-5


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parity_policy(tmp_path_factory.mktemp("parity"))


@pytest.fixture(scope="module")
def found(policy: Path) -> dict[str, Found]:
    return {case.name: ours(policy, case, examples()) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kept_results_of_trl_are_met(case: Case, found: dict[str, Found]) -> None:
    kept, mine = json.loads(FIXTURE.read_text("utf-8"))[case.name], digest(found[case.name])
    assert abs(mine["loss"] - kept["loss"]) <= LOSS_TOLERANCE
    assert (mine["z0"] == 0) == (kept["z0"] == 0)
    assert mine["z0"] == pytest.approx(kept["z0"], abs=1e-4)
    assert mine["gradients"].keys() == kept["gradients"].keys()
    largest = max(norm for norm, _ in kept["gradients"].values())
    for name, (norm, along) in kept["gradients"].items():
        assert mine["gradients"][name][0] == pytest.approx(norm, abs=1e-5 * largest)
        assert mine["gradients"][name][1] == pytest.approx(along, abs=1e-4 * largest)


def test_the_clamp_is_active_in_one_case_and_not_in_another(found: dict[str, Found]) -> None:
    assert found["kto-clamped"].z0 == 0.0 < found["kto-free"].z0
    assert found["apo_zero-free"].z0 == 0.0
    assert len({result.loss for result in found.values()}) == 3


@pytest.mark.skipif(find_spec("trl") is None, reason="TRL is not installed")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_live_trl_gives_the_same_loss_and_gradients(
    case: Case, found: dict[str, Found], policy: Path
) -> None:
    from benchmarks.parity import trls

    loss_apart, gradients_apart = differences(found[case.name], trls(policy, case, examples()))
    assert loss_apart <= LOSS_TOLERANCE
    assert gradients_apart <= GRADIENT_TOLERANCE
