"""The loss against closed forms, an independently written KTO, and its own invariances."""

import math

import pytest
import torch
from torch import Tensor

from alignment.training.losses import (
    LossShapeError,
    estimate_z0,
    mean_log_ratio,
    mr_align_loss,
    segment_rewards,
    sequence_rewards,
)

pytestmark = pytest.mark.models

BATCH, LENGTH = 4, 11


def drawn(seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (BATCH, LENGTH)
    policy = -3 * torch.rand(shape, generator=generator, dtype=dtype)
    lengths = torch.randint(3, LENGTH, (BATCH,), generator=generator)
    places = torch.arange(LENGTH)
    return {
        "policy_logprobs": policy,
        "reference_logprobs": policy + torch.randn(shape, generator=generator, dtype=dtype),
        "token_weights": torch.rand(shape, generator=generator, dtype=dtype) * 2.3 + 0.37,
        "completion_mask": (places >= 2) & (places < lengths[:, None] + 1),
        "desirable": torch.tensor([True, False, True, False]),
        "z0": torch.tensor(0.4, dtype=dtype),
    }


def kto(policy: Tensor, reference: Tensor, mask: Tensor, labels: list[bool], z0: float) -> Tensor:
    """KTO written from its paper, example by example, without our vectorisation."""
    losses = []
    for row, good in enumerate(labels):
        kept = [t for t in range(policy.shape[1]) if mask[row, t]]
        logratio = sum((policy[row, t] - reference[row, t] for t in kept), torch.tensor(0.0))
        distance = logratio - z0 if good else z0 - logratio
        weight = 1.0 if good else 1.5
        losses.append(weight * (1 - 1 / (1 + torch.exp(-0.1 * distance))))
    return torch.stack(losses).sum() / len(labels)


def test_policy_equal_to_reference_gives_exactly_half_the_mean_lambda() -> None:
    inputs = drawn()
    inputs["reference_logprobs"] = inputs["policy_logprobs"].clone()
    inputs["desirable"] = torch.tensor([True, True, True, False])
    inputs["z0"] = estimate_z0(torch.tensor([-4.0]), torch.tensor([-4.0]))
    loss, statistics = mr_align_loss(**inputs)
    assert loss.item() == 0.5625
    assert statistics.values.tolist() == [0.5, 0.5, 0.5, 0.75]
    assert statistics.margin == 0.0


@pytest.mark.parametrize("z0", [0.0, 0.7])
@pytest.mark.parametrize("seed", range(5))
def test_unit_weights_are_kto_in_value_and_gradient(seed: int, z0: float) -> None:
    inputs = drawn(seed)
    inputs["token_weights"] = torch.ones(BATCH, LENGTH)
    inputs["z0"] = torch.tensor(z0)
    ours = inputs["policy_logprobs"].clone().requires_grad_()
    theirs = inputs["policy_logprobs"].clone().requires_grad_()
    loss, _ = mr_align_loss(**(inputs | {"policy_logprobs": ours}))
    expected = kto(
        theirs,
        inputs["reference_logprobs"],
        inputs["completion_mask"],
        inputs["desirable"].tolist(),
        z0,
    )
    torch.autograd.backward([loss, expected])
    assert ours.grad is not None and theirs.grad is not None
    assert abs(loss.item() - expected.item()) <= 1e-6
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-8, rtol=1e-5)


def test_a_known_weighted_case_by_hand() -> None:
    """r = 2·0.5 + 1·(−0.25) = 0.75; v = σ(0.1·(0.75 − 0.25)); loss = 1 − v."""
    loss, statistics = mr_align_loss(
        torch.tensor([[9.0, -1.0, -2.0]]),
        torch.tensor([[0.0, -1.5, -1.75]]),
        torch.tensor([[5.0, 2.0, 1.0]]),
        torch.tensor([[False, True, True]]),
        torch.tensor([True]),
        torch.tensor(0.25),
    )
    assert statistics.rewards.tolist() == [0.75]
    assert loss.item() == pytest.approx(1 - 1 / (1 + math.exp(-0.05)), abs=1e-7)
    assert statistics.margin is None and statistics.reward_undesirable is None


