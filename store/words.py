"""What traces are searched by: how a text is cut into words, and what a search asks for.

A search holds words that must all stand in a trace; "some words" in quotes stand together, a word
that ends in * begins one, and -word must not stand there. Whatever is none of that is words.
"""

import re
import unicodedata
from dataclasses import dataclass

# Written without spaces: kana, Chinese characters, Hangul. Each character is a word of its own,
# and what stands together in a search must stand together in the text.
UNSPACED = (
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
MOST_TERMS = 20
_UNSPACED = re.compile(f"([{UNSPACED}])")
_QUOTES = str.maketrans(dict.fromkeys("“”„«»「」", '"'))
_TERMS = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand together, or must not stand in a trace at all."""

    text: str
    begins: bool = False  # the last word need only begin like that
    excluded: bool = False


def spaced(text: str | None) -> str | None:
    """The text composed, each character that is written without spaces as a word of its own.

    SQLite calls it wherever it writes a trace, so that it must be quick on plain English.
    """
    if text is None or text.isascii():
        return text
    return _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFKC", text))


def read_terms(search: str) -> tuple[Term, ...]:
    """What a search asks for; () where it holds neither a letter nor a digit.

    Nothing is an error: a quote without its pair is no quote, and a search that only excludes is
    taken as words.
    """
    found = [
        _term(*match.groups(default="")) for match in _TERMS.finditer(search.translate(_QUOTES))
    ]
    terms = [term for term in found if any(map(str.isalnum, term.text))][:MOST_TERMS]
    if all(term.excluded for term in terms):
        terms = [Term(term.text, term.begins) for term in terms]
    return tuple(terms)


def _term(minus: str, quoted: str, bare: str) -> Term:
    if quoted:
        return Term(quoted, excluded=bool(minus))
    return Term(bare.rstrip("*"), bare.endswith("*"), bool(minus))
