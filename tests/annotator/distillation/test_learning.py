"""Distillation: what is learnt, what is chosen on held-out traces, and the files it becomes."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from annotator.distillation.decoding import NO_LABEL, Labels
from annotator.distillation.features import shape_matrix
from annotator.distillation.head import Head, HeadError, load_head
from annotator.distillation.learning import distill
from annotator.distillation.lessons import LessonError, Lessons, targets_of
from annotator.distillation.trial import cohen_kappa
from annotator.embedded.evidence import read_segments
from tests.annotator.conftest import Embed

SAYS = {"recall": "I remember that the {} was old", "doubt": "Wait, no, not the {}",
        "verdict": "Therefore it is the {}"}  # fmt: skip
KEYS = tuple(SAYS)
NOUNS = ("bridge", "tower", "river", "garden", "harbour", "museum")
Story = Sequence[str]


def lessons(
    embed: Embed, stories: Sequence[Story], differ_every: int = 0
) -> tuple[Lessons, list[str]]:
    """Traces whose segments do what they are labelled with; an empty name has no label.

    The second of two people says "doubt" of every so manieth segment instead.
    """
    texts = [
        [
            SAYS[move].format(NOUNS[(n + t) % 6]) if move else f"The {NOUNS[n % 6]}."
            for t, move in enumerate(story)
        ]
        for n, story in enumerate(stories)
    ]
    flat = [text for each in texts for text in each]
    one: list[Labels | None] = [
        ((move, 8.0),) if move else () for story in stories for move in story
    ]
    doubt: Labels = (("doubt", 8.0),)
    other = [doubt if differ_every and n % differ_every == 0 else v for n, v in enumerate(one)]
    return Lessons(read_segments(embed, texts), shape_matrix(flat), [one, other]), flat


STORIES = [("recall", "doubt", "recall", "verdict"), ("recall", "recall", "verdict")] * 6


@pytest.fixture(scope="module")
def learnt(embed: Embed) -> Head:
    """A head of twelve traces."""
    return distill(lessons(embed, STORIES)[0], KEYS)


def test_a_head_gives_what_it_was_taught(learnt: Head, embed: Embed) -> None:
    taught, texts = lessons(embed, [("recall", "doubt", "verdict")])
    given = learnt.labels(taught.read, texts)
    assert [labels[0][0] for labels in given] == ["recall", "doubt", "verdict"]
    assert all(0 <= sure <= 10 for labels in given for _, sure in labels)
    assert learnt.details["held_out_kappa"] > 0.9


def test_labels_of_one_trace_do_not_depend_on_others(learnt: Head, embed: Embed) -> None:
    both, texts = lessons(embed, STORIES[:2])
    rows = np.flatnonzero(both.trace_of == 1)
    alone = both.of(rows)
    assert learnt.labels(both.read, texts)[4:] == learnt.labels(
        alone.read, [texts[row] for row in rows]
    )


def test_a_head_comes_back_from_its_files(learnt: Head, embed: Embed, tmp_path: Path) -> None:
    learnt.save(tmp_path / "head")
    again = load_head(tmp_path / "head")
    taught, texts = lessons(embed, STORIES[:3])
    assert again.sha256 == learnt.sha256
    assert again.labels(taught.read, texts) == learnt.labels(taught.read, texts)


def test_changed_files_are_refused(learnt: Head, tmp_path: Path) -> None:
    """One number in the document, and the folder is no head any more."""
    learnt.save(tmp_path)
    path = tmp_path / "head.json"
    document = json.loads(path.read_text("utf-8"))
    document["decoding"]["temperature"] += 0.5
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(HeadError, match="sha256"):
        load_head(tmp_path)
    path.unlink()
    with pytest.raises(HeadError, match=r"head\.json"):
        load_head(tmp_path)


def test_pickled_arrays_are_refused(learnt: Head, tmp_path: Path) -> None:
    """Files of a stranger run nothing."""
    learnt.save(tmp_path)
    np.savez(tmp_path / "head.npz", weights=np.array([{"a": 1}], dtype=object))
    with pytest.raises(HeadError):
        load_head(tmp_path)


def test_segments_without_labels_can_be_learnt(embed: Embed) -> None:
    stories = [("recall", "", "verdict"), ("", "doubt", "verdict")] * 6
    taught, texts = lessons(embed, stories)
    head = distill(taught, KEYS)
    assert head.decoding.order[-1] == NO_LABEL and head.keys == KEYS
    assert head.labels(taught.read, texts)[1] == ()


def test_two_labels_are_given_where_teachers_give_two(embed: Embed) -> None:
    taught, texts = lessons(embed, STORIES)
    pairs: list[Labels] = [
        (("doubt", 6.0), ("recall", 6.0)) if labels == (("doubt", 8.0),) else labels or ()
        for labels in taught.votes[0]
    ]
    head = distill(Lessons(taught.read, taught.shapes, [pairs]), KEYS)
    given = head.labels(taught.read, texts)[1]
    assert {key for key, _ in given} == {"doubt", "recall"}
    assert min(sure for _, sure in given) > 5


def test_targets_are_the_mean_of_those_who_saw_the_segment() -> None:
    """The surer label of two counts more; who saw nothing counts not at all."""
    votes: list[list[Labels | None]] = [[(("a", 3.0), ("b", 1.0)), None], [(("b", 5.0),), None]]
    np.testing.assert_allclose(targets_of(votes, ("a", "b")), [[0.45, 0.55], [0, 0]])


def test_too_little_is_refused(embed: Embed) -> None:
    for stories in ([STORIES[0]], [("recall", "recall")] * 4):
        with pytest.raises(LessonError, match="at least 2 traces"):
            distill(lessons(embed, stories)[0], KEYS)


def test_kappa_takes_chance_off() -> None:
    a, b = frozenset("a"), frozenset("b")
    assert cohen_kappa([a, a, b, b], [a, a, b, b]) == 1.0
    assert cohen_kappa([a, a, b, b], [a, b, a, b]) == 0.0
    assert cohen_kappa([a, a], [a, a]) == 0.0