def test_weights_change_the_loss() -> None:
    inputs = drawn()
    weighted, _ = mr_align_loss(**inputs)
    plain, _ = mr_align_loss(**(inputs | {"token_weights": torch.ones(BATCH, LENGTH)}))
    assert abs(weighted.item() - plain.item()) > 1e-4


def test_padding_does_not_matter_even_where_it_is_not_a_number() -> None:
    inputs = drawn()
    loss, _ = mr_align_loss(**inputs)
    padded = dict(inputs)
    for name in ("policy_logprobs", "reference_logprobs", "token_weights"):
        padded[name] = torch.nn.functional.pad(inputs[name], (0, 5), value=math.nan)
    padded["completion_mask"] = torch.nn.functional.pad(inputs["completion_mask"], (0, 5))
    again, _ = mr_align_loss(**padded)
    assert again.item() == pytest.approx(loss.item(), abs=1e-7)


def test_masked_tokens_get_no_gradient() -> None:
    inputs = drawn()
    policy = inputs["policy_logprobs"].clone().requires_grad_()
    loss, _ = mr_align_loss(**(inputs | {"policy_logprobs": policy}))
    torch.autograd.backward(loss)
    assert policy.grad is not None
    assert torch.equal(policy.grad != 0, inputs["completion_mask"])


def test_order_of_examples_does_not_matter() -> None:
    inputs = drawn()
    order = torch.tensor([2, 0, 3, 1])
    shuffled = {name: tensor[order] for name, tensor in inputs.items() if name != "z0"}
    loss, statistics = mr_align_loss(**inputs)
    again, moved = mr_align_loss(**shuffled, z0=inputs["z0"])
    assert again.item() == pytest.approx(loss.item(), abs=1e-7)
    assert torch.allclose(moved.rewards, statistics.rewards[order])


def test_segment_rewards_add_up_to_the_reward() -> None:
    inputs = drawn(dtype=torch.float64)
    four = [
        inputs[name]
        for name in ("policy_logprobs", "reference_logprobs", "token_weights", "completion_mask")
    ]
    segments = torch.arange(LENGTH).expand(BATCH, LENGTH) % 4
    shares = segment_rewards(*four, segments, 3)
    assert shares.shape == (BATCH, 4)
    assert torch.allclose(shares.sum(dim=1), sequence_rewards(*four), atol=1e-12)


def test_gradcheck_in_float64() -> None:
    inputs = drawn(dtype=torch.float64)
    policy = inputs.pop("policy_logprobs").requires_grad_()
    assert torch.autograd.gradcheck(
        lambda logprobs: mr_align_loss(policy_logprobs=logprobs, **inputs)[0], (policy,)
    )


def test_z0_is_clamped_at_zero_and_has_no_gradient() -> None:
    policy = torch.tensor([-3.0, -1.0], requires_grad=True)
    above = estimate_z0(policy, torch.tensor([-5.0, -2.0]))
    assert above.item() == 1.5 and not above.requires_grad
    assert estimate_z0(policy, torch.tensor([1.0, 1.0])).item() == 0.0
    assert mean_log_ratio(policy, torch.tensor([1.0, 1.0])).item() == -3.0


def test_a_larger_reward_lowers_a_desirable_loss_and_raises_an_undesirable_one() -> None:
    inputs = drawn()
    policy = inputs["policy_logprobs"].clone().requires_grad_()
    loss, _ = mr_align_loss(**(inputs | {"policy_logprobs": policy}))
    torch.autograd.backward(loss)
    assert policy.grad is not None
    pushes = policy.grad.sum(dim=1)
    assert torch.equal(pushes < 0, inputs["desirable"])


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("token_weights", torch.ones(BATCH, LENGTH + 1)),
        ("desirable", torch.ones(BATCH + 1, dtype=torch.bool)),
        ("desirable", torch.ones(BATCH)),
    ],
)
def test_tensors_that_do_not_fit_are_refused(name: str, tensor: Tensor) -> None:
    with pytest.raises(LossShapeError, match="Expected"):
        mr_align_loss(**(drawn() | {name: tensor}))


def test_z0_without_pairs_is_refused() -> None:
    with pytest.raises(LossShapeError, match="at least one mismatched pair"):
        estimate_z0(torch.tensor([]), torch.tensor([]))
