"""Orders to whoever labels, in a text that is to be labelled: found by what they must talk about.

An order that is to change labels has to name what it wants. So sentences that speak of labelling,
of what it applies to or to whom, and of a name are left out of what is read, and a name that stands
as a thing to be said ("print case analysis") is read as "it". Thinking makes its moves and hardly
ever names them; where it does, it says "an analogy with" or "by analogy", and that stays.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from annotator.labeling.steps import CategoryView

SEARCHED_CHARACTERS = 20_000  # of a segment are searched for orders
REPEATS = 4  # of one phrase in a row say nothing but the phrase
STEM = 6  # letters that two forms of a word share
GIVES_ORDERS = "It tells somebody what to do."
VOICES = 2  # of: an order, a reach, an address; fewer is how thinking speaks of labels too

_MARK = re.compile(
    r"<\|[^|>\n]{1,40}\|>|\[/?(?:INST|SYS(?:TEM)?)\]|<<?/?sys(?:tem)?>>?|<(?:start|end)_of_turn>"
    r"|</?(?:data|item|segment|step|user|assistant|instruction|prompt|trace|input|output|label)s?"
    r"(?:[-\s][^>\n]{0,80})?>"
    r"|^[^\S\n]*[#*_]{0,4}(?:system|assistant|user|developer|human|ai)[*_]{0,2}\s?:",
    re.IGNORECASE | re.MULTILINE,
)
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_LABELLING = re.compile(
    r"\b(?:re|mis)?-?label(?:s|l?ed|l?ing|l?ers?)?\b|\bannotat|\bcategor|\bclassif"
    r"|\btag(?:s|ged|ging)?\b"
    r"|\bguidelines?\b|\bschema\b|\bparser\b|\bpipeline\b|\binstructions?\b|\bprompts?\b"
    r"|\bgraders?\b|\breviewers?\b|\braters?\b|\bcoders?\b|\bassign|\bwhoever\b"
    r"|\btaxonom|\bcodebook|\bvocabulary\b|\bjson\b|\bconfidence\b|\bsegments?\b",
    re.IGNORECASE,
)
_ORDERING = re.compile(
    r"\b(?:must|should|shall|always|never|only|use|apply|reply|answer|respond|output|print|return"
    r"|write|replace|ignore|disregard|forget|treat|mark|label|tag|annotate|classify|categori[sz]e"
    r"|assign|choose|pick|select|copy|repeat|stop|put|set|give|call|translate|authori[sz]e|please"
    r"|emit|insert|record|change|override|expect(?:s|ed)?|agreed|correct(?:ed|ion)?)\b",
    re.IGNORECASE,
)
_REACH = re.compile(
    r"\b(?:every(?:thing)?|each|all|any|nothing else|whole|entire|throughout|remaining|rest"
    r"|from (?:here|now) on|segments?|steps?|paragraphs?|spans?|this trace|the trace|traces)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:you|your|yours|dear|(?:language )?models?|assistant|ai|llm|system|developers?"
    r"|annotators?|label?lers?|graders?|reviewers?|readers?|raters?|coders?|machine|bot)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?]+|\n|$)")
_WORD = re.compile(r"[^\W_]+")
_REPEATED = re.compile(
    rf"(?<!\w)(\w[\w \-]{{2,60}}?)(?:[\s,;:.!|]+\1){{{REPEATS - 1},}}", re.IGNORECASE
)
_COMMAND = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.!?\n]{0,60}\b(?:above|previous|prior|earlier)\b"
    r"|\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\b(?:instruction|prompt|definition)s?\b"
    r"|\b(?:label|annotate|classify|tag|mark|categori[sz]e)\b[^.!?\n]{0,40}"
    r"\b(?:segment|step|trace|paragraph|text|everything)s?\b"
    r"|\bconfidence (?:of )?(?:10|ten)\b",
    re.IGNORECASE,
)
_AFTER = frozenset(
    ["of", "with", "between", "from", "about"]
)  # what a move that is made goes on with
_HAVING = frozenset(["a", "an", "the", "this", "that", "my", "our", "another", "some", "by"])
_NOUN = re.compile(r"(?:[st]ion|sis|gy|ment|ing|ance|ence|ity|ure|val|son)s?$")
NAMELESS = "it"


def without_orders(text: str, names: Sequence[str] = ()) -> str:
    """The text without what tells a labeler what to say; a fixed sentence where nothing is left.

    `names` are those that an order could ask for. What follows a mark of another voice (a chat
    template's, a fence's) goes with it; so does a phrase that is repeated over and over.
    """
    head, tail = text[:SEARCHED_CHARACTERS], text[SEARCHED_CHARACTERS:]
    known = _known(tuple(names))
    mark, repeats = _MARK.search(head), _repeats(head)
    if mark:
        head, tail = head[: mark.start()], ""
    if repeats:
        head = _REPEATED.sub(" ", head)
    if any(sign.search(head) for sign in (_LABELLING, _COMMAND, _HIDDEN)):
        pieces = [piece for piece in _SENTENCE.findall(head) if piece]
        head = "".join(p for index, p in enumerate(pieces) if not _orders(pieces, index, known))
    rest = known.unsaid(head) + tail
    return rest if rest is text or any(map(str.isalnum, rest)) or not text else GIVES_ORDERS


def names_of(categories: Iterable[CategoryView]) -> tuple[str, ...]:
    """Every name of categories that an order could ask for."""
    names = (name for each in categories for name in (each.key, each.name, *each.known_labels))
    return tuple(dict.fromkeys(names))


def _orders(pieces: list[str], index: int, known: "_Names") -> bool:
    """Whether a sentence gives an order, or names what the sentences beside it order."""
    piece = pieces[index]
    if _HIDDEN.search(piece) or _COMMAND.search(piece):
        return True
    speaks = bool(_LABELLING.search(piece))
    if speaks and _voices(piece) > VOICES:
        return True
    around = " ".join(pieces[max(index - 1, 0) : index + 2])
    if not speaks and not (_LABELLING.search(around) and _voices(around) >= VOICES):
        return False
    return bool(known.mentions(piece)) and _voices(piece if speaks else around) >= 1


def _voices(text: str) -> int:
    return sum(bool(sign.search(text)) for sign in (_ORDERING, _REACH, _ADDRESS))


def _repeats(text: str) -> bool:
    """Whether one to four words come back at once, again and again."""
    words = _WORD.findall(text.casefold())
    for period in range(1, 5):
        run = 0
        for word, later in zip(words, words[period:], strict=False):
            run = run + 1 if word == later and len(word) > 2 else 0
            if run >= period * (REPEATS - 1):
                return True
    return False


@dataclass(frozen=True)
class _Mention:
    """Where a name stands, and whether as a thing to be said."""

    start: int
    end: int
    bare: bool


class _Names:
    """Names by the stem of their first word, so that a text is searched once for all of them.

    A name of one word is a thing to be said only as the noun it is; "recall" is what people do.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.by_first: dict[str, list[tuple[tuple[str, ...], str | None]]] = {}
        for name in names:
            words = _WORD.findall(name.casefold())
            if words:
                noun = "" if len(words) > 1 else words[0] if _NOUN.search(words[0]) else None
                stems = tuple(map(_stem, words))
                self.by_first.setdefault(stems[0], []).append((stems, noun))
        for each in self.by_first.values():
            each.sort(key=lambda item: -len(item[0]))

    def mentions(self, text: str) -> list[_Mention]:
        """Every name that a text holds, its words one after another."""
        words = list(_WORD.finditer(text))
        stems = [_stem(word[0].casefold()) for word in words]
        found = []
        for at, stem in enumerate(stems):
            for name, noun in self.by_first.get(stem, ()):
                if tuple(stems[at : at + len(name)]) == name:
                    last = at + len(name) - 1
                    whole = noun == "" or noun in _singulars(words[at][0].casefold())
                    span = words[at].start(), words[last].end()
                    found.append(_Mention(*span, whole and not _is_made(words, at, last)))
                    break
        return found

    def unsaid(self, text: str) -> str:
        """The text with "it" for every name that stands as a thing to be said."""
        bare = [mention for mention in self.mentions(text) if mention.bare]
        if not bare:
            return text
        parts, last = list[str](), 0
        for mention in bare:
            if mention.start >= last:
                parts += [text[last : mention.start], NAMELESS]
                last = mention.end
        return "".join(parts) + text[last:]


def _is_made(words: Sequence[re.Match[str]], first: int, last: int) -> bool:
    """Whether a name is of a move that somebody makes: by it, or a such one of something."""
    before = words[first - 1][0].casefold() if first else ""
    after = words[last + 1][0].casefold() if last + 1 < len(words) else ""
    return before == "by" or (before in _HAVING and after in _AFTER)


def _singulars(word: str) -> tuple[str, str, str]:
    """What a word may be a form of: itself, or the one of which it is the plural."""
    return word, word.removesuffix("s"), word.removesuffix("ies") + "y"


@lru_cache(maxsize=16)
def _known(names: tuple[str, ...]) -> _Names:
    return _Names(names)


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """A word cut to what its forms share."""
    return word[:STEM] if len(word) > STEM else word.rstrip("s")
