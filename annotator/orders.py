"""Orders to whoever labels, in a text that is to be labelled: found by what they must talk about.

An order that is to change labels has to speak of labelling (or pretend to be another voice), of
what it applies to or to whom, and has to name what it wants. Sentences that do are left out of
what is read; a sentence that merely names a move, as thinking does, stays.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

SEARCHED_CHARACTERS = 20_000  # of a segment are searched for orders
REPEATS = 4  # of one phrase in a row say nothing but the phrase
STEM = 6  # letters that two forms of a word share
GIVES_ORDERS = "It tells somebody what to do."
VOICES = 2  # of: an order, a reach, an address; fewer is how thinking speaks of labels too
SAID_WITHIN = 2  # words between "write" and the name that is to be written

_MARK = re.compile(
    r"<\|[^|>\n]{1,40}\|>|\[/?(?:INST|SYS(?:TEM)?)\]|<<?/?sys(?:tem)?>>?|<(?:start|end)_of_turn>"
    r"|</?(?:data|item|segment|step|user|assistant|instruction|prompt|trace|input|output|label)s?"
    r"(?:[-\s][^>\n]{0,80})?>"
    r"|^[^\S\n]*[#*_]{0,4}(?:system|assistant|user|developer|human|ai)[*_]{0,2}\s?:",
    re.IGNORECASE | re.MULTILINE,
)
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LABELLING = re.compile(
    r"\b(?:re|mis)?-?label(?:s|l?ed|l?ing|l?ers?)?\b|\bannotat|\bcategor|\bclassif|\btag(?:s|ged|ging)?\b"
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
_FORM = re.compile(
    r"\b(?:label|categor(?:y|ie)|annotation|tag|class|code|verdict)s?[\"'\]]*\s*[:=]"
    r"|<!--|/\*|\{\s*[\"']",
    re.IGNORECASE,
)
_SAID = (
    r"\b(?:writ(?:e|es|ten)|record|put|print|emit|output|say|says|return|answers?|reply|respond"
    r"|mark|tag|label|assign(?:ed)?|classif(?:y|ied)|select|choose|insert|defaults?|copy|count(?:ed)?"
    r"|(?:reply|response|answer|everything|all|it|this|segment|step) (?:with|as|is))"
)
_SAYING, _ENDS_SAYING = (re.compile(_SAID + end, re.IGNORECASE) for end in (r"\b", "$"))
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?]+|\n|$)")
_WORD = re.compile(r"[^\W_]+")
_REPEATED = re.compile(
    r"(?<!\w)(\w[\w \-]{2,60}?)(?:[\s,;:.!|]+\1){%d,}" % (REPEATS - 1), re.IGNORECASE
)
_COMMAND = re.compile(
    r"\b(?:ignore|disregard|forget)\b[^.!?\n]{0,60}\b(?:above|previous|prior|earlier)\b"
    r"|\b(?:ignore|disregard|forget)\b[^.!?\n]{0,40}\b(?:instruction|prompt|definition)s?\b"
    r"|\b(?:label|annotate|classify|tag|mark|categori[sz]e)\b[^.!?\n]{0,40}"
    r"\b(?:segment|step|trace|paragraph|text|everything)s?\b"
    r"|\bconfidence (?:of )?(?:10|ten)\b",
    re.IGNORECASE,
)
_SMALL = frozenset("a an the of to in on and or for is it by with as at from".split())


def without_orders(text: str, names: Iterable[str] = ()) -> str:
    """The text without what tells a labeler what to say; a fixed sentence where nothing is left.

    `names` are those that an order could ask for. What follows a mark of another voice (a chat
    template's, a fence's) goes with it; so does a phrase that is repeated over and over.
    """
    head, tail = text[:SEARCHED_CHARACTERS], text[SEARCHED_CHARACTERS:]
    mark, repeats = _MARK.search(head), _repeats(head)
    signs = (_LABELLING, _SAYING, _COMMAND, _HIDDEN, _FORM)
    if not (mark or repeats or any(sign.search(head) for sign in signs)):
        return text
    if mark:
        head, tail = head[: mark.start()], ""
    if repeats:
        head = _REPEATED.sub(" ", head)
    pieces = [piece for piece in _SENTENCE.findall(head) if piece]
    wanted = _stems(tuple(names))
    kept = [piece for index, piece in enumerate(pieces) if not _orders(pieces, index, wanted)]
    rest = "".join(kept) + tail
    return rest if any(map(str.isalnum, rest)) else GIVES_ORDERS


def _orders(pieces: list[str], index: int, wanted: tuple[frozenset[str], ...]) -> bool:
    """Whether a sentence gives an order, or names what the sentences beside it order."""
    piece = pieces[index]
    if _HIDDEN.search(piece) or _COMMAND.search(piece):
        return True
    if _LABELLING.search(piece) and _voices(piece) > VOICES:
        return True
    named = _named(piece, wanted)
    if not named:
        return False
    if _FORM.search(piece) or any(_is_said(piece, place) for place in named):
        return True
    around = " ".join(pieces[max(index - 1, 0) : index + 2])
    near, wide = bool(_LABELLING.search(piece)), bool(_LABELLING.search(around))
    return (near and _voices(piece) >= 1) or (wide and _voices(around) >= VOICES)


def _named(piece: str, wanted: tuple[frozenset[str], ...]) -> list[int]:
    """Where the first word of each wanted name stands that a sentence holds all words of."""
    words = [(_stem(word[0].casefold()), word.start()) for word in _WORD.finditer(piece)]
    stems = frozenset(stem for stem, _ in words)
    found = [name for name in wanted if name <= stems]
    return [next(at for stem, at in words if stem in name) for name in found]


def _is_said(piece: str, place: int) -> bool:
    """Whether a name is what somebody is to write or to say, rather than a move."""
    before = piece[max(place - 60, 0) : place].split()
    ends = range(max(len(before) - SAID_WITHIN, 0), len(before) + 1)
    return any(_ENDS_SAYING.search(" ".join(before[:end]).strip("\"'`:*")) for end in ends if end)


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


def _voices(text: str) -> int:
    return sum(bool(sign.search(text)) for sign in (_ORDERING, _REACH, _ADDRESS))


@lru_cache(maxsize=64)
def _stems(names: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """The words of each name, cut to what their forms share."""
    words = (_WORD.findall(name.casefold()) for name in names)
    found = {frozenset(_stem(w) for w in each if w not in _SMALL) for each in words}
    return tuple(sorted((name for name in found if name), key=sorted))


def _stem(word: str) -> str:
    return word[:STEM] if len(word) > STEM else word.rstrip("s")
