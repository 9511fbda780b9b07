"""`mralign annotate distill` and `annotate run --distilled`, as a user runs them."""

from pathlib import Path

import pytest

from store.errors import InvalidInput
from tests.mralign.test_label import annotate, database, no_endpoint

__all__ = ["database", "no_endpoint"]  # fixtures


@pytest.mark.models
def test_a_head_is_distilled_and_used(database: str, tmp_path: Path) -> None:
    """Four traces are few, but the way is the same as with thousands."""
    folder = str(tmp_path / "head")
    assert annotate("run", "--offline").exit_code == 0
    learnt = annotate("distill", folder)
    assert learnt.exit_code == 0, learnt.output
    assert "16 segments of 4 traces" in learnt.output and "temperature" in learnt.output
    sure = annotate("run", "--distilled", folder)
    assert sure.exit_code == 0 and "distilled 16 (100.0%)" in sure.output, sure.output


def test_options_that_make_no_sense_are_refused(database: str, tmp_path: Path) -> None:
    for words, reason in (
        (("--escalate",), "--distilled FOLDER"),
        (("--distilled", "x", "--escalate"), "--abstain-below beside"),
        (("--distilled", "x", "--escalate", "--abstain-below", "5"), "endpoint"),
        (("--distilled", "x"), "head.json"),
    ):
        result = annotate("run", *words)
        assert isinstance(result.exception, InvalidInput), (words, result.output)
        assert reason in str(result.exception)
