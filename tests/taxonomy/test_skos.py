"""SKOS out: what it holds, and that no label can break out of it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from taxonomy.contents import MappedLabel, VersionContent
from taxonomy.replay import CategoryText
from taxonomy.skos import literal, write_turtle
from taxonomy.vocabulary import get_preset

TURTLE_STRING = re.compile(r'"(?:[^"\\\n\r]|\\[tbnrf"\'\\]|\\U[0-9A-F]{8})*"@en')


def content(*categories: CategoryText, text: str = "problem framing") -> VersionContent:
    """A version with one label in its first category."""
    label = MappedLabel(1, text, text, categories[0].key, "cluster", 0.1, 3)
    return VersionContent("v 1", categories, (label,), None)


def test_the_preset_is_a_scheme_of_four_strategies_and_fifteen_categories() -> None:
    """Categories are narrower than their macro-strategies and carry their texts and labels."""
    text = write_turtle(content(*get_preset("mr-align-15")))
    assert text.count("a skos:ConceptScheme") == 1
    assert text.count("skos:topConceptOf") == 4
    assert text.count("skos:broader") == text.count("skos:definition") == 15
    assert "<urn:mralign:taxonomy:v%201:category:framing> a skos:Concept" in text
    assert 'skos:altLabel "problem framing"@en' in text
    assert 'skos:notation "15"' in text


def test_every_statement_ends() -> None:
    """Blocks end in a dot, the lines before it in a semicolon."""
    blocks = write_turtle(content(*get_preset("mr-align-15"))).strip().split("\n\n")
    for block in blocks[1:]:
        *lines, last = block.splitlines()
        assert last.endswith(" .") and all(line.endswith(" ;") for line in lines)


@given(st.text())
def test_a_string_cannot_end_early(text: str) -> None:
    """Whatever a label holds, it is one Turtle string."""
    assert TURTLE_STRING.fullmatch(literal(text))


@given(st.text(min_size=1))
def test_a_hostile_key_stays_inside_its_name(text: str) -> None:
    """Names hold no space, bracket or quote."""
    category = CategoryText(text.encode("utf-8", "replace").decode(), "n", "m", "d")
    subject = write_turtle(content(category)).split("\n\n")[-1].split(" a skos:Concept")[0]
    assert re.fullmatch(r"<[!-;=?-~]+>", subject)
