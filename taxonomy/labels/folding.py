"""What a label says once case, separators, plurals, typing errors and adornments are folded away.

Labelers write "Brief error-check / recap" where they mean "error check". A label is folded to its
moves: its phrases in order, the first of which it is mainly about, each without the modifiers that
the inventory itself shows to be modifiers.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Moves = tuple[str, ...]

MAX_CHARACTERS = 200  # a labeler that answers with an essay is read to here
MODIFIER_WORDS = 2  # "evidence-based" folds to two words
MIN_RESTS = 6  # distinct phrases that must go on without a word before it counts as a modifier
MIN_SHARE = 0.6  # of all phrases that begin (or end) with the word
MIN_TYPO_LETTERS = 6
TYPO_RATIO = 4  # the right spelling stands in this many times as many labels

_SPLIT = re.compile(r"\s*(?:[+/&,;|:→]|\b(?:and|with|then|followed by)\b)\s*")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_SEPARATOR = re.compile(r"[\s_\-‐-―.'\"()\[\]{}!?*#`]+")
_UNCHANGED = ("ss", "us", "is", "ics", "ous", "ias", "vas")


def fold_text(text: str) -> str:
    """The text in lower case with single spaces, camel case opened, plurals made singular."""
    plain = _CAMEL.sub(" ", unicodedata.normalize("NFKC", text)[:MAX_CHARACTERS]).casefold()
    words = _SEPARATOR.sub(" ", plain).split()
    return " ".join(singular(word) for word in words)


def singular(word: str) -> str:
    """The word without the plural's ending, by rule; short words stay as they are."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(_UNCHANGED):
        return word
    if word.endswith(("theses", "lyses", "crises")):
        return word[:-2] + "is"
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    return word[:-1]


def split_moves(text: str) -> Moves:
    """The phrases of a label that names more than one move, in order, folded.

    Identity: at least one phrase; a label of separators alone is itself, folded to "".
    """
    opened = _CAMEL.sub(" ", text[:MAX_CHARACTERS]).casefold().replace("_", " ")
    phrases = tuple(phrase for part in _SPLIT.split(opened) if (phrase := fold_text(part)))
    return phrases or (fold_text(text),)


@dataclass(frozen=True)
class Folder:
    """Folds labels to their moves by what an inventory taught it."""

    leading: frozenset[str] = frozenset()
    trailing: frozenset[str] = frozenset()
    spelling: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> Moves:
        """The moves of a label: each spelled right and bare of modifiers, repeats left out."""
        spelled = (respell(phrase, self.spelling) for phrase in split_moves(text))
        return tuple(dict.fromkeys(self.bare(phrase) for phrase in spelled))

    def bare(self, phrase: str) -> str:
        """The phrase without its modifiers; one word always stays."""
        words = phrase.split()
        while (shorter := self._shorter(words)) is not None:
            words = shorter
        return " ".join(words)

    def _shorter(self, words: list[str]) -> list[str] | None:
        for count in range(min(MODIFIER_WORDS, len(words) - 1), 0, -1):
            if " ".join(words[:count]) in self.leading:
                return words[count:]
            if " ".join(words[-count:]) in self.trailing:
                return words[:-count]
        return None


def respell(phrase: str, spelling: Mapping[str, str]) -> str:
    """The phrase with every word that is a known typing error put right."""
    return " ".join(spelling.get(word, word) for word in phrase.split())


def learn_folder(labels: Sequence[str]) -> Folder:
    """A folder that knows the typing errors and the modifiers of an inventory.

    A modifier is a beginning (or an end) of one or two words without which at least six other
    phrases of the inventory go on, and most of those that have it: "brief", "evidence-based".
    Identity: the order of the labels does not matter.
    """
    phrases = {phrase for label in labels for phrase in split_moves(label)}
    spelling = find_typos(phrases)
    phrases = {respell(phrase, spelling) for phrase in phrases}
    leading, trailing = find_modifiers(phrases)
    return Folder(leading, trailing, spelling)


def find_modifiers(phrases: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Beginnings and ends that can be left out, as the phrases themselves show."""
    seen: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    rests: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for phrase in phrases:
        words = phrase.split()
        for count in range(1, min(MODIFIER_WORDS, len(words) - 1) + 1):
            cuts = (words[:count], words[count:]), (words[-count:], words[:-count])
            for side, (modifier, rest) in enumerate(cuts):
                seen[side][" ".join(modifier)] += 1
                rests[side][" ".join(modifier)] += " ".join(rest) in phrases
    leading, trailing = (
        frozenset(
            text
            for text, count in rests[side].items()
            if count >= MIN_RESTS and count >= MIN_SHARE * seen[side][text]
        )
        for side in (0, 1)
    )
    return leading, trailing


def find_typos(phrases: Iterable[str]) -> dict[str, str]:
    """Words one edit away from a word that stands in four times as many phrases.

    Only words of six letters and more; the first letter counts as right.
    """
    counts = Counter(word for phrase in phrases for word in phrase.split())
    long_words = [word for word in counts if len(word) >= MIN_TYPO_LETTERS]
    near: defaultdict[str, list[str]] = defaultdict(list)
    for word in long_words:
        for form in _shortened(word):
            near[form].append(word)
    return {
        word: max(better, key=lambda other: (counts[other], other))
        for word in long_words
        if (better := _better_spellings(word, near, counts))
    }


def _shortened(word: str) -> set[str]:
    """The word, and the word without any one letter after the first: typing errors share one."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(1, len(word)))}


def _better_spellings(
    word: str, near: Mapping[str, Sequence[str]], counts: Mapping[str, int]
) -> list[str]:
    candidates = {other for form in _shortened(word) for other in near[form]}
    return [
        other
        for other in candidates
        if other != word and counts[other] >= TYPO_RATIO * counts[word] and is_slip(word, other)
    ]


def is_slip(word: str, other: str) -> bool:
    """Whether one letter left out, doubled, added, changed or swapped makes one word the other.

    A changed last letter or two words that differ by an ending ("verified", "verifies") are no
    slip: they are forms.
    """
    if word[:-2] == other[:-2] or word[:-1] == other[: len(word) - 1] or word == other[:-1]:
        return False
    if len(word) == len(other):
        places = [place for place in range(len(word)) if word[place] != other[place]]
        swapped = len(places) == 2 and places[1] == places[0] + 1
        return len(places) == 1 or (
            swapped and word[places[0]] == other[places[1]] and word[places[1]] == other[places[0]]
        )
    longer, shorter = (word, other) if len(word) > len(other) else (other, word)
    return len(longer) == len(shorter) + 1 and shorter in _shortened(longer)
