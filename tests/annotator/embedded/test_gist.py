"""The gist: the move stays, the topic goes, and no text breaks it."""

from hypothesis import given
from hypothesis import strategies as st

from annotator.embedded.gist import gist


def test_names_numbers_and_quotations_go() -> None:
    text = 'Wait, I think **Maria Gomez** won the "Grand Prix" of Monaco in 1987, not in 1988.'
    plain = gist(text)
    for topic in ("Maria", "Gomez", "Grand Prix", "Monaco", "1987", "1988", "*"):
        assert topic not in plain
    for move in ("Wait, I think", "won the", "not in"):
        assert move in plain


def test_the_first_word_of_a_sentence_and_the_speaker_stay() -> None:
    assert gist("However, I'm not sure. Maybe I should check.") == (
        "However, I'm not sure. Maybe I should check."
    )


def test_two_topics_of_one_move_have_one_gist() -> None:
    a = gist("Let me recall when Peru joined in 1945.")
    assert a == gist("Let me recall when Norway joined in 1960.")


def test_a_long_segment_gives_its_beginning_and_its_end() -> None:
    plain = gist("so it begins " + "and goes on " * 500 + "until the end")
    assert plain.startswith("so it begins") and plain.endswith("until the end")
    assert len(plain.split()) < 80


@given(st.text(max_size=300))
def test_any_text_has_a_gist(text: str) -> None:
    """Nothing raises, and only blank text gives nothing."""
    assert bool(gist(text)) or not text.strip()


def test_a_text_without_words_is_its_own_gist() -> None:
    assert gist(" *** --- ") == "*** ---"
