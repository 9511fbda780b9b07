"""The tiny world of the benchmark: its traces, its arms, and its arithmetic."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alignment.export.tokens import TokenizedExample
from alignment.training.processes import open_processes
from alignment.training.reference import ReferenceCache
from benchmarks.tiny_world.arms import align, examples_of, move_weights, shuffled
from benchmarks.tiny_world.figures import Record, at_best_rate, at_equal_kl, interval
from benchmarks.tiny_world.harvest import PolarTrace, harvest, judged
from benchmarks.tiny_world.policy import draw_uniforms, make_model, sample
from benchmarks.tiny_world.progress import Progress, ProgressError
from benchmarks.tiny_world.protocol import ARMS, Protocol
from benchmarks.tiny_world.world import (
    BACK,
    COMPARE,
    END,
    ON,
    VERIFY,
    Fact,
    direct_ids,
    draw_facts,
    label_of,
    prompt_ids,
    segment_spans,
    thinking_ids,
    write_trace,
)

pytestmark = pytest.mark.models
SUBJECTS = 40
FACTS = draw_facts(SUBJECTS, np.random.default_rng(0))
QUICK = replace(Protocol(), batch_size=4, epochs=1, marks=(0.5, 1.0))


def written_sample(prompts: Sequence[Sequence[int]], seed: tuple[int, ...]) -> list[list[int]]:
    """Answer as the world's authors do, without a model."""
    rng, facts = np.random.default_rng(seed), {fact.subject: fact for fact in FACTS}
    return [
        thinking_ids(write_trace(facts[p[2]], rng), rng)
        if p[-1] == ON
        else direct_ids(facts[p[2]], rng)
        for p in prompts
    ]


@pytest.fixture(scope="module")
def traces() -> list[PolarTrace]:
    """Polar traces of a policy that writes just as the world does."""
    return harvest(FACTS, 20, written_sample, (3,))


def core(trace: PolarTrace) -> list[int]:
    """The check and what follows it, without what fills in between."""
    moves = [labels[0] for labels in trace.labels]
    place = next(n for n, move in enumerate(moves) if move in (VERIFY, COMPARE))
    return [moves[place], BACK if BACK in moves else -1]


def test_what_is_written_reads_back_as_its_moves() -> None:
    """Segments tile the thinking part, and their first words give the categories."""
    rng = np.random.default_rng(1)
    for fact in FACTS:
        written = write_trace(fact, rng)
        ids = thinking_ids(written, rng)
        spans = segment_spans(ids)
        assert [label_of(ids[a:b]) for a, b in spans] == [(move,) for move, _ in written.segments]
        assert [a for a, _ in spans] == [1, *(b for _, b in spans[:-1])]
        assert judged(fact, ids, thinking_on=True).in_answer == (written.answer == fact.gold)


def test_going_back_is_right_half_of_the_time_and_the_check_says_when(
    traces: list[PolarTrace],
) -> None:
    """The style says nothing about a trace, and the move after a check nearly all."""
    right = [trace.polarity == "positive" for trace in traces]
    back = [BACK in core(trace) for trace in traces]
    fits = [(COMPARE in core(trace)) == gone for trace, gone in zip(traces, back, strict=True)]
    assert abs(np.corrcoef(right, back)[0, 1]) < 0.15
    assert np.corrcoef(right, fits)[0, 1] > 0.5
    assert 0.35 < np.mean(right) < 0.65


def test_the_arms_train_on_the_same_tokens(traces: list[PolarTrace]) -> None:
    """Arms differ in weights alone; SFT leaves the negative traces out."""
    arms = {arm: examples_of(arm, traces, np.random.default_rng(5)) for arm in ARMS}
    for arm in ("mralign", "placebo"):
        for one, kto in zip(arms[arm], arms["kto"], strict=True):
            assert (one.completion_ids == kto.completion_ids).all()
            assert one.desirable == kto.desirable and (one.segments == kto.segments).all()
            assert (one.weights[one.segments == 0] == 1).all()
    assert all((example.weights == 1).all() for example in arms["kto"])
    assert len(arms["sft"]) == sum(trace.polarity == "positive" for trace in traces)
    assert all(example.desirable for example in arms["sft"])


