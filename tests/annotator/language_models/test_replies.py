"""Replies are repaired where that is certain, refused with a reason where not, and never crash."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.labeling.steps import Adjudication, CategoryView, ControlledStep, GivenLabel, Step
from annotator.language_models.replies import (
    read_adjudication,
    read_annotated_trace,
    read_labeled_trace,
)
from store.labels import label_key

CATEGORIES = (
    CategoryView("self_verification", "Self-verification", "checks itself"),
    CategoryView("framing", "Framing", "states the task"),
    CategoryView("retrieval", "Retrieval", "recalls facts"),
)


def label(name: Any = "recalling", confidence: Any = 7, definition: Any = "") -> dict[str, Any]:
    return {"name": name, "confidence": confidence, "definition": definition}


def step(segments: Any, *labels: Any) -> dict[str, Any]:
    return {"segments": segments, "labels": list(labels or (label(),))}


def category(key: Any = "framing", confidence: Any = 8) -> dict[str, Any]:
    return {"category": key, "confidence": confidence}


def opened(*steps: Any) -> str:
    return json.dumps({"steps": list(steps)})


def opened_by(steps: dict[str, Any]) -> str:
    return json.dumps({"steps": steps})


def controlled(*steps: Any, **more: Any) -> str:
    return json.dumps({"steps": list(steps), "confidence": 6} | more)


def test_a_clean_reply_is_read_as_it_is() -> None:
    reply = opened(
        step([0, 1], label("Framing", 9, "sets out")), step([2], label(), label("b", 2.5))
    )
    result = read_labeled_trace(reply, 3)
    assert (result.invalid, result.repairs) == (None, ())
    assert result.steps == (
        Step((0, 1), (GivenLabel("Framing", 9.0, "sets out"),)),
        Step((2,), (GivenLabel("recalling", 7.0), GivenLabel("b", 2.5))),
    )


def test_labels_may_stand_under_the_number_of_their_segment() -> None:
    """The form of the second request; a number that is missing or unknown is told as ever."""
    keyed = {"1": [label("b")], "0": [label()]}
    result = read_labeled_trace(json.dumps({"steps": keyed}), 2)
    assert result.steps == (
        Step((0,), (GivenLabel("recalling", 7.0),)),
        Step((1,), (GivenLabel("b", 7.0),)),
    )
    assert "1 are left out" in (read_labeled_trace(opened_by({"0": [label()]}), 2).invalid or "")
    assert "no segment" in (read_labeled_trace(opened_by({"x": [label()]}), 2).invalid or "")
    reply = json.dumps({"steps": {"0": [category()], "1": []}, "confidence": 6})
    tiles = read_annotated_trace(reply, 2, CATEGORIES).steps
    assert [(tile.first, tile.end, len(tile.labels)) for tile in tiles] == [(0, 1, 1), (1, 2, 0)]


WRAPPED = [
    "```json\n{}\n```",
    "Here you are:\n```\n{}\n```\nAnything else?",
    "Sure. {} I hope that this helps.",
    "<think>Maybe {{\"steps\": 3}} or so?</think>\n{}",
    "\ufeff{}",
    "First {{}} and then {{x}}: {}",
    "{}\n\n{}",
]  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_what_stands_around_the_json_is_cut_away(wrapping: str) -> None:
    plain = opened(step([0]))
    text = wrapping.replace("{{", "\0").replace("}}", "\1").replace("{}", plain)
    result = read_labeled_trace(text.replace("\0", "{").replace("\1", "}"), 1)
    assert result.invalid is None
    assert result.steps == read_labeled_trace(plain, 1).steps


@pytest.mark.parametrize(
    ("reply", "steps", "repair"),
    [
        (json.dumps([step([0, 1])]), [(0, 1)], "bare list"),
        (opened(step([0, 1, 1])), [(0, 1)], "twice"),
        (opened(step(["0", 1.0])), [(0, 1)], None),
        (opened(step([0, 1]), step([1])), [(0, 1)], "two steps"),
        (opened(step([1]), step([0])), [(0,), (1,)], None),
        (opened(step([0, 1], label(), label("Recalling", 9))), [(0, 1)], "label stood twice"),
        (opened(step([0, 1], label("a", 9), label("b", 8), label("c", 1))), [(0, 1)], "strongest"),
        (opened(step([0, 1], label(confidence="8.5"))), [(0, 1)], "as text"),
        (opened(step([0, 1], label(definition="x " * 400))), [(0, 1)], "cut"),
    ],
)
def test_what_is_certain_is_repaired(reply: str, steps: list[Any], repair: str | None) -> None:
    result = read_labeled_trace(reply, 2)
    assert result.invalid is None
    assert [s.segments for s in result.steps] == steps
    assert any(repair in line for line in result.repairs) if repair else not result.repairs


def test_of_two_equal_labels_the_surer_one_stays() -> None:
    result = read_labeled_trace(opened(step([0], label("A b", 3), label("a-b", 6))), 1)
    assert result.steps[0].labels == (GivenLabel("a-b", 6.0),)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "found none"),
        ("I would rather not.", "found none"),
        (opened(step([0, 1]))[:-9], "complete"),
        (opened(step([0])) + opened(step([1])), "found 2"),
        ('{"answer": 42}', "another document"),
        ("[]", "another document"),
        ("[1, 2]", "another document"),
        (opened(), "list that is not empty"),
        (opened(step([0])), "segments 1 are left out"),
        (opened(step([1, 2])), "step 0: there is no segment 2; they go from 0 to 1"),
        (opened(step([-1, 0, 1])), "no segment -1"),
        (opened(step([True, 0])), "no segment True"),
        (opened(step(["0-1"])), "no segment '0-1'"),
        (opened(step([])), "list that is not empty"),
        (opened(step([0, 1]), step([1], label("other"))), "earlier step with other labels"),
        (opened({"segments": [0, 1], "labels": []}), "list that is not empty"),
        (opened(step([0, 1], label(confidence=11))), "from 0 to 10"),
        (opened(step([0, 1], label(confidence=-0.1))), "from 0 to 10"),
        (opened(step([0, 1], label(confidence=None))), "got nothing"),
        (opened(step([0, 1], label(confidence=True))), "from 0 to 10"),
        (opened(step([0, 1], label(confidence=float("nan")))), "from 0 to 10"),
        (opened(step([0, 1], label(confidence=float("inf")))), "from 0 to 10"),
        (opened(step([0, 1], label(name=" _-! "))), "must be a label"),
        (opened(step([0, 1], label(name="x" * 81))), "80 characters"),
        (opened(step([0, 1], label(name="\ufdfa" * 9))), "80 characters"),
        (opened(step([0, 1], label("a"), label("b"), label("c"))), "at most 2"),
        (opened("nothing"), "must be an object"),
    ],
)
def test_what_is_not_certain_is_invalid_with_its_reason(reply: str, reason: str) -> None:
    result = read_labeled_trace(reply, 2)
    assert result.steps == ()
    assert reason in (result.invalid or "")


def test_labels_are_one_line_of_printable_text() -> None:
    name = "re\x00call\n\u202eof \ud800 facts"
    result = read_labeled_trace(opened(step([0], label(name, 5, "a\tb\x1b[2J"))), 1)
    (given_label,) = result.steps[0].labels
    assert given_label == GivenLabel("re call of facts", 5.0, "a b [2J")


def test_controlled_labels_are_read_as_runs_of_segments() -> None:
    """A step with a gap is two steps with the same labels: the gap's own step keeps its place."""
    reply = controlled(
        step([0, 2], category("Self-Verification", 9)), {"segments": [1], "labels": []}
    )
    result = read_annotated_trace(reply, 3, CATEGORIES)
    kept = (("self_verification", 9.0),)
    assert result.steps == (
        ControlledStep(0, 1, kept),
        ControlledStep(1, 2),
        ControlledStep(2, 3, kept),
    )
    assert result.confidence == 6.0
    assert len(result.repairs) == 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (controlled(step([0], category("guessing"))), "not in the vocabulary: self_verification"),
        (controlled(step([0], category(None))), "nothing is not in the vocabulary"),
        (controlled(step([0], category(["framing"]))), "a list is not in the vocabulary"),
        (controlled({"segments": [0], "labels": None}), '"labels" must be a list'),
        (controlled(step([0], category()), confidence=12), "from 0 to 10"),
        (controlled(step([0], *(category(c.key) for c in CATEGORIES))), "at most 2"),
    ],
)
def test_a_controlled_reply_outside_the_rules_is_invalid(reply: str, reason: str) -> None:
    result = read_annotated_trace(reply, 1, CATEGORIES)
    assert result.steps == ()
    assert reason in (result.invalid or "")


