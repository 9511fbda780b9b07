"""How far reviewers agree: each pair of them, each category, and all together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from taxonomy.review.verdicts import Choice, Opinion


@dataclass(frozen=True)
class AccordLine:
    """Figures over labels that the same reviewers judged; None is undefined, and `why` says it."""

    name: str
    n: int
    observed: float | None
    kappa: float | None
    alpha: float | None
    why: str = ""


@dataclass(frozen=True)
class Accord:
    """Figures of pairs of reviewers and of categories; `alpha` is Krippendorff's over everybody."""

    labels: int
    alpha: float | None
    pairs: Sequence[AccordLine]
    categories: Sequence[AccordLine]


def measure_accord(
    opinions: Sequence[Opinion], people: Mapping[int, str], categories: Mapping[str, str]
) -> Accord:
    """The figures of verdicts that stand; `categories` are the names of keys."""
    from annotator.agreement.reliability import nominal_alpha

    judged: defaultdict[str, dict[int, Choice]] = defaultdict(dict)
    for one in opinions:
        judged[one.key][one.person_id] = one.choice
    shared = {key: said for key, said in judged.items() if len(said) > 1}
    by_pair: defaultdict[tuple[int, int], list[tuple[Choice, Choice]]] = defaultdict(list)
    for said in shared.values():
        for a, b in combinations(sorted(said), 2):
            by_pair[a, b].append((said[a], said[b]))
    pooled = [both for pairs in by_pair.values() for both in pairs]
    return Accord(
        len(shared),
        nominal_alpha(list(said.values()) for said in shared.values()),
        [
            _line(f"{people[a]} and {people[b]}", [_whole(both) for both in pairs])
            for (a, b), pairs in sorted(by_pair.items())
        ],
        _by_category(pooled, categories),
    )


Sets = tuple[frozenset[str], frozenset[str]]


def _by_category(
    pooled: Sequence[tuple[Choice, Choice]], categories: Mapping[str, str]
) -> list[AccordLine]:
    """Each category against all else, over the labels of all pairs; those that nobody used go."""
    lines = []
    for choice, name in [
        *((Choice(key), name) for key, name in categories.items()),
        (Choice(), "no category"),
        (Choice(noise=True), "noise"),
    ]:
        if any(choice in both for both in pooled):
            pairs = [(_is(both[0], choice), _is(both[1], choice)) for both in pooled]
            lines.append(_line(name, pairs))
    return lines


def _is(chosen: Choice, choice: Choice) -> frozenset[str]:
    return frozenset({"yes"}) if chosen == choice else frozenset({"no"})


def _whole(both: tuple[Choice, Choice]) -> Sets:
    return _as_set(both[0]), _as_set(both[1])


def _as_set(choice: Choice) -> frozenset[str]:
    return frozenset({"noise" if choice.noise else f"category {choice.category}"})


def _line(name: str, pairs: Sequence[Sets]) -> AccordLine:
    from annotator.agreement.coefficients import agreement

    a, b = [first for first, _ in pairs], [second for _, second in pairs]
    figures = agreement(a, b, range(len(pairs)), resamples=0)
    return AccordLine(
        name,
        len(pairs),
        figures.strict.value,
        figures.kappa_strict.value,
        figures.alpha_masi.value,
        figures.kappa_strict.undefined or "",
    )
