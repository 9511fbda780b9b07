"""Labelers and annotators that are language models: one request a trace, and one retry.

A model comes in as a callable that answers messages, a prompt as an object that renders them, and a
schema as plain JSON, so that this module runs without a network, a store or a package of either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from annotator.labeling.steps import (
    Adjudication,
    AdjudicationCase,
    AnnotatedTrace,
    CategoryView,
    LabeledTrace,
    TraceView,
)
from annotator.labeling.windows import (
    Window,
    adjudicate_in_windows,
    annotate_in_windows,
    label_in_windows,
    shortened,
    windows,
)
from annotator.language_models.replies import (
    read_adjudication,
    read_annotated_trace,
    read_labeled_trace,
)

MAX_SEGMENTS = 200
MAX_CHARACTERS = 200_000
MAX_QUOTED_CHARACTERS = 20_000
MAX_EXAMPLES = 2
NO_SEGMENTS = "the trace has no segments"

Message = Mapping[str, str]
Schema = Mapping[str, Any]


class Answer(Protocol):
    """A model's answer; `trouble` says why its text cannot be used, if so."""

    @property
    def text(self) -> str: ...
    @property
    def request_hash(self) -> str: ...
    @property
    def trouble(self) -> str | None: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def failed(self) -> bool: ...


class Ask(Protocol):
    """A model that answers messages; `stretch` multiplies the room for its reply."""

    def __call__(
        self, messages: Sequence[Message], schema: Schema | None = None, stretch: int = 1
    ) -> Answer: ...


class Rendering(Protocol):
    """A prompt: plain values and data go in, messages come out, the data behind a fence."""

    def render(
        self, plain: Mapping[str, str | int], data: Mapping[str, str | Sequence[str]]
    ) -> list[dict[str, str]]: ...

    def render_retry(self, said: str, problem: str) -> list[dict[str, str]]: ...


class Readable(Protocol):
    """What a reply was read as; `invalid` says why it cannot be used."""

    @property
    def invalid(self) -> str | None: ...


Read = TypeVar("Read", bound=Readable)


def ask_twice(
    ask: Ask,
    prompt: Rendering,
    messages: Sequence[Message],
    schema: Schema,
    schema_again: Schema,
    read: Callable[[str], Read],
    unread: Callable[[str], Read],
) -> tuple[Read, str | None]:
    """The reply as it reads; if it is invalid, the reply to one more request that says why.

    With it the hash of the request, or None where nobody answered. A reply that was cut off is
    asked for again with twice the room, since telling does not help; any other in the form of
    `schema_again`, in which less can go wrong.
    """
    answer = ask(messages, schema)
    result = _read(answer, read, unread)
    if result.invalid is not None and not answer.failed:
        if answer.truncated:
            answer = ask(messages, schema, 2)
        else:
            said = prompt.render_retry(answer.text[:MAX_QUOTED_CHARACTERS], result.invalid)
            answer = ask([*messages, *said], schema_again)
        result = _read(answer, read, unread)
    return result, None if answer.failed else answer.request_hash


def _read(answer: Answer, read: Callable[[str], Read], unread: Callable[[str], Read]) -> Read:
    return read(answer.text) if answer.trouble is None else unread(answer.trouble)


def windows_of(trace: TraceView) -> list[Window]:
    """The windows of a trace, one where it fits into a request."""
    return windows([end - start for start, end in trace.segments], MAX_SEGMENTS, MAX_CHARACTERS)


def _material(trace: TraceView) -> dict[str, str | Sequence[str]]:
    return {
        "question": trace.question,
        "gold_answers": trace.gold_answers,
        "segments": trace.texts(),
    }


def _counts(trace: TraceView) -> dict[str, str | int]:
    return {"segment_count": len(trace.segments), "last_segment": len(trace.segments) - 1}


def described(category: CategoryView) -> str:
    """A category as the prompt shows it: key, definition, what it leaves out, examples."""
    parts = [f"{category.key}: {category.definition}"]
    parts += [f"Note: {category.scope_note}"] if category.scope_note else []
    parts += [f"Example: {example}" for example in category.examples[:MAX_EXAMPLES]]
    return "\n".join(parts)


