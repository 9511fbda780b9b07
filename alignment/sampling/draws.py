"""The draws of a question from a policy, thinking on and off: what to ask, what came back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from alignment.polarity.candidates import question_key
from alignment.polarity.matching import answer_of
from alignment.sampling.questions import AskedQuestion

OPENS, CLOSES = "<think>", "</think>"
INSTRUCTION = "Answer the question. Give the final answer, as short as it can be, in <answer> tags."

Mode = Literal["on", "off"]
MODES: tuple[Mode, ...] = ("on", "off")
Messages = Sequence[Mapping[str, str]]


class SamplingError(ValueError):
    """Settings that no draw can be made with."""


class NoDraw(ValueError):
    """A reply that is no draw of its mode; the message is a reason that many share."""


@dataclass(frozen=True)
class Switch:
    """How a server is told to think or not: fields of the body, or the end of the question."""

    on_body: Mapping[str, Any] = field(default_factory=dict)
    off_body: Mapping[str, Any] = field(default_factory=dict)
    on_suffix: str | None = None
    off_suffix: str | None = None

    def body(self, mode: Mode) -> Mapping[str, Any]:
        """The fields of the request's body."""
        return self.on_body if mode == "on" else self.off_body

    def suffix(self, mode: Mode) -> str | None:
        """What ends the question."""
        return self.on_suffix if mode == "on" else self.off_suffix


SWITCHES: Mapping[str, Switch] = {
    "chat-template": Switch(  # vLLM and SGLang
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ),
    "no-think": Switch(on_suffix="/think", off_suffix="/no_think"),  # Qwen3 anywhere
}


@dataclass(frozen=True)
class Sampling:
    """How a policy is sampled. Source: 3.1.1: three draws a mode, temperature 0.2, top_p 0.9."""

    model: str
    draws: int = 3
    temperature: float | None = 0.2
    top_p: float = 0.9
    max_tokens: int = 8192
    switch: Switch = SWITCHES["chat-template"]
    instruction: str = INSTRUCTION
    extra: Mapping[str, Any] = field(default_factory=dict)
    deployment: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.top_p <= 1 or not 1 <= self.draws <= 64:
            raise SamplingError(
                f"expected top_p in (0, 1] and 1 to 64 draws, got {self.top_p} and {self.draws}"
            )
        if self.switch.body("on") == self.switch.body("off") and (
            self.switch.on_suffix == self.switch.off_suffix
        ):
            raise SamplingError("expected thinking on and off to be asked for in different ways")

    def body(self, mode: Mode) -> dict[str, Any]:
        """What goes into the request's body for a draw of this mode."""
        return {"top_p": self.top_p, **self.extra, **self.switch.body(mode)}

    def messages(self, question: str) -> Messages:
        """The chat that asks the question."""
        system = [{"role": "system", "content": self.instruction}] if self.instruction else []
        return [*system, {"role": "user", "content": question}]

    def digest(self) -> str:
        """What tells draws of other settings apart; more draws of the same are the same draws."""
        parts = [self.model, self.temperature, self.top_p, self.max_tokens, self.instruction,
                 self.deployment, *(self.body(mode) for mode in MODES),
                 *(self.switch.suffix(mode) for mode in MODES)]  # fmt: skip
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class SampledTrace:
    """A draw as a trace, as the store takes it."""

    external_id: str
    question: str
    gold_answers: tuple[str, ...]
    thinking: str
    answer: str
    model: str
    thinking_mode: Mode
    dataset: str | None
    details: Mapping[str, Any]


def distinct(questions: Sequence[AskedQuestion]) -> list[AskedQuestion]:
    """One of each normalised question, the first."""
    found: dict[str, AskedQuestion] = {}
    for question in questions:
        found.setdefault(question_key(question.text), question)
    return list(found.values())


def draw_names(question: AskedQuestion, sampling: Sampling) -> Iterator[tuple[str, Mode, int]]:
    """The id, the mode and the number of every draw of a question; on and off take turns."""
    asked = hashlib.sha256(question.text.encode()).hexdigest()[:16]
    model = sampling.model[:200]
    for number in range(sampling.draws):
        for mode in MODES:
            yield f"{model}/{sampling.digest()}/{asked}/{mode}/{number}", mode, number


def draw(
    question: AskedQuestion,
    sampling: Sampling,
    name: tuple[str, Mode, int],
    reply: str,
    dataset: str | None = None,
) -> SampledTrace:
    """The trace in a reply, whose thinking stands between <think> and </think>.

    Raises:
        NoDraw: the thinking is cut off, or thinking came with thinking off or none with it on.
    """
    external_id, mode, number = name
    thinking, closed = _thinking(reply)
    if not closed and OPENS in reply:
        raise NoDraw("the thinking was never closed")
    if mode == "on" and not thinking.strip():
        raise NoDraw("no thinking came with thinking on")
    if mode == "off" and thinking.strip():
        raise NoDraw("thinking came with thinking off")
    answer = answer_of(reply)
    if not answer:
        raise NoDraw("no answer came")
    return SampledTrace(
        external_id, question.text, question.golds, thinking if mode == "on" else "", answer,
        sampling.model[:200], mode, dataset, {"draw": number, "question_id": question.id},
    )  # fmt: skip


def _thinking(reply: str) -> tuple[str, bool]:
    before, closed, _ = reply.rpartition(CLOSES)
    inside = before.partition(OPENS)[2] if OPENS in before else before
    return inside.strip("\n"), bool(closed)


def whole_reply(text: str, reasoning: str) -> str:
    """The reply with the thoughts that a server files apart put back between their tags."""
    if not reasoning.strip() or reasoning == text or CLOSES in text:
        return text
    return f"{OPENS}\n{reasoning}\n{CLOSES}\n\n{text}"
