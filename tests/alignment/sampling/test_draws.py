"""What a draw asks, and what its reply amounts to."""

from dataclasses import replace

import pytest

from alignment.sampling.draws import (
    SWITCHES,
    NoDraw,
    Sampling,
    SamplingError,
    Switch,
    distinct,
    draw,
    draw_names,
    whole_reply,
)
from alignment.sampling.questions import AskedQuestion

QUESTION = AskedQuestion("q1", "Capital of France?", ("Paris",))
SAMPLING = Sampling("m")


def test_the_two_modes_are_asked_in_different_ways() -> None:
    """vLLM and SGLang by the template's arguments, Qwen by the end of the question."""
    off = SAMPLING.body("off")
    assert off == {"top_p": 0.9, "chat_template_kwargs": {"enable_thinking": False}}
    assert SAMPLING.body("on")["chat_template_kwargs"] == {"enable_thinking": True}
    slash = replace(SAMPLING, switch=SWITCHES["no-think"])
    assert slash.body("on") == slash.body("off") == {"top_p": 0.9}
    assert slash.switch.suffix("off") == "/no_think"
    own = replace(SAMPLING, switch=Switch({}, {"reasoning": {"effort": "none"}}))
    assert own.body("off")["reasoning"] == {"effort": "none"} and "reasoning" not in own.body("on")


@pytest.mark.parametrize("changed", [{"top_p": 0.0}, {"draws": 0}, {"switch": Switch()}])
def test_settings_that_make_no_draws_are_refused(changed: dict[str, object]) -> None:
    with pytest.raises(SamplingError, match="expected"):
        Sampling("m", **changed)  # type: ignore[arg-type]


def test_every_draw_has_a_name_of_its_own_and_more_draws_keep_the_names() -> None:
    """Another temperature, another prompt, another switch: other draws."""
    three, five = (list(draw_names(QUESTION, replace(SAMPLING, draws=n))) for n in (3, 5))
    assert five[:6] == three and len({name for name, *_ in five}) == 10
    for changed in ({"temperature": 0.6}, {"instruction": "x"}, {"switch": SWITCHES["no-think"]},
                    {"deployment": "b"}, {"top_p": 0.5}):  # fmt: skip
        other = replace(SAMPLING, **changed)
        assert not {n for n, *_ in draw_names(QUESTION, other)} & {n for n, *_ in three}


@pytest.mark.parametrize(
    ("reply", "parts"),
    [
        ("<think>\na\n\nb\n</think>\n\n<answer>Paris</answer>", ("a\n\nb", "Paris")),
        ("a\n\nb</think>Paris", ("a\n\nb", "Paris")),
        ("<think>a <answer>x</answer> b</think>So <answer>Paris</answer>.",
         ("a <answer>x</answer> b", "Paris")),
    ],
)  # fmt: skip
def test_thinking_and_answer_are_told_apart(reply: str, parts: tuple[str, str]) -> None:
    found = draw(QUESTION, SAMPLING, ("id", "on", 0), reply, "nq")
    assert (found.thinking, found.answer) == parts
    assert (found.gold_answers, found.dataset, found.model) == (("Paris",), "nq", "m")


@pytest.mark.parametrize("reply", ["<think>\n\n</think>\n\nParis", "Paris"])
def test_empty_thinking_is_thinking_off(reply: str) -> None:
    found = draw(QUESTION, SAMPLING, ("id", "off", 0), reply)
    assert (found.thinking, found.answer, found.thinking_mode) == ("", "Paris", "off")


@pytest.mark.parametrize(
    ("mode", "reply", "reason"),
    [
        ("on", "Paris", "no thinking came"),
        ("off", "<think>a</think>Paris", "thinking came with thinking off"),
        ("on", "<think>cut", "never closed"),
        ("on", "<think>a</think>  ", "no answer"),
    ],
)
def test_a_reply_of_the_other_mode_is_no_draw(mode: str, reply: str, reason: str) -> None:
    """It is counted under its reason, and no trace says what the policy did not do."""
    with pytest.raises(NoDraw, match=reason):
        draw(QUESTION, SAMPLING, ("id", mode, 0), reply)  # type: ignore[arg-type]


def test_reasoning_that_is_filed_apart_comes_back_between_its_tags() -> None:
    assert whole_reply("Paris", "a\n\nb") == "<think>\na\n\nb\n</think>\n\nParis"
    assert whole_reply("<think>a</think>Paris", "a") == "<think>a</think>Paris"
    assert whole_reply("all of it", "all of it") == "all of it" == whole_reply("all of it", " ")


def test_a_question_is_asked_once() -> None:
    assert distinct([QUESTION, replace(QUESTION, id="q2", text="capital of  france")]) == [QUESTION]
