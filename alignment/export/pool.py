"""The training candidates of an annotate run, and the matrices that are fitted on them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignment.polarity.candidates import (
    Candidate,
    Draw,
    Drop,
    Funnel,
    FunnelStep,
    Size,
    TokenCounter,
    approximate_tokens,
    select,
)
from alignment.transitions.bootstrap import REPLICATES, Bootstrap, bootstrap
from alignment.transitions.differences import Differences, compare
from alignment.transitions.examples import Unit, split_of
from alignment.transitions.fits import Fits, FitSettings, LabelledTrace, fit_all

CONSENSUS = "consensus"


class PoolError(ValueError):
    """Nothing can be exported, or a tokenizer cannot be opened."""


@dataclass(frozen=True)
class Tokenizer:
    """How thinking is counted in tokens, by name."""

    name: str
    count: TokenCounter


APPROXIMATE = Tokenizer("approximate: round(1.39 × words)", approximate_tokens)


@dataclass(frozen=True)
class ExportSettings:
    """What goes into a training set and how its matrices are fitted.

    Without an annotate run the newest one is taken. The length filter is off by default: its
    counts are reported either way. `replicates` corpora are drawn for the weights' intervals.
    """

    annotate_run_id: int | None = None
    source: str = CONSENSUS
    fitting: FitSettings = field(default_factory=FitSettings)
    length_filter: bool = False
    validation_share: float = 0.1
    tokenizer: Tokenizer = APPROXIMATE
    replicates: int = REPLICATES
    seed: int = 0
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pool:
    """The candidates that an export holds, the units of each, and the way to them."""

    categories: tuple[str, ...]
    units: Mapping[str, tuple[Unit, ...]]  # by trace id
    candidates: tuple[Candidate, ...]
    funnel: Funnel


@dataclass(frozen=True)
class Sureness:
    """How sure the fits are, and how traces that thinking helped differ from those it hurt."""

    drawn: Bootstrap
    differences: Differences


def open_tokenizer(policy: str) -> Tokenizer:
    """The policy's own tokenizer.

    Raises: PoolError if the policy has none, or transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(policy)
    except ImportError as error:
        raise PoolError("a policy needs transformers: install mralign[train]") from error
    except (OSError, ValueError) as error:
        raise PoolError(
            f"expected a policy with a tokenizer in {policy}: {str(error)[:300]}"
        ) from error

    # Counting is not running: texts longer than the policy's window need no warning.
    tokenizer.model_max_length = sys.maxsize

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    return Tokenizer(policy, count)


def form_pool(
    categories: Sequence[str],
    units: Mapping[str, tuple[Unit, ...]],
    draws: Sequence[Draw],
    sizes: Mapping[str, Size],
    settings: ExportSettings,
) -> Pool:
    """The polar, distinct, annotated traces, inside the length filter if that is asked for.

    `units` holds the annotated traces, `sizes` every polar one, by trace id.
    Raises: PoolError if nothing is left.
    """
    selection = select(draws, lambda draw: sizes[draw.trace_id])
    kept = selection.inside_length_filter() if settings.length_filter else selection.candidates
    annotated = tuple(one for one in kept if one.draw.trace_id in units)
    funnel = _with_annotated(selection.funnel, kept, annotated)
    if not annotated:
        counts = ", ".join(f"{step.traces} {step.name}" for step in funnel.steps)
        raise PoolError(
            f"expected annotated traces with a polarity, found none ({counts}); set polarities"
            " with `mralign traces pair`, then annotate with `mralign annotate run`"
        )
    return Pool(tuple(categories), units, annotated, funnel)


def labelled(pool: Pool) -> list[LabelledTrace]:
    """The candidates with their units, in the pool's order."""
    return [
        LabelledTrace(one.draw.trace_id, one.polarity, pool.units[one.draw.trace_id])
        for one in pool.candidates
    ]


def training_traces(pool: Pool, settings: ExportSettings) -> list[LabelledTrace]:
    """The candidates of the training split: what the matrices are fitted on."""
    return [
        trace
        for candidate, trace in zip(pool.candidates, labelled(pool), strict=True)
        if split_of(candidate.question_key, settings.validation_share) == "train"
    ]


def fit_pool(pool: Pool, settings: ExportSettings) -> Fits:
    """P, P⁺ and P⁻ of the pool's training split."""
    return fit_all(training_traces(pool, settings), pool.categories, settings.fitting)


def measure_sureness(pool: Pool, fits: Fits, settings: ExportSettings) -> Sureness | None:
    """Intervals of the fits, and where traces that thinking helped move otherwise than others.

    None where no corpora are to be drawn, or a polarity has no trace.
    """
    train = training_traces(pool, settings)
    hurt = [trace for trace in train if trace.polarity == "negative"]
    helped = [trace for trace in train if trace.polarity == "positive"]
    if not (settings.replicates and hurt and helped):
        return None
    drawing = settings.replicates, settings.seed
    differences = compare(hurt, helped, pool.categories, settings.fitting, *drawing)
    return Sureness(bootstrap(fits, *drawing), differences)


def _with_annotated(
    funnel: Funnel, kept: Sequence[Candidate], annotated: Sequence[Candidate]
) -> Funnel:
    """The funnel with its last step: which of the kept candidates carry labels."""
    names = {one.draw.trace_id for one in annotated}
    missing = [one.draw.trace_id for one in kept if one.draw.trace_id not in names]
    drops = [Drop(name, "annotated", "not in the annotate run") for name in missing]
    step = FunnelStep("exported", len(annotated), len({one.question_key for one in annotated}))
    return Funnel((*funnel.steps, step), (*funnel.drops, *drops))
