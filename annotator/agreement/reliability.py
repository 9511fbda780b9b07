"""How far any number of people agree on one label a unit, where not everybody judged every unit."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def nominal_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Krippendorff's α = 1 − D_o / D_e for nominal values, None where nothing can be told.

    D_o = Σ_u Σ_{c≠k} n_uc n_uk / (m_u − 1) / n, D_e = Σ_{c≠k} n_c n_k / (n (n − 1)), over units u
    with m_u ≥ 2 values; n is the count of their values.

    Units: values are compared for equality only; None is a value like others.
    Identity: 1 where everybody agrees on more than one value; the order of values does not matter.
    Source: Krippendorff, Computing Krippendorff's alpha-reliability, 2011.
    """
    observed, total = 0.0, Counter[Hashable]()
    for values in units:
        if len(values) < 2:
            continue
        counts = Counter(values)
        alike = sum(count * (count - 1) for count in counts.values())
        observed += (len(values) * (len(values) - 1) - alike) / (len(values) - 1)
        total += counts
    n = sum(total.values())
    expected = n * (n - 1) - sum(count * (count - 1) for count in total.values())
    if expected <= 0:
        return None
    return 1.0 - (n - 1) * observed / expected