def test_a_spelling_that_fits_two_categories_is_not_guessed() -> None:
    two = (CategoryView("a_b", "x", ""), CategoryView("A-B", "y", ""))
    assert read_annotated_trace(controlled(step([0], category("a b"))), 1, two).invalid
    exact = read_annotated_trace(controlled(step([0], category("A-B"))), 1, two)
    assert exact.steps[0].labels == (("A-B", 8.0),)


def test_a_category_that_stands_twice_keeps_the_higher_confidence() -> None:
    reply = controlled(step([0], category("framing", 3), category("Framing", 9)))
    assert read_annotated_trace(reply, 1, CATEGORIES).steps[0].labels == (("framing", 9.0),)


def test_an_adjudication_decides_every_case_once() -> None:
    cases = [{"case": 1, "labels": []}, {"case": 0, "labels": [category("retrieval")]}]
    assert read_adjudication(json.dumps({"cases": cases}), 2, CATEGORIES) == Adjudication(
        ((("retrieval", 8.0),), ())
    )
    for wrong, reason in [
        (cases[:1], "cases 0 are left out"),
        ([*cases, {"case": 1, "labels": [category()]}], "twice"),
        ([*cases, {"case": 2, "labels": []}], "no case 2"),
    ]:
        result = read_adjudication(json.dumps({"cases": wrong}), 2, CATEGORIES)
        assert reason in (result.invalid or "")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
