"""The way from all traces to the training candidates, as tables."""

from typing import TYPE_CHECKING

from mralign.terminal import show_table

if TYPE_CHECKING:
    from alignment.polarity.candidates import Funnel


def show_funnel(funnel: "Funnel") -> None:
    """Print how many traces each step left, and why it dropped the others."""
    steps = [(step.name, step.traces, step.questions) for step in funnel.steps]
    show_table(("step", "traces", "questions"), steps)
    reasons = [(count.step, count.reason, count.traces) for count in funnel.reasons()]
    if reasons:
        show_table(("not", "because", "traces"), reasons, "left out")
