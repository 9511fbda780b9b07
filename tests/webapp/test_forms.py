"""What a form may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidInput
from webapp.serving.forms import Form

TEXTS = st.text(max_size=60)


@given(TEXTS)
def test_a_line_has_no_break_and_no_control_character(value: str) -> None:
    """Or it is refused."""
    try:
        line = Form({"name": [value]}).line("name")
    except InvalidInput:
        return
    assert line.isprintable() and line == " ".join(line.split())


@given(TEXTS)
def test_a_number_is_one_that_a_row_can_have(value: str) -> None:
    """Or it is refused."""
    try:
        number = Form({"row": [value]}).number("row")
    except InvalidInput:
        return
    assert 0 <= number < 2**31


@pytest.mark.parametrize("value", ["", "-1", "1.0", "2147483648", "٣", "1e3", " 1"])
def test_what_is_no_number_of_a_row_is_refused(value: str) -> None:
    """Digits of other scripts and signs included."""
    with pytest.raises(InvalidInput):
        Form({"row": [value]}).number("row")


def test_ticked_boxes_count_once_each_in_order() -> None:
    """Whatever a browser sends."""
    assert Form({"label": ["3", "1", "3"]}).numbers("label") == (3, 1)
    assert Form({}).numbers("label") == ()


def test_a_text_keeps_its_lines() -> None:
    """Browsers end them with two characters; we keep one."""
    form = Form({"examples": [" one\r\n\r\n two \r\n"]})
    assert form.text("examples") == "one\n\n two"
    assert form.lines("examples") == ("one", "two")
