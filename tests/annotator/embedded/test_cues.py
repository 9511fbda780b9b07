"""Cues: where they count, that every family has one, and that huge texts cost no more."""

import numpy as np
import pytest

from annotator.embedded.cues import FAMILIES, NAMES, cue_matrix, opening_cues, scanned


def cues_of(text: str) -> dict[str, float]:
    """The cues of a text by family, without those that are not there."""
    return {name: float(v) for name, v in zip(NAMES, cue_matrix([text])[0], strict=True) if v}


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Wait, no, that's not it.", "interruption"),
        ("Actually, it was the other one.", "correction"),
        ("Let me think again.", "reconsideration"),
        ("Let me double-check the year.", "checking"),
        ("Yes, that matches.", "agreement"),
        ("That doesn't fit the dates.", "mismatch"),
        ("Alternatively, the museum in Basel.", "alternative"),
        ("Maybe he was the second one.", "conjecture"),
        ("I recall that it opened then.", "recall"),
        ("Let me try to remember the name.", "memory search"),
        ("According to the census, it grew.", "source"),
        ("I'm not familiar with this school.", "ignorance"),
        ("Hmm, not sure.", "doubt"),
        ("That seems plausible.", "confidence"),
        ("The user is asking for a year.", "task"),
        ("Okay, here goes.", "opening"),
        ("I should look at the dates.", "plan"),
        ("Let me break it down.", "division"),
        ("First, the author.", "first step"),
        ("Next, the second album.", "next step"),
        ("Therefore it is the Danube.", "inference"),
        ("It fell because of the flood.", "cause"),
        ("Since he was there, he knew.", "premise"),
        ("If it were June, it would be warm.", "condition"),
        ("In the first case, nobody wins.", "cases"),
        ("However, the list is short.", "contrast"),
        ("It is taller than the tower.", "comparison"),
        ("It is similar to a guild.", "likeness"),
        ("A fjord is a kind of inlet.", "class"),
        ("For example, the north gate.", "example"),
        ("The term refers to a ritual.", "meaning"),
        ("In summary, two are left.", "summary"),
        ("Putting it all together, it is Graz.", "joining"),
        ("So the answer is 42.", "answer"),
        ("It is safest to say that I don't know.", "abstention"),
        ("The response should be short.", "reply"),
        ("12 + 30 = 42", "calculation"),
        ("It was in 1987.", "time"),
        ("Roughly two hours.", "estimate"),
        ("- the first one", "listing"),
        ("Who was it?", "question"),
        ("Oh! That must be it.", "insight"),
    ],
)
def test_a_phrase_shows_its_family(text: str, family: str) -> None:
    assert cues_of(text).get(family) == 1.0


def test_every_family_is_tried_above() -> None:
    """A family that nothing shows would be dead weight."""
    marks = test_a_phrase_shows_its_family.pytestmark  # type: ignore[attr-defined]
    assert {family for _, family in marks[0].args[1]} == {family.name for family in FAMILIES}


def test_a_cue_counts_less_after_the_opening() -> None:
    opening, later = "Wait, it was red.", "x" * 80 + " wait, it was red."
    twice = later + " But wait, it was not."
    assert cues_of(opening)["interruption"] > cues_of(twice)["interruption"]
    assert cues_of(twice)["interruption"] > cues_of(later)["interruption"] > 0


def test_a_cue_inside_a_word_is_none() -> None:
    assert "interruption" not in cues_of("He awaited the waiters.")


def test_opening_cues_are_those_that_count_in_full() -> None:
    found = opening_cues(cue_matrix(["Wait, no.", "x" * 90 + " wait", ""]))
    assert "interruption" in found[0]
    assert "interruption" not in found[1]
    assert found[2] == frozenset()


def test_only_both_ends_of_a_huge_segment_are_read() -> None:
    text = "Wait. " + "x" * 5_000_000 + " therefore it is so"
    assert len(scanned(text)) < 4000
    assert {"interruption", "inference"} <= set(cues_of(text))


def test_no_texts_have_a_shape() -> None:
    assert cue_matrix([]).shape == (0, len(FAMILIES))
    assert cue_matrix([]).dtype == np.float32
