"""SKOS out and in: what it holds, that it comes back, and that no text breaks out of it."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph
from rdflib.compare import isomorphic

from taxonomy.events.state import CategoryText
from taxonomy.vocabulary.contents import MappedLabel, VersionContent
from taxonomy.vocabulary.presets import get_preset
from taxonomy.vocabulary.skos import literal, write_json_ld, write_turtle
from taxonomy.vocabulary.skos_reading import NO_STRATEGY, SkosError, read_skos

TURTLE_STRING = re.compile(r'"(?:[^"\\\n\r]|\\[tbnrf"\'\\]|\\U[0-9A-F]{8})*"@en')
HEAD = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n@prefix : <https://e.org/> .\n"
PRESET = get_preset("mr-align-15")


def content(*categories: CategoryText, text: str = "problem framing") -> VersionContent:
    """A version with one label in its first category."""
    label = MappedLabel(1, text, text, categories[0].key, "cluster", 0.1, 3)
    return VersionContent("v 1", categories, (label,), None)


def test_the_preset_is_a_scheme_of_four_strategies_and_fifteen_categories() -> None:
    """Categories are narrower than their macro-strategies and carry their texts and labels."""
    text = write_turtle(content(*PRESET), {"framing": ["2026-01-01, v 1: added"]})
    assert text.count("a skos:ConceptScheme") == 1
    assert text.count("skos:topConceptOf") == 4
    assert text.count("skos:broader") == text.count("skos:definition") == 15
    assert "<urn:mralign:category:framing> a skos:Concept" in text
    assert "skos:inScheme <urn:mralign:taxonomy:v%201>" in text
    assert 'skos:altLabel "problem framing"@en' in text
    assert 'skos:notation "framing"' in text
    assert 'skos:changeNote "2026-01-01, v 1: added"@en' in text


def test_a_category_keeps_its_uri_from_version_to_version() -> None:
    """The scheme's holds the version; a base of one's own comes first."""
    other = VersionContent("v2", PRESET, (), None)
    uri = "<urn:mralign:category:analogy> a"
    assert uri in write_turtle(content(*PRESET)) and uri in write_turtle(other)
    own = write_turtle(other, base="https://e.org/")
    assert "<https://e.org/category:analogy> a" in own and "<https://e.org/taxonomy:v2>" in own


def test_turtle_and_json_ld_say_the_same() -> None:
    """As rdflib reads them."""
    notes = {"framing": ["one", "two"]}
    turtle = Graph().parse(data=write_turtle(content(*PRESET), notes), format="turtle")
    json_ld = Graph().parse(data=write_json_ld(content(*PRESET), notes), format="json-ld")
    assert len(turtle) > 100 and isomorphic(turtle, json_ld)


@pytest.mark.parametrize("format_", ["turtle", "json-ld"])
def test_what_was_written_comes_back(format_: str) -> None:
    """The same categories in the same order, and the labels as alternative names."""
    write = write_turtle if format_ == "turtle" else write_json_ld
    found = read_skos(write(content(*PRESET)), format_)
    assert found.categories == tuple(
        CategoryText(c.key, c.name, c.macro_strategy, c.definition, c.scope_note,
                     tuple(sorted(c.examples)))
        for c in PRESET
    )  # fmt: skip
    assert found.name == "v 1" and found.notes == ()
    assert found.labels["framing"] == ("problem framing",)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: text == " ".join(text.split())
)


@settings(max_examples=40, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_any_text_comes_back_from_both(name: str, definition: str, label: str) -> None:
    """Whatever people write."""
    version = content(CategoryText("one", name, "m", definition), text=label)
    for format_, write in (("turtle", write_turtle), ("json-ld", write_json_ld)):
        found = read_skos(write(version), format_)
        assert (found.categories[0].name, found.categories[0].definition) == (name, definition)
        assert found.labels["one"] == ((label,) if label != name else ())


def test_counter_examples_come_back_from_both() -> None:
    """As notes that say what they are; a note of somebody else is none."""
    category = CategoryText("one", "n", "m", "d", "", ("yes",), ("no", "nor this"))
    for format_, write in (("turtle", write_turtle), ("json-ld", write_json_ld)):
        (found,) = read_skos(write(content(category)), format_).categories
        assert (found.examples, found.counter_examples) == (("yes",), ("no", "nor this"))


def test_every_statement_ends() -> None:
    """Blocks end in a dot, the lines before it in a semicolon."""
    blocks = write_turtle(content(*PRESET)).strip().split("\n\n")
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


def test_a_foreign_vocabulary_is_read_by_its_tree() -> None:
    """English first; keys from notations or names; deprecated concepts and languages left out."""
    found = read_skos(
        HEAD
        + """@prefix owl: <http://www.w3.org/2002/07/owl#> .
        :s a skos:ConceptScheme ; skos:prefLabel "Moves"@en .
        :top a skos:Concept ; skos:prefLabel "Thinking"@en .
        :a a skos:Concept ; skos:broader :top ; skos:prefLabel "Prüfen"@de, "Self check"@en-GB ;
          skos:definition "Looks again."@en ; skos:hiddenLabel "chekc" ; skos:altLabel "check" .
        :b a skos:Concept ; skos:notation "recall" ; skos:prefLabel "Recalling" ;
          skos:scopeNote "Brings up a fact." .
        :top skos:narrower :b .
        :c a skos:Concept ; skos:prefLabel "Alone" ; skos:definition "x" .
        :d a skos:Concept ; owl:deprecated true ; skos:prefLabel "Gone" .
        """,
        "turtle",
    )
    assert found.name == "Moves"
    rows = {each.key: each for each in found.categories}
    assert set(rows) == {"self_check", "recall", "alone"}
    assert rows["self_check"].name == "Self check"
    assert rows["self_check"].macro_strategy == rows["recall"].macro_strategy == "Thinking"
    assert rows["recall"].definition == "Brings up a fact."
    assert rows["alone"].macro_strategy == NO_STRATEGY
    assert found.labels["self_check"] == ("check", "chekc")


DEEP = "[" * 100_000
LOOP = ":a a skos:Concept ; skos:prefLabel 'a' ; skos:definition 'd' ; skos:broader :b . "
REMOTE = {"@context": "https://evil.example/context", "@graph": []}
NESTED = {"@context": [{"a": {"@id": "urn:a", "@context": ["https://evil.example/c"]}}]}


@pytest.mark.parametrize(
    ("text", "format_", "message"),
    [
        ("", "turtle", "found 0 concepts"),
        ("<<<", "turtle", "expected turtle"),
        ("{", "json-ld", "no JSON"),
        (DEEP, "json-ld", "nested too deep"),
        (json.dumps(REMOTE), "json-ld", "nothing is fetched"),
        (json.dumps(NESTED), "json-ld", "nothing is fetched"),
        (json.dumps({"@context": {"@import": "https://evil.example"}}), "json-ld", "fetched"),
        (HEAD + ":a a skos:Concept ; skos:definition 'd' .", "turtle", "prefLabel.*e.org/a"),
        (HEAD + ":a a skos:Concept ; skos:prefLabel 'n' .", "turtle", "definition.*e.org/a"),
        (HEAD + LOOP + LOOP.replace(":a a", ":b a").replace(":b .", ":a ."), "turtle", "above its"),
        (HEAD + ":a a skos:Concept ; skos:prefLabel 'x\\u0007' ; skos:definition 'd' .", "turtle",
         "control characters"),
        (HEAD + f":a a skos:Concept ; skos:prefLabel '{'n' * 300}' ; skos:definition 'd' .",
         "turtle", "1 to 200 characters"),
        ("x", "xml", "turtle, json-ld"),
        ('"<a/>"^^rdf:XMLLiteral', "turtle", "XMLLiteral"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_vocabulary_is_refused(text: str, format_: str, message: str) -> None:
    """Each with what is missing and where; nothing is fetched and nothing hangs."""
    with pytest.raises(SkosError, match=message):
        read_skos(text, format_)
