"""Segments tile the thinking and are cut at blank lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.traces.segmentation import segment

TEXTS = st.text(st.sampled_from("ab \n\t\r.é"), max_size=60)


@given(TEXTS)
def test_segments_tile_the_thinking(thinking: str) -> None:
    """Joined, the segments are the text; each of them holds something to read."""
    pieces = [thinking[start:end] for start, end in segment(thinking)]
    assert "".join(pieces) == (thinking if thinking.strip() else "")
    assert all(piece.strip() for piece in pieces)


@given(TEXTS)
def test_no_segment_holds_a_blank_line_inside(thinking: str) -> None:
    """Cutting a stripped segment again gives that one segment."""
    for start, end in segment(thinking):
        assert len(segment(thinking[start:end].strip())) == 1


@pytest.mark.parametrize(
    ("thinking", "pieces"),
    [
        ("one\n\ntwo", ["one\n\n", "two"]),
        ("one\r\n\r\ntwo", ["one\r\n\r\n", "two"]),
        ("one\n \t\n\n\n  two\nthree\n\n", ["one\n \t\n\n\n", "  two\nthree\n\n"]),
        ("\n\none", ["\n\none"]),
        (" \n\n ", []),
    ],
)
def test_where_it_cuts(thinking: str, pieces: list[str]) -> None:
    """The blank lines that end a segment belong to it; indentation to the next one."""
    assert [thinking[start:end] for start, end in segment(thinking)] == pieces


def test_five_megabytes_of_one_segment() -> None:
    """A long text without a blank line is one segment, found in linear time."""
    thinking = "word " * 1_000_000
    assert segment(thinking) == [(0, len(thinking))]
