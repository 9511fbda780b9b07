"""Traces are known again by their content."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from annotator.traces.records import TraceRecord
from store.traces import record_hash


@given(
    st.text(), st.lists(st.text(), max_size=3), st.text(), st.text(), st.sampled_from(["on", "off"])
)
def test_the_hash_of_a_record_is_of_its_json(
    question: str, golds: list[str], thinking: str, model: str, mode: str
) -> None:
    """Traces that were imported before are known again."""
    record = TraceRecord("id", question, tuple(golds), thinking, "answer", model, mode)
    parts = [question, golds, thinking, "answer", model, mode]
    text = json.dumps(parts, ensure_ascii=False)
    assert record_hash(record) == hashlib.sha256(text.encode()).hexdigest()
