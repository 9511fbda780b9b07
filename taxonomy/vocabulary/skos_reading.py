"""A vocabulary from SKOS, in Turtle or JSON-LD, whoever wrote it.

Nothing is fetched: a JSON-LD file has to carry its context. What the file leaves out and cannot be
done without is an error that names the concepts; what can be settled is settled and noted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from taxonomy.events.decisions import (
    KEY_PATTERN,
    NAME_LIMIT,
    TEXT_LIMIT,
    DecisionError,
    clean_line,
)
from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.skos import BASE, COUNTER, POSITION, SKOS

if TYPE_CHECKING:
    from rdflib import Graph
    from rdflib.term import Node

MOST_CHARACTERS = 16_000_000
MOST_CATEGORIES = 1_000
MOST_LEVELS = 50
FORMATS = {"turtle": "turtle", "json-ld": "json-ld"}
NO_STRATEGY = "no macro-strategy"
SHOWN = 5
_OURS = re.compile(r":category:([^:/#?]+)\Z")


class SkosError(ValueError):
    """A file is no vocabulary; the message says what is missing and where."""


@dataclass(frozen=True)
class ReadVocabulary:
    """Categories in their order, the labels of each by its key, and what had to be settled."""

    name: str
    categories: tuple[CategoryText, ...]
    labels: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]


def read_skos(text: str, format_: str) -> ReadVocabulary:
    """The vocabulary in a SKOS file; `format_` is turtle or json-ld.

    A concept without a broader one that others name as theirs is a macro-strategy; every other
    concept is a category of the macro-strategy at its top.

    Identity: what `write_turtle` and `write_json_ld` wrote comes back as it was.
    Raises: SkosError where it cannot be read, or a concept lacks a name or a definition.
    """
    graph = _parse(text, format_)
    reader = _Reader(graph)
    return reader.read()


def _parse(text: str, format_: str) -> "Graph":
    from rdflib import Graph

    if format_ not in FORMATS:
        raise SkosError(f"expected one of {', '.join(FORMATS)}, got format {format_[:50]!r}")
    if len(text) > MOST_CHARACTERS:
        raise SkosError(f"expected at most {MOST_CHARACTERS:,} characters, got {len(text):,}")
    if "XMLLiteral" in text:
        raise SkosError("expected plain texts, got an XMLLiteral; write it as a string")
    if format_ == "json-ld":
        _require_no_fetching(text)
    try:
        return Graph().parse(data=text, format=FORMATS[format_], publicID="urn:mralign:read:")
    except RecursionError:
        raise SkosError(f"expected {format_}, got something nested too deep") from None
    except Exception as error:  # the parsers raise whatever they meet
        reason = " ".join(str(error).split())[:300]
        raise SkosError(f"expected {format_}, got {type(error).__name__}: {reason}") from None


def _require_no_fetching(text: str) -> None:
    try:
        document = json.loads(text)
        fetched = _fetched(document)
    except RecursionError:
        raise SkosError("expected json-ld, got something nested too deep") from None
    except ValueError as error:
        raise SkosError(f"expected json-ld, got no JSON: {error}") from None
    if fetched is not None:
        raise SkosError(
            f"expected a context inside the file, got one to fetch, {fetched[:100]!r}; nothing is "
            "fetched: write the context out"
        )


def _fetched(document: Any) -> str | None:
    """The first address in a JSON-LD document that a parser would fetch."""
    if isinstance(document, list):
        return next((found for item in document if (found := _fetched(item))), None)
    if not isinstance(document, dict):
        return None
    for key, value in document.items():
        named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        address = next((item for item in named if isinstance(item, str)), None)
        if key in ("@context", "@import") and address is not None:
            return address
        if (found := _fetched(value)) is not None:
            return found
    return None


@dataclass
class _Reader:
    graph: "Graph"
    notes: list[str] = field(default_factory=list)

    def read(self) -> ReadVocabulary:
        chosen = self._categories()
        texts: list[CategoryText] = []
        labels: dict[str, tuple[str, ...]] = {}
        self._require(chosen, "prefLabel", ("prefLabel",))
        self._require(chosen, "definition", ("definition", "scopeNote"))
        for concept in sorted(chosen, key=self._rank):
            text = self._category(concept, set(labels))
            texts.append(text)
            names = self._all(concept, "altLabel") + self._all(concept, "hiddenLabel")
            labels[text.key] = tuple(dict.fromkeys(names))
        return ReadVocabulary(self._title(), tuple(texts), labels, tuple(self.notes))

    def _categories(self) -> "list[Node]":
        from rdflib import OWL, RDF

        typed = set(self.graph.subjects(RDF.type, _skos("Concept")))
        gone = {c for c in typed if str(self.graph.value(c, OWL.deprecated)) in ("true", "1")}
        concepts = typed - gone
        above = set(self.graph.objects(None, _skos("broader")))
        above |= set(self.graph.subjects(_skos("narrower"), None))
        chosen = [c for c in concepts if self._broader(c) or c not in above]
        if not chosen:
            raise SkosError(
                f"expected skos:Concept with names and definitions, found {len(concepts)} concepts "
                "and no category among them"
            )
        if len(chosen) > MOST_CATEGORIES:
            raise SkosError(f"expected at most {MOST_CATEGORIES} categories, got {len(chosen)}")
        return chosen

    def _require(self, concepts: "list[Node]", what: str, among: tuple[str, ...]) -> None:
        without = [c for c in concepts if not any(self._all(c, name) for name in among)]
        if without:
            shown = ", ".join(sorted(str(c)[:100] for c in without)[:SHOWN])
            more = f" and {len(without) - SHOWN} more" if len(without) > SHOWN else ""
            raise SkosError(f"expected a skos:{what} of every concept, found none of {shown}{more}")

    def _category(self, concept: "Node", taken: set[str]) -> CategoryText:
        name = self._one(concept, "prefLabel")
        note = " ".join(self._all(concept, "scopeNote"))
        try:
            return CategoryText(
                self._key(concept, name, taken),
                clean_line(name, "a prefLabel"),
                clean_line(self._strategy(concept), "a macro-strategy"),
                clean_line(self._one(concept, "definition") or note, "a definition", TEXT_LIMIT),
                clean_line(note, "a scopeNote", TEXT_LIMIT) if note else "",
                tuple(clean_line(text, "an example") for text in self._all(concept, "example")),
                tuple(
                    clean_line(text.removeprefix(COUNTER), "a counter-example")
                    for text in self._all(concept, "editorialNote")
                    if text.startswith(COUNTER)
                ),
            )
        except DecisionError as error:
            raise SkosError(f"{str(concept)[:200]}: {error}") from error

    def _key(self, concept: "Node", name: str, taken: set[str]) -> str:
        ours = _OURS.search(str(concept)) if str(concept).startswith(BASE) else None
        wanted = [unquote(ours[1])] if ours else []
        wanted += [*self._all(concept, "notation"), _slug(name)]
        key = next((each for each in wanted if KEY_PATTERN.fullmatch(each)), "category")
        unique, number = key, 2
        while unique in taken:
            unique, number = f"{key[:90]}_{number}", number + 1
        if unique != key:
            self.notes.append(f"a second {key} became {unique}")
        return unique

    def _strategy(self, concept: "Node") -> str:
        """The name of the concept at the top."""
        top, seen = concept, {concept}
        while above := self._broader(top):
            if len(above) > 1:
                self.notes.append(f"{str(top)[:100]} has {len(above)} broader concepts; the first "
                                  "by name was taken")  # fmt: skip
            top = above[0]
            if top in seen or len(seen) > MOST_LEVELS:
                raise SkosError(f"expected a tree, but {str(concept)[:100]} is above itself")
            seen.add(top)
        if top == concept:
            return NO_STRATEGY
        return self._one(top, "prefLabel") or str(top).rsplit("/", 1)[-1].rsplit("#", 1)[-1]

    def _broader(self, concept: "Node") -> "list[Node]":
        up = set(self.graph.objects(concept, _skos("broader")))
        return sorted(up | set(self.graph.subjects(_skos("narrower"), concept)), key=str)

    def _rank(self, concept: "Node") -> tuple[float, str, str]:
        from rdflib import URIRef

        position = str(self.graph.value(concept, URIRef(BASE + POSITION)) or "")
        number = float(position) if position.isascii() and position.isdigit() else float("inf")
        return number, " ".join(self._all(concept, "notation")), str(concept)

    def _title(self) -> str:
        from rdflib import RDF

        schemes = sorted(self.graph.subjects(RDF.type, _skos("ConceptScheme")), key=str)
        return next((name for each in schemes if (name := self._one(each, "prefLabel"))), "")

    def _one(self, subject: "Node", verb: str) -> str:
        """The text in English, else in no language, else the first by language."""
        ranked = sorted(
            (_language_rank(language), language, text)
            for language, text in self._texts(subject, verb)
        )
        return ranked[0][2] if ranked else ""

    def _all(self, subject: "Node", verb: str) -> list[str]:
        """The texts in the language of `_one`, in the order of the alphabet."""
        found = self._texts(subject, verb)
        best = min((_language_rank(language) for language, _ in found), default=0)
        return sorted({text for language, text in found if _language_rank(language) == best})

    def _texts(self, subject: "Node", verb: str) -> list[tuple[str, str]]:
        found = [
            (str(getattr(each, "language", None) or ""), " ".join(str(each).split())[:TEXT_LIMIT])
            for each in self.graph.objects(subject, _skos(verb))
        ]
        return [(language, text) for language, text in found if text]


def _language_rank(language: str) -> int:
    return 0 if language.lower().split("-")[0] == "en" else 1 if not language else 2


def _slug(name: str) -> str:
    words = re.findall(r"[a-z0-9]+", name.casefold())
    return "_".join(words)[: NAME_LIMIT // 2].strip("_")


def _skos(name: str) -> Any:
    from rdflib import URIRef

    return URIRef(SKOS + name)