KEYS = st.sampled_from(["steps", "cases", "case", "segments", "labels", "name", "category",
                        "confidence", "definition"])  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)
NEARLY = st.lists(
    st.fixed_dictionaries(
        {
            "segments": st.lists(st.integers(0, 3) | SCALARS, min_size=1, max_size=4),
            "labels": st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.sampled_from(["a", "b", "A"]) | st.text(max_size=90) | SCALARS,
                        "category": st.sampled_from(["framing", "Framing", "retrieval"]) | SCALARS,
                        "confidence": st.integers(0, 10) | SCALARS,
                    }
                ),
                max_size=3,
            ),
        }
    ),
    min_size=1,
    max_size=4,
)


def check(text: str) -> None:
    """Each reader gives steps that hold the rules, or a reason."""
    open_result = read_labeled_trace(text, 4)
    if open_result.invalid is None:
        covered = [index for s in open_result.steps for index in s.segments]
        assert sorted(covered) == [0, 1, 2, 3]
        for given_step in open_result.steps:
            names = [label_key(given_label.text) for given_label in given_step.labels]
            assert 1 <= len(names) == len(set(names)) <= 2
            assert all(0 <= x.confidence <= 10 for x in given_step.labels)
    result = read_annotated_trace(text, 4, CATEGORIES)
    if result.invalid is None:
        assert [s.first for s in result.steps] == [0, *(s.end for s in result.steps)][:-1]
        assert result.steps[-1].end == 4
        keys = {c.key for c in CATEGORIES}
        for tile in result.steps:
            given_keys = [key for key, _ in tile.labels]
            assert len(given_keys) == len(set(given_keys) & keys) <= 2
    assert read_adjudication(text, 2, CATEGORIES).invalid or "cases" in text


@given(st.text())
def test_no_text_crashes_a_reader(text: str) -> None:
    check(text)


@given(DOCUMENTS)
def test_no_document_crashes_a_reader(document: Any) -> None:
    check(json.dumps(document))


@given(NEARLY, st.sampled_from(["{}", "```json\n{}\n```", "so: {}"]))
def test_no_nearly_right_document_breaks_the_rules(steps: Any, around: str) -> None:
    text = json.dumps({"steps": steps, "confidence": 5})
    check(json.dumps({"steps": {str(i): one["labels"] for i, one in enumerate(steps)}}))
    check(around.replace("{}", text))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"steps":' * 100_000,
        "{" * 1_000_000,
        '{"steps": ' + "9" * 5_000 + "}",
        "```\n" * 100_000,
        "```" + "\n" * 1_000_000,
        "x" * 3_000_000,
        '{"steps": [{"segments": [1e999], "labels": []}]}',
    ],
    ids=["lists", "objects", "braces", "digits", "fences", "lines", "length", "infinity"],
)
def test_replies_made_to_hurt_are_refused(text: str) -> None:
    assert read_labeled_trace(text, 2).invalid