@dataclass(frozen=True)
class ChatLabeler:
    """Gives open labels by asking a model once a trace."""

    ask: Ask
    prompt: Rendering
    schema: Callable[[int], Schema]
    schema_again: Callable[[int], Schema]
    name: str = "labeler"

    def label(self, trace: TraceView) -> LabeledTrace:
        """The labels of every segment, or the reason why there are none; long traces in windows."""
        if not trace.segments:
            return LabeledTrace((), invalid=NO_SEGMENTS)
        shown, cut = shortened(trace, MAX_CHARACTERS)
        parts = windows_of(shown)
        whole = len(parts) == 1
        result = self._label(shown) if whole else label_in_windows(shown, parts, self._label)
        return replace(result, repairs=(*cut, *result.repairs))

    def _label(self, trace: TraceView) -> LabeledTrace:
        count = len(trace.segments)
        result, request_hash = ask_twice(
            self.ask,
            self.prompt,
            self.prompt.render(_counts(trace), _material(trace)),
            self.schema(count),
            self.schema_again(count),
            lambda text: read_labeled_trace(text, count),
            lambda reason: LabeledTrace((), invalid=reason),
        )
        return replace(result, request_hash=request_hash)


@dataclass(frozen=True)
class ChatAnnotator:
    """Gives controlled labels by asking a model once a trace."""

    ask: Ask
    prompt: Rendering
    schema: Callable[[int, Sequence[str]], Schema]
    schema_again: Callable[[int, Sequence[str]], Schema]
    name: str = "annotator"

    def annotate(self, trace: TraceView, categories: Sequence[CategoryView]) -> AnnotatedTrace:
        """Steps that tile the trace, each with none to two categories, or why there are none."""
        if not trace.segments:
            return AnnotatedTrace((), invalid=NO_SEGMENTS)
        shown, cut = shortened(trace, MAX_CHARACTERS)
        parts = windows_of(shown)
        if len(parts) == 1:
            result = self._annotate(shown, categories)
        else:
            result = annotate_in_windows(shown, parts, lambda p: self._annotate(p, categories))
        return replace(result, repairs=(*cut, *result.repairs))

    def _annotate(self, trace: TraceView, categories: Sequence[CategoryView]) -> AnnotatedTrace:
        count = len(trace.segments)
        vocabulary = [described(category) for category in categories]
        keys = [category.key for category in categories]
        result, request_hash = ask_twice(
            self.ask,
            self.prompt,
            self.prompt.render(_counts(trace), _material(trace) | {"categories": vocabulary}),
            self.schema(count, keys),
            self.schema_again(count, keys),
            lambda text: read_annotated_trace(text, count, categories),
            lambda reason: AnnotatedTrace((), invalid=reason),
        )
        return replace(result, request_hash=request_hash)


@dataclass(frozen=True)
class ChatAdjudicator:
    """Decides where two annotators differ, by asking a model once a trace."""

    ask: Ask
    prompt: Rendering
    schema: Callable[[int, Sequence[str]], Schema]
    name: str = "adjudicator"

    def adjudicate(
        self,
        trace: TraceView,
        categories: Sequence[CategoryView],
        cases: Sequence[AdjudicationCase],
    ) -> Adjudication:
        """The labels of every case, or the reason why there are none."""
        if not cases:
            return Adjudication(())
        if not trace.segments:
            return Adjudication((), invalid=NO_SEGMENTS)
        shown, _cut = shortened(trace, MAX_CHARACTERS)
        parts = windows_of(shown)
        if len(parts) == 1:
            return self._adjudicate(shown, categories, cases)
        return adjudicate_in_windows(
            shown, parts, cases, lambda part, its: self._adjudicate(part, categories, its)
        )

    def _adjudicate(
        self,
        trace: TraceView,
        categories: Sequence[CategoryView],
        cases: Sequence[AdjudicationCase],
    ) -> Adjudication:
        schema = self.schema(len(cases), [category.key for category in categories])
        result, request_hash = ask_twice(
            self.ask,
            self.prompt,
            self._messages(trace, categories, cases),
            schema,
            schema,
            lambda text: read_adjudication(text, len(cases), categories),
            lambda reason: Adjudication((), invalid=reason),
        )
        return replace(result, request_hash=request_hash)

    def _messages(
        self,
        trace: TraceView,
        categories: Sequence[CategoryView],
        cases: Sequence[AdjudicationCase],
    ) -> list[dict[str, str]]:
        counts = {"case_count": len(cases), "last_case": len(cases) - 1}
        data = {
            "categories": [described(category) for category in categories],
            "cases": [shown_case(case) for case in cases],
        }
        return self.prompt.render(_counts(trace) | counts, _material(trace) | data)


def shown_case(case: AdjudicationCase) -> str:
    """A case as the prompt shows it: its segments and both proposals."""
    last = case.end - 1
    where = f"segment {last}" if last == case.first else f"segments {case.first} to {last}"
    return f"{where}\nA: {_proposal(case.a)}\nB: {_proposal(case.b)}"


def _proposal(labels: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{key} ({confidence:g})" for key, confidence in labels) or "no category"
