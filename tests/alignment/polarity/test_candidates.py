"""Training candidates: polarity, agreement of draws, duplicates, the length filter, the funnel."""

from hypothesis import given
from hypothesis import strategies as st

from alignment.polarity.candidates import (
    Draw,
    LengthFilter,
    Size,
    approximate_tokens,
    polarity_of,
    question_key,
    select,
)

INSIDE = Size(segments=8, tokens=700)


def draw(
    name: str, z: tuple[bool | None, bool | None], question: str = "", model: str = "m"
) -> Draw:
    return Draw(name, question or f"question {name}", model, *z)


def inside(_: Draw) -> Size:
    return INSIDE


def test_polarity_is_where_thinking_alone_is_right_or_wrong() -> None:
    assert polarity_of(True, False) == "positive"
    assert polarity_of(False, True) == "negative"
    assert polarity_of(True, True) is None
    assert polarity_of(False, False) is None


def test_a_question_stays_only_when_all_its_draws_agree() -> None:
    draws = [
        draw("a1", (True, False), "A?"),
        draw("a2", (True, False), "A?"),
        draw("b1", (True, False), "B?"),
        draw("b2", (True, True), "B?"),
        draw("c1", (True, False), "C?"),
        draw("c2", (False, True), "C?"),
    ]
    selection = select(draws, inside)
    assert [one.draw.trace_id for one in selection.candidates] == ["a1"]
    assert {drop.trace_id: drop.reason for drop in selection.funnel.drops} == {
        "a2": "another trace stands for its question",
        "b1": "the draws of its question disagree",
        "b2": "the draws of its question disagree",
        "c1": "the draws of its question disagree",
        "c2": "the draws of its question disagree",
    }


def test_draws_of_another_model_need_not_agree_and_one_trace_stands_for_the_question() -> None:
    draws = [
        draw("x", (True, False), "A?", model="one"),
        draw("y", (True, True), "A?", model="two"),
    ]
    assert [one.draw.trace_id for one in select(draws, inside).candidates] == ["x"]


def test_the_first_draw_that_passes_the_filter_stands_for_its_question() -> None:
    sizes = {"a": Size(3, 700), "b": Size(8, 700), "c": Size(9, 700)}
    draws = [
        draw("a", (True, False), "Who  is it?"),
        draw("b", (True, False), "who is it"),
        draw("c", (True, False), "WHO IS IT ?"),
    ]
    selection = select(draws, lambda one: sizes[one.trace_id])
    assert [one.draw.trace_id for one in selection.inside_length_filter()] == ["b"]


def test_the_length_filter_is_open_at_both_ends() -> None:
    limits = LengthFilter()
    assert limits.find_fault(Size(5, 451)) is None
    assert limits.find_fault(Size(14, 999)) is None
    for size in (Size(4, 700), Size(15, 700), Size(8, 450), Size(8, 1_000)):
        assert limits.find_fault(size) is not None


def test_the_funnel_counts_traces_and_questions_at_each_step() -> None:
    draws = [
        draw("unjudged", (None, None)),
        draw("both", (True, True)),
        draw("a1", (True, False), "A?"),
        draw("a2", (True, False), "A?"),
        draw("long", (False, True)),
    ]
    sizes = {"a1": INSIDE, "a2": INSIDE, "long": Size(8, 5_000)}
    selection = select(draws, lambda one: sizes[one.trace_id])
    assert [(step.name, step.traces, step.questions) for step in selection.funnel.steps] == [
        ("asked", 5, 4),
        ("judged", 4, 3),
        ("polar", 3, 2),
        ("deduplicated", 2, 2),
        ("inside the length filter", 1, 1),
    ]
    assert [(drop.trace_id, drop.step) for drop in selection.funnel.drops] == [
        ("unjudged", "judged"),
        ("both", "polar"),
        ("a2", "deduplicated"),
        ("long", "inside the length filter"),
    ]
    last = selection.funnel.drops[-1]
    assert last.reason == "too many tokens"
    assert last.detail.startswith("5000 tokens, expected more than 450")
    assert [(one.step, one.reason, one.traces) for one in selection.funnel.reasons()] == [
        ("judged", "no judgment of both answers", 1),
        ("polar", "right with and without thinking", 1),
        ("deduplicated", "another trace stands for its question", 1),
        ("inside the length filter", "too many tokens", 1),
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A?", "a", "B", "C"]),
            st.sampled_from([None, True, False]),
            st.sampled_from([None, True, False]),
            st.integers(0, 20),
        ),
        max_size=12,
    )
)
def test_every_trace_is_kept_or_dropped_once(
    rows: list[tuple[str, bool | None, bool | None, int]],
) -> None:
    draws = [draw(str(i), (on, off), question) for i, (question, on, off, _) in enumerate(rows)]
    selection = select(draws, lambda one: Size(rows[int(one.trace_id)][3], 700))
    kept = [one.draw.trace_id for one in selection.inside_length_filter()]
    dropped = [drop.trace_id for drop in selection.funnel.drops]
    assert sorted(kept + dropped) == sorted(one.trace_id for one in draws)
    keys = [one.question_key for one in selection.candidates]
    assert len(keys) == len(set(keys))


def test_questions_are_duplicates_up_to_case_space_form_and_closing_marks() -> None:
    assert question_key("Who  wrote\nIt?") == question_key("who wrote it")
    assert question_key("What is 1+1?") != question_key("What is 1-1?")
    assert question_key("?") == "?"


def test_the_approximate_count_is_a_fixed_share_of_the_words() -> None:
    assert approximate_tokens("word " * 100) == 139
    assert approximate_tokens("") == 0
