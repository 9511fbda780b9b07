"""Labelers and annotators that an endpoint answers for: prompts, schemas and a door joined."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from annotator.labeling.steps import CategoryView, LabeledTrace, TraceView
from annotator.language_models.chat_panel import ChatPanel
from annotator.language_models.labeler import Ask, ChatAdjudicator, ChatAnnotator, ChatLabeler
from gateway import schemas
from gateway.limits import each_done
from gateway.prompts import Prompt, load_prompt

OPEN_LABELS, CONTROLLED, ADJUDICATE = "open_labels_v2", "controlled_v2", "adjudicate_v1"


def prompt_of(name: str) -> Prompt:
    """A prompt of this room."""
    return load_prompt("annotator", name)


@dataclass(frozen=True)
class EndpointLabeler:
    """Labels many traces, some at once."""

    labeler: ChatLabeler
    prompt_hash: str
    at_once: int = 8
    name: str = "labeler"

    def label(self, trace: TraceView) -> LabeledTrace:
        """Label one trace."""
        return self.labeler.label(trace)

    def label_all(self, traces: Sequence[TraceView]) -> Iterator[tuple[TraceView, LabeledTrace]]:
        """Label the traces; each is given once, as it is done."""
        return self.label_stream(traces)

    def label_stream(self, traces: Iterable[TraceView]) -> Iterator[tuple[TraceView, LabeledTrace]]:
        """The same for traces without an end: they are drawn as they are needed."""
        return each_done(self.labeler.label, traces, self.at_once)


def endpoint_labeler(ask: Ask, at_once: int = 8) -> EndpointLabeler:
    """The labeler that asks this door."""
    prompt = prompt_of(OPEN_LABELS)
    labeler = ChatLabeler(ask, prompt, schemas.open_labels, schemas.open_labels_by_segment)
    return EndpointLabeler(labeler, prompt.sha256, at_once)


def endpoint_annotator(ask: Ask, name: str) -> ChatAnnotator:
    """An annotator that asks this door; two of them should ask two models."""
    forms = schemas.controlled_labels, schemas.controlled_labels_by_segment
    return ChatAnnotator(ask, prompt_of(CONTROLLED), *forms, name)


def endpoint_adjudicator(ask: Ask) -> ChatAdjudicator:
    """The adjudicator that asks this door."""
    return ChatAdjudicator(ask, prompt_of(ADJUDICATE), schemas.adjudication)


def endpoint_panel(
    ask_a: Ask,
    ask_b: Ask,
    ask_adjudicator: Ask,
    categories: Sequence[CategoryView],
    at_once: int = 8,
) -> ChatPanel:
    """The panel that asks these doors.

    A and B must not send the same requests: a reply is kept by its request, so B would be given
    A's. Let them ask two models, or draw B's replies with another seed.
    """
    return ChatPanel(
        endpoint_annotator(ask_a, "annotator_a"),
        endpoint_annotator(ask_b, "annotator_b"),
        endpoint_adjudicator(ask_adjudicator),
        tuple(categories),
        lambda call, traces: each_done(call, traces, at_once),
    )


def panel_prompt_hash() -> str:
    """The sha256 over both prompts of a panel."""
    hashes = prompt_of(CONTROLLED).sha256 + prompt_of(ADJUDICATE).sha256
    return hashlib.sha256(hashes.encode()).hexdigest()
