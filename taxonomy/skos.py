"""A version as SKOS in Turtle: categories under macro-strategies, labels as alternative names."""

from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import quote

from taxonomy.contents import VersionContent
from taxonomy.replay import CategoryText

PREFIX = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
COUNTER = "Not an example: "
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Statements = list[tuple[str, str]]


def write_turtle(content: VersionContent) -> str:
    """The version as Turtle: the same content gives the same text.

    The names are URNs, urn:mralign:taxonomy:VERSION for the scheme, with :category:KEY and
    :macro-strategy:NAME below it.
    """
    scheme = f"urn:mralign:taxonomy:{quote(content.name, safe='')}"
    names = defaultdict(list)
    for label in content.labels:
        names[label.category].append(label.text)
    strategies = list(dict.fromkeys(category.macro_strategy for category in content.categories))
    blocks = [_scheme(scheme, content.name, strategies)]
    blocks += [_strategy(scheme, strategy) for strategy in strategies]
    blocks += [
        _category(scheme, number, category, names[category.key])
        for number, category in enumerate(content.categories, start=1)
    ]
    return PREFIX + "".join("\n" + block for block in blocks)


def _scheme(scheme: str, name: str, strategies: Iterable[str]) -> str:
    tops = [("skos:hasTopConcept", _strategy_name(scheme, strategy)) for strategy in strategies]
    return _block(f"<{scheme}>", "skos:ConceptScheme", [("skos:prefLabel", literal(name)), *tops])


def _strategy(scheme: str, strategy: str) -> str:
    statements = [("skos:prefLabel", literal(strategy)), ("skos:topConceptOf", f"<{scheme}>")]
    return _block(_strategy_name(scheme, strategy), "skos:Concept", statements)


def _category(scheme: str, number: int, category: CategoryText, names: list[str]) -> str:
    statements: Statements = [
        ("skos:inScheme", f"<{scheme}>"),
        ("skos:broader", _strategy_name(scheme, category.macro_strategy)),
        ("skos:notation", f'"{number:02d}"'),
        ("skos:prefLabel", literal(category.name)),
        ("skos:definition", literal(category.definition)),
    ]
    if category.scope_note:
        statements.append(("skos:scopeNote", literal(category.scope_note)))
    statements += [("skos:example", literal(example)) for example in category.examples]
    statements += [
        ("skos:editorialNote", literal(COUNTER + text)) for text in category.counter_examples
    ]
    others = sorted({name for name in names if name != category.name})
    statements += [("skos:altLabel", literal(name)) for name in others]
    return _block(f"<{scheme}:category:{quote(category.key, safe='')}>", "skos:Concept", statements)


def _strategy_name(scheme: str, strategy: str) -> str:
    return f"<{scheme}:macro-strategy:{quote(strategy, safe='')}>"


def _block(subject: str, kind: str, statements: Statements) -> str:
    lines = [f"{subject} a {kind}", *(f"    {verb} {thing}" for verb, thing in statements)]
    return " ;\n".join(lines) + " .\n"


def literal(text: str) -> str:
    """A Turtle string that cannot end early, in English."""
    return '"' + "".join(map(_escaped, text)) + '"@en'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08X}"
