"""MR-ALIGN's loss: KTO's value function over a segment-weighted implicit reward."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class LossShapeError(ValueError):
    """The tensors given to the loss do not fit together."""


@dataclass(frozen=True)
class LossStatistics:
    """What one micro-batch's loss was made of, detached from the graph.

    Shapes: rewards, values, desirable [batch]; z0 scalar or [batch].
    Units: rewards and z0 in nats (not scaled by β); values in units of λ.
    """

    rewards: Tensor
    values: Tensor
    z0: Tensor
    desirable: Tensor

    @property
    def reward_desirable(self) -> float | None:
        """Mean r of the desirable examples; None where the batch has none."""
        return _mean_or_none(self.rewards[self.desirable])

    @property
    def reward_undesirable(self) -> float | None:
        """Mean r of the undesirable examples; None where the batch has none."""
        return _mean_or_none(self.rewards[~self.desirable])

    @property
    def margin(self) -> float | None:
        """Mean desirable reward less mean undesirable reward; None without both polarities."""
        desirable, undesirable = self.reward_desirable, self.reward_undesirable
        return None if desirable is None or undesirable is None else desirable - undesirable


def mr_align_loss(
    policy_logprobs: Tensor,
    reference_logprobs: Tensor,
    token_weights: Tensor,
    completion_mask: Tensor,
    desirable: Tensor,
    z0: Tensor,
    *,
    beta: float = 0.1,
    lambda_c: float = 1.0,
    lambda_r: float = 1.5,
) -> tuple[Tensor, LossStatistics]:
    """Return mean(λ_y − v) with v = λ_c σ(β(r − z0)) if desirable, else λ_r σ(β(z0 − r)).

    Shapes: the first four [batch, length]; desirable [batch]; z0 scalar, from `estimate_z0`, or
    [batch] where examples of several micro-batches share a forward.
    Units: log-probabilities in nats; r = Σ_t w_t (log π_θ − log π_ref)(t).
    Masking: a position where `completion_mask` is false adds nothing, whatever stands there.
    Identity: policy = reference and z0 = 0 give mean(λ_y)/2 exactly; all weights 1 give KTO, and
    with z0 = 0 as well APO-zero's unpaired loss.
    Raises: LossShapeError where shapes differ or the batch is empty.
    Source: MR-ALIGN, arXiv 2510.24794v2, eq. 9, 11, 12; KTO, arXiv 2402.01306.
    """
    losses, statistics = example_losses(
        policy_logprobs, reference_logprobs, token_weights, completion_mask, desirable, z0,
        beta=beta, lambda_c=lambda_c, lambda_r=lambda_r,
    )  # fmt: skip
    return losses.mean(), statistics


def example_losses(
    policy_logprobs: Tensor,
    reference_logprobs: Tensor,
    token_weights: Tensor,
    completion_mask: Tensor,
    desirable: Tensor,
    z0: Tensor,
    *,
    beta: float = 0.1,
    lambda_c: float = 1.0,
    lambda_r: float = 1.5,
) -> tuple[Tensor, LossStatistics]:
    """Return λ_y − v of each example; given z0, no example's loss depends on another's.

    Shapes: as `mr_align_loss` → [batch].
    Identity: their mean is `mr_align_loss`, however a batch is cut into forwards.
    """
    _check_shapes(policy_logprobs, reference_logprobs, token_weights, completion_mask, desirable)
    rewards = sequence_rewards(policy_logprobs, reference_logprobs, token_weights, completion_mask)
    # Detached: z0 is a point of reference, and a gradient through it would train on the pairs.
    z0 = z0.detach()
    signs = torch.where(desirable, 1.0, -1.0).to(rewards.dtype)
    lambdas = torch.where(desirable, lambda_c, lambda_r).to(rewards.dtype)
    values = lambdas * torch.sigmoid(beta * signs * (rewards - z0))
    statistics = LossStatistics(rewards.detach(), values.detach(), z0, desirable.detach())
    return lambdas - values, statistics


def likelihood_losses(policy_logprobs: Tensor, completion_mask: Tensor) -> Tensor:
    """Return −Σ_t log π_θ(t) of each example, the summed loss of supervised fine-tuning.

    Shapes: twice [batch, length] → [batch].
    Masking: masked positions are selected away.
    """
    return -torch.where(completion_mask, policy_logprobs, 0.0).sum(dim=-1)


def sequence_rewards(
    policy_logprobs: Tensor,
    reference_logprobs: Tensor,
    token_weights: Tensor,
    completion_mask: Tensor,
) -> Tensor:
    """Return r = Σ_t w_t (log π_θ − log π_ref)(t), the implicit reward of each sequence.

    Shapes: four times [batch, length] → [batch].
    Masking: masked positions are selected away, not multiplied, so a NaN there stays there.
    Identity: with weights 1 it is KTO's reward; it is the sum of `segment_rewards`.
    Source: MR-ALIGN eq. 9.
    """
    weighted = token_weights * (policy_logprobs - reference_logprobs)
    return torch.where(completion_mask, weighted, 0.0).sum(dim=-1)


def segment_rewards(
    policy_logprobs: Tensor,
    reference_logprobs: Tensor,
    token_weights: Tensor,
    completion_mask: Tensor,
    token_segments: Tensor,
    segments: int,
) -> Tensor:
    """Return each segment's share of the reward; column 0 holds tokens outside every segment.

    Shapes: five times [batch, length] → [batch, segments + 1]; token_segments in [0, segments].
    Identity: the columns add up to `sequence_rewards`.
    """
    weighted = token_weights * (policy_logprobs - reference_logprobs)
    kept = torch.where(completion_mask, weighted, 0.0)
    shares = kept.new_zeros(kept.shape[0], segments + 1)
    return shares.scatter_add(1, token_segments, kept)


def mean_log_ratio(policy_sums: Tensor, reference_sums: Tensor) -> Tensor:
    """Return the mean of log π_θ − log π_ref over mismatched pairs, unclamped, no gradient.

    Shapes: [pairs], [pairs] → scalar.
    Units: nats, summed over each pair's completion, unweighted.
    Raises: LossShapeError where there is no pair.
    """
    if policy_sums.shape != reference_sums.shape or policy_sums.numel() == 0:
        raise LossShapeError(
            "z0 needs at least one mismatched pair with a policy and a reference sum each; "
            f"got shapes {tuple(policy_sums.shape)} and {tuple(reference_sums.shape)}."
        )
    return (policy_sums - reference_sums).detach().mean()


def estimate_z0(policy_sums: Tensor, reference_sums: Tensor) -> Tensor:
    """Return z0 = max(0, mean of the mismatched pairs' log-ratio), the batch's KL estimate.

    Shapes: [pairs], [pairs] → scalar.
    Source: KTO, arXiv 2402.01306, section 3.2; the clamp keeps a noisy estimate a divergence.
    """
    return mean_log_ratio(policy_sums, reference_sums).clamp(min=0.0)


def _mean_or_none(values: Tensor) -> float | None:
    return float(values.mean()) if values.numel() else None


def _check_shapes(
    policy: Tensor, reference: Tensor, weights: Tensor, mask: Tensor, desirable: Tensor
) -> None:
    shapes = {tuple(tensor.shape) for tensor in (policy, reference, weights, mask)}
    if len(shapes) != 1 or policy.dim() != 2 or policy.shape[0] == 0:
        raise LossShapeError(f"Expected four [batch, length] tensors of one shape; got {shapes}.")
    if tuple(desirable.shape) != (policy.shape[0],) or desirable.dtype != torch.bool:
        raise LossShapeError(
            f"Expected one boolean label for each of {policy.shape[0]} examples; got "
            f"{tuple(desirable.shape)} of {desirable.dtype}."
        )