def test_the_weights_know_the_right_move_and_shuffled_labels_do_not(
    traces: list[PolarTrace],
) -> None:
    """The world's signal reaches the weights by the project's fits, and only with true labels."""

    def contrast(labelled: list[PolarTrace]) -> float:
        """How much more going back weighs in positive traces where it is right than where not."""
        found: dict[int, list[float]] = {COMPARE: [], VERIFY: []}
        for trace, weights in zip(traces, move_weights(labelled), strict=True):
            moves = [labels[0] for labels in trace.labels]
            for place, pair in enumerate(pairwise(moves), start=1):
                if trace.polarity == "positive" and pair[1] == BACK and pair[0] in found:
                    found[pair[0]].append(weights[place])
        return float(np.mean(found[COMPARE]) - np.mean(found[VERIFY]))

    dealt = shuffled(traces, np.random.default_rng(2))
    assert Counter(labels for trace in dealt for labels in trace.labels) == Counter(
        labels for trace in traces for labels in trace.labels
    )
    assert contrast(traces) > 0.7
    assert abs(contrast(dealt)) < 0.2


def test_a_sample_does_not_depend_on_the_rows_beside_it() -> None:
    """Rows that end early leave the batch, and nobody notices."""
    model = make_model(SUBJECTS, 0)
    with torch.no_grad():
        model.model.embed_tokens.weight[END] *= 3  # so that rows end at different places
    prompts = [prompt_ids(fact, True) for fact in FACTS[:6]]
    uniforms = draw_uniforms(6, (1,))[:, :12]
    together = sample(model, prompts, uniforms)
    alone = [sample(model, prompts[n : n + 1], uniforms[n : n + 1])[0] for n in range(6)]
    assert together == alone
    assert len({len(ids) for ids in together}) > 1


def test_mralign_with_weights_of_one_is_kto(traces: list[PolarTrace], tmp_path: Path) -> None:
    """The arms run through the project's trainer, to the same weights where they must be the same;
    real weights lead elsewhere, and what the reference said serves every arm."""
    few = [*traces[:8], *traces[-8:]]
    kto = examples_of("kto", few, np.random.default_rng(0))
    weighed = examples_of("mralign", traces, np.random.default_rng(0))
    processes = open_processes("cpu", (), tmp_path, {})
    known = ReferenceCache({}, {})
    marks: list[int] = []

    def trained(arm: Any, examples: Sequence[TokenizedExample]) -> torch.Tensor:
        nonlocal known
        model = make_model(SUBJECTS, 0)
        known = align(model, arm, 1e-3, examples, 0, QUICK, processes, known, marks.append)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    one = trained("kto", kto)
    assert torch.equal(one, trained("mralign", kto))
    assert not torch.equal(one, trained("mralign", [*weighed[:8], *weighed[-8:]]))
    assert marks == [2, 4] * 3


def record(arm: str, rate: float, step: int, held: float, kl: float, seed: int = 0) -> Record:
    """A record with these figures; the test split's Acc is 1 less validation's."""
    measured = {"validation_acc": held, "test_acc": 1 - held, "kl_nats": kl}
    return Record(seed, 0, arm, rate, step, measured)


def test_rates_are_chosen_on_validation_and_kl_on_a_logarithmic_scale() -> None:
    """The test split chooses nothing; a later mark counts where the last one is asked for."""
    records = [
        record("kto", 0.1, 1, 0.9, 0.1), record("kto", 0.1, 2, 0.4, 0.45),
        record("kto", 0.2, 1, 0.1, 3.0), record("kto", 0.2, 2, 0.5, 9.0),
    ]  # fmt: skip
    assert at_best_rate(records, "kto")[0, 0] is records[3]
    assert at_equal_kl(records, "kto", 1.0)[0, 0] is records[1]


def test_an_interval_is_students() -> None:
    """Mean ± 2.776 s / √5 of five values; one value has none."""
    found = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0 and found.high == pytest.approx(3 + 2.776445 * 1.5811388 / 5**0.5)
    assert np.isnan(interval([1.0]).low)


def test_an_interrupted_run_is_gone_on_with_and_another_protocols_is_not(tmp_path: Path) -> None:
    """A line that was cut off is measured again; processor time adds up."""
    first = Progress(tmp_path / "run.jsonl", "a")
    first.add([record("kto", 0.1, 1, 0.5, 1.0)], {"traces": 3})
    with first.path.open("a") as file:
        file.write('{"protocol": "a", "rec')
    again = Progress(first.path, "a")
    again.load()
    assert again.records == first.records and again.notes == first.notes
    assert again.has(0, 0, "kto", 0.1) and not again.has(0, 0, "kto", 0.2)
    assert again.cpu_s == first.cpu_s
    with pytest.raises(ProgressError, match="another protocol"):
        Progress(first.path, "b").load()


def test_facts_have_two_sides() -> None:
    """Gold and distractor differ for every subject, and each half knows one of them directly."""
    assert all(isinstance(fact, Fact) and fact.gold != fact.distractor for fact in FACTS)
    assert {fact.known_directly for fact in FACTS} == {0.2, 0.8}
