"""The gist of a segment: what it does, with the names and numbers that it is about taken out.

A sentence vector follows the topic; without names, numbers and quotations it follows the move.
"""

import re

HEAD_WORDS = 45
TAIL_WORDS = 20
ORDER_CHARACTERS = 20_000  # of a segment are searched for orders

_MARKUP = re.compile(r"[*_`#|]+")
_QUOTED = re.compile(r"[\"“«]([^\"”»\n]{1,200})[\"”»]")
_NUMBER = re.compile(r"[$€£]?\d[\d,.:/%]*\d%?|\d+(?:st|nd|rd|th|s)?\b%?")
_NAME = re.compile(
    r"(?<![.!?:\n] )(?<![.!?:\n])(?<!^)\b(?!I\b|I')[A-Z][\w'’&-]*"
    r"(?:(?: (?:of|the|and|de|la|von|van|for|in))? [A-Z][\w'’&-]*)*"
)
_SPACE = re.compile(r"\s+")
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.!?\n]{0,60}\b(?:above|previous|prior|earlier)\b"
    r"|\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\b(?:instruction|prompt|definition)s?\b"
    r"|\b(?:label|annotate|classify|tag|mark|categori[sz]e)\b[^.!?\n]{0,40}"
    r"\b(?:segment|step|trace|paragraph|text|everything)s?\b"
    r"|\bconfidence (?:of )?(?:10|ten)\b",
    re.IGNORECASE,
)
SENTENCE_ENDS = (".", "!", "?", "\n")
GIVES_ORDERS = "It tells somebody what to do."


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


def without_orders(text: str) -> str:
    """The text without sentences that tell a labeler what to say: they are no move of thinking."""
    head, tail = text[:ORDER_CHARACTERS], text[ORDER_CHARACTERS:]
    spans = [sentence_around(head, match.start(), match.end()) for match in _ORDER.finditer(head)]
    if not spans:
        return text
    kept, last = [], 0
    for start, end in spans:
        kept.append(head[last : max(start, last)])
        last = max(end, last)
    rest = "".join(kept) + head[last:] + tail
    return rest if rest.strip() else GIVES_ORDERS


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentence that holds [start, end), its closing mark included, found in linear time."""
    begin = max(text.rfind(mark, 0, start) for mark in SENTENCE_ENDS) + 1
    closing = [place for mark in SENTENCE_ENDS if (place := text.find(mark, end)) >= 0]
    stop = min(closing, default=len(text))
    return begin, stop + 1 if text[stop : stop + 1] in (".", "!", "?") else stop
