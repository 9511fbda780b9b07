"""A version as SKOS, in Turtle and in JSON-LD: categories under macro-strategies, labels as names.

A category's URI holds its key and no version, so that it stays the same from version to version;
the scheme's URI holds the version. Both texts say the same, and the same content gives the same
text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from taxonomy.vocabulary.contents import VersionContent

SKOS = "http://www.w3.org/2004/02/skos/core#"
BASE = "urn:mralign:"
POSITION = "position"
COUNTER = "Not an example: "  # SKOS has no word for one
PREFIX = f"@prefix skos: <{SKOS}> .\n"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Notes = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Uri:
    """A thing by its name."""

    name: str


@dataclass(frozen=True)
class Code:
    """A text of no language, such as a notation."""

    text: str


Value = Uri | Code | int | str  # a plain string is English


@dataclass(frozen=True)
class Subject:
    """A scheme or a concept with what is said of it."""

    name: str
    kind: str
    statements: tuple[tuple[str, Value], ...]


def describe(content: VersionContent, notes: Notes, base: str = BASE) -> Iterator[Subject]:
    """The scheme, its macro-strategies and its categories; `notes` are what changed, by key."""
    scheme = f"{base}taxonomy:{quote(content.name, safe='')}"
    names: dict[str | None, set[str]] = {}
    for label in content.labels:
        names.setdefault(label.category, set()).add(label.text)
    tops = list(dict.fromkeys(category.macro_strategy for category in content.categories))
    title: list[tuple[str, Value]] = [("prefLabel", content.name)]
    yield Subject(scheme, "ConceptScheme", (
        *title, *(("hasTopConcept", Uri(_top_uri(base, top))) for top in tops)
    ))  # fmt: skip
    for top in tops:
        yield Subject(_top_uri(base, top), "Concept", (
            ("prefLabel", top), ("inScheme", Uri(scheme)), ("topConceptOf", Uri(scheme))
        ))  # fmt: skip
    for number, category in enumerate(content.categories, start=1):
        others = sorted(names.get(category.key, set()) - {category.name})
        note: list[tuple[str, Value]] = [("scopeNote", category.scope_note)]
        yield Subject(category_uri(category.key, base), "Concept", (
            ("inScheme", Uri(scheme)),
            ("broader", Uri(_top_uri(base, category.macro_strategy))),
            ("notation", Code(category.key)),
            (POSITION, number),
            ("prefLabel", category.name),
            ("definition", category.definition),
            *(note if category.scope_note else ()),
            *(("example", example) for example in category.examples),
            *(("editorialNote", COUNTER + text) for text in category.counter_examples),
            *(("altLabel", name) for name in others),
            *(("changeNote", text) for text in notes.get(category.key, ())),
        ))  # fmt: skip


def category_uri(key: str, base: str = BASE) -> str:
    """The name of a category, the same in every version."""
    return f"{base}category:{quote(key, safe='')}"


def _top_uri(base: str, name: str) -> str:
    return f"{base}macro-strategy:{quote(name, safe='')}"


def write_turtle(content: VersionContent, notes: Notes | None = None, base: str = BASE) -> str:
    """The version as Turtle."""
    blocks = [_block(subject) for subject in describe(content, notes or {}, base)]
    return PREFIX + "".join("\n" + block for block in blocks)


def _block(subject: Subject) -> str:
    lines = [f"<{subject.name}> a skos:{subject.kind}"]
    lines += [f"    {_predicate(verb)} {_term(value)}" for verb, value in subject.statements]
    return " ;\n".join(lines) + " .\n"


def _predicate(verb: str) -> str:
    return f"<{BASE}{POSITION}>" if verb == POSITION else f"skos:{verb}"


def _term(value: Value) -> str:
    match value:
        case Uri():
            return f"<{value.name}>"
        case Code():
            return literal(value.text).removesuffix("@en")
        case int():
            return str(value)
        case _:
            return literal(value)


def literal(text: str) -> str:
    """A Turtle string that cannot end early, in English."""
    return '"' + "".join(map(_escaped, text)) + '"@en'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def write_json_ld(content: VersionContent, notes: Notes | None = None, base: str = BASE) -> str:
    """The version as JSON-LD, with its context inside, so that nothing has to be fetched."""
    links = ("hasTopConcept", "topConceptOf", "inScheme", "broader")
    texts = ("prefLabel", "altLabel", "definition", "scopeNote", "example", "changeNote",
             "editorialNote")  # fmt: skip
    context: dict[str, Any] = {
        "notation": f"{SKOS}notation",
        POSITION: f"{BASE}{POSITION}",
        "Concept": f"{SKOS}Concept",
        "ConceptScheme": f"{SKOS}ConceptScheme",
        **{name: {"@id": SKOS + name, "@type": "@id"} for name in links},
        **{name: {"@id": SKOS + name, "@language": "en"} for name in texts},
    }
    graph = [_node(subject) for subject in describe(content, notes or {}, base)]
    return json.dumps({"@context": context, "@graph": graph}, indent=1, ensure_ascii=True) + "\n"


def _node(subject: Subject) -> dict[str, Any]:
    values: dict[str, list[str | int]] = {}
    for verb, value in subject.statements:
        values.setdefault(verb, []).append(_plain(value))
    several = {verb: each if len(each) > 1 else each[0] for verb, each in values.items()}
    return {"@id": subject.name, "@type": subject.kind, **several}


def _plain(value: Value) -> str | int:
    match value:
        case Uri():
            return value.name
        case Code():
            return value.text
        case _:
            return value
