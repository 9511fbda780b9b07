"""Which traces a study takes, and who labels which of them."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.agreement.drawing import DrawingError, draw, share_out

CANDIDATES = st.dictionaries(st.integers(1, 500), st.sampled_from("abcd"), min_size=1)


@given(CANDIDATES, st.integers(1, 30), st.integers(0, 9))
def test_a_stratum_gives_as_many_as_asked_or_all(
    candidates: dict[int, str], per_stratum: int, seed: int
) -> None:
    """Every trace keeps its stratum; what fell short is said; the same seed draws the same."""
    drawn = draw(candidates, per_stratum, seed)
    there, taken = Counter(candidates.values()), Counter(drawn.strata.values())
    assert taken == {name: min(count, per_stratum) for name, count in there.items()}
    assert drawn.short == {name: n for name, n in there.items() if n < per_stratum}
    assert all(candidates[trace] == stratum for trace, stratum in drawn.strata.items())
    backwards = dict(reversed(candidates.items()))
    assert list(draw(backwards, per_stratum, seed).strata) == list(drawn.strata)


def test_another_seed_draws_another_sample() -> None:
    """And one stratum's draw does not depend on the others."""
    candidates = {n: "ab"[n % 2] for n in range(200)}
    one, other = draw(candidates, 20, 0), draw(candidates, 20, 1)
    assert set(one.strata) != set(other.strata)
    alone = draw({n: s for n, s in candidates.items() if s == "a"}, 20, 0)
    assert set(alone.strata) == {n for n, s in one.strata.items() if s == "a"}


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 6), st.integers(0, 5))
def test_every_trace_goes_to_as_many_people_and_the_shares_are_even(
    traces: int, people: int, overlap: int, seed: int
) -> None:
    """Shares differ by one trace at most; fewer people than the overlap are refused."""
    if overlap > people:
        with pytest.raises(DrawingError, match="at least"):
            share_out(range(traces), range(people), overlap, seed)
        return
    shares = share_out(range(traces), range(people), overlap, seed)
    counts = Counter(trace for share in shares.values() for trace in share)
    assert counts == dict.fromkeys(range(traces), overlap)
    assert all(len(set(share)) == len(share) for share in shares.values())
    sizes = [len(share) for share in shares.values()]
    assert max(sizes) - min(sizes) <= 1


def test_two_people_meet_the_same_traces_in_different_orders() -> None:
    """So that neither fatigue nor practice falls on the same ones."""
    shares = share_out(range(100), (1, 2), 2, 0)
    assert shares[1] != shares[2] and sorted(shares[1]) == sorted(shares[2])


def test_nothing_to_draw_is_refused() -> None:
    """Nor is anything drawn by a number below one."""
    for candidates, count in (({}, 5), ({1: "a"}, 0)):
        with pytest.raises(DrawingError, match="expected traces"):
            draw(candidates, count, 0)
