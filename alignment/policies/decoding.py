"""How responses are drawn from a policy, wherever it runs."""

from __future__ import annotations

from dataclasses import dataclass


class DecodingError(ValueError):
    """A setting of the decoding is out of range."""


@dataclass(frozen=True)
class Decoding:
    """How responses are drawn; the defaults are the paper's. A temperature of 0 is greedy."""

    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 20
    max_new_tokens: int = 8192
    batch_size: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        fine = self.temperature >= 0 and 0 < self.top_p <= 1 and self.top_k >= 0
        if not fine or self.max_new_tokens < 1 or self.batch_size < 1 or self.seed < 0:
            raise DecodingError(
                "Expected temperature ≥ 0, top_p in (0, 1], top_k and seed ≥ 0, max_new_tokens "
                f"and batch_size ≥ 1; got {self}."
            )
