"""The gist of a segment: what it does, with the names and numbers that it is about taken out.

A sentence vector follows the topic; without names, numbers and quotations it follows the move.
"""

import re

HEAD_WORDS = 45
TAIL_WORDS = 20

_MARKUP = re.compile(r"[*_`#|]+")
_QUOTED = re.compile(r"[\"“«]([^\"”»\n]{1,200})[\"”»]")
_NUMBER = re.compile(r"[$€£]?\d[\d,.:/%]*\d%?|\d+(?:st|nd|rd|th|s)?\b%?")
_NAME = re.compile(
    r"(?<![.!?:\n] )(?<![.!?:\n])(?<!^)\b(?!I\b|I')[A-Z][\w'’&-]*"
    r"(?:(?: (?:of|the|and|de|la|von|van|for|in))? [A-Z][\w'’&-]*)*"
)
_SPACE = re.compile(r"\s+")


def gist(text: str, head_words: int = HEAD_WORDS, tail_words: int = TAIL_WORDS) -> str:
    """The first and the last words of a segment, its names, numbers and quotations replaced.

    Names become "it", numbers "some", quotations "something"; a text that has no letters left
    gives itself, shortened.
    """
    words = shortened(text, head_words, tail_words)
    plain = _MARKUP.sub("", words)
    plain = _QUOTED.sub("something", plain)
    plain = _NAME.sub("it", plain)
    plain = _NUMBER.sub("some", plain)
    plain = _SPACE.sub(" ", plain).strip()
    return plain if any(character.isalpha() for character in plain) else words.strip()


def shortened(text: str, head_words: int, tail_words: int) -> str:
    """The first and the last words, whole where the text is short."""
    words = text[:20000].split(" ")
    if len(words) <= head_words + tail_words:
        return text[:20000]
    return " ".join(words[:head_words]) + " … " + " ".join(words[-tail_words:])
