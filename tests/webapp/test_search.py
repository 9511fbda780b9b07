"""Traces are found by their words and filters, on both stores, in step with what is written."""

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from store import schema
from store.engine import reading, transaction
from store.states import Polarity, RunKind, ThinkingMode
from store.tables import AnnotatedStep, Category, ControlledLabel, Question, TaxonomyVersion, Trace
from store.words import Term, read_terms, spaced
from tests.builders import add_pair, add_question, add_run, add_trace
from webapp.queries import search, trace_choices
from webapp.queries.search import Outcome, Wanted, find_traces, read_cursor

HOSTILE = [
    '"', "'", '"""', "NEAR(", "a AND", "OR", "NOT x", "^a", "a:b", "thinking:river", "{a b}", "(",
    "*", "-", "--", "-river", '"river', "a\x00b", "%", "_", "\\", "; DROP TABLE trace", "a" * 200,
    "👩‍🔬", "½", "\u202eriver", "र", "!!! ???", "&", "|", "river & !", ":*", "'river':*", "a<->b",
]  # fmt: skip


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """Four traces, two of them paired, one annotated."""
    with transaction(engine) as session:
        schie = add_question(session, "Which river runs through Delft?", ["Schie"])
        tokyo = add_question(session, "東京はどこですか", ["日本"])
        one, _ = add_trace(session, schie, ["The Schie, I recall.\n\n", "Self-checking: Ångström."],
                           external_id="nq_1/on", answer="Schie")  # fmt: skip
        two, _ = add_trace(session, schie, ["A river, another river, a third river."],
                           external_id="nq_2/on", answer="Rhine")  # fmt: skip
        off, _ = add_trace(session, schie, [], external_id="nq_1/off", answer="Maas",
                           mode=ThinkingMode.OFF)  # fmt: skip
        add_trace(session, tokyo, ["東京は日本の首都です。", "It is in Japan."], external_id="jp")
        add_pair(session, one, off, Polarity.POSITIVE)
        add_pair(session, two, off, None, hit_gap=True).z_on = 0
        _annotate(session, one.id)
    return engine


def _annotate(session: Session, trace_id: int) -> None:
    version = TaxonomyVersion(name="v1")
    run = add_run(session, RunKind.ANNOTATE)
    session.add(version)
    session.flush()
    category = Category(version_id=version.id, position=0, key="framing", name="Framing",
                        macro_strategy="m", definition="-")  # fmt: skip
    session.add(category)
    for source in ("consensus", "person:Ada"):
        step = AnnotatedStep(run_id=run.id, trace_id=trace_id, source=source, first_segment=0,
                             end_segment=1)  # fmt: skip
        session.add(step)
        session.flush()
        if source == "consensus":
            session.add(ControlledLabel(step_id=step.id, category_id=category.id, confidence=8))
    session.flush()


def found(engine: sa.Engine, words: str = "", **filters: object) -> list[str]:
    """The ids of the traces that are found, in their order."""
    with reading(engine) as session:
        wanted = Wanted(terms=read_terms(words), **filters)  # type: ignore[arg-type]
        page = find_traces(session, wanted, None)
        ids = [cursor.trace_id for cursor in page.cursors]
        assert page.total == len(ids)
        names = dict(session.exec(select(Trace.id, Trace.external_id)).all())
    return [names[number] for number in ids]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("schie", {"nq_1/on"}),
        ("SCHIE recall", {"nq_1/on"}),
        ("recall schie", {"nq_1/on"}),
        ('"schie i recall"', {"nq_1/on"}),
        ('"recall schie"', set()),
        ("river", {"nq_1/on", "nq_2/on", "nq_1/off"}),
        ("river -schie", {"nq_2/on", "nq_1/off"}),
        ("riv", set()),
        ("riv*", {"nq_1/on", "nq_2/on", "nq_1/off"}),
        ("angstrom", {"nq_1/on"}),
        ("self-checking", {"nq_1/on"}),
        ("checking", {"nq_1/on"}),
        ("maas", {"nq_1/off"}),
        ("nq_1", {"nq_1/on", "nq_1/off"}),
        ("日本", {"jp"}),
        ("京は", {"jp"}),
        ("京日", set()),
        ("japan 首都", {"jp"}),
        ("jap*", {"jp"}),
    ],
)
def test_words_are_found_wherever_they_stand(
    filled: sa.Engine, words: str, names: set[str]
) -> None:
    assert set(found(filled, words)) == names


def test_where_nearly_all_hold_the_words_they_are_neither_ranked_nor_counted(
    filled: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come in the order of their import, and further filters are counted as ever."""
    monkeypatch.setattr(search, "RANKED_AT_MOST", 2)
    with reading(filled) as session:
        page = find_traces(session, Wanted(terms=read_terms("river")), None)
        rest = find_traces(session, Wanted(terms=read_terms("river")), page.cursors[0])
        gaps = Wanted(terms=read_terms("river"), outcome=Outcome.GAP)
        assert find_traces(session, gaps, None).total == 1
    assert (page.total, page.most, page.ranked) == (None, 2, False)
    assert list(rest.cursors) == list(page.cursors[1:])
    assert [one.trace_id for one in page.cursors] == sorted(one.trace_id for one in page.cursors)


def test_what_fits_best_comes_first_and_pages_go_on_from_it(filled: sa.Engine) -> None:
    assert found(filled, "river")[0] == "nq_2/on"
    with reading(filled) as session:
        wanted = Wanted(terms=read_terms("river"))
        first = find_traces(session, wanted, None)
        rest = find_traces(session, wanted, read_cursor(str(first.cursors[0])))
    assert (rest.total, list(rest.cursors)) == (first.total, list(first.cursors[1:]))
    assert found(filled, "river", ranked=False) == ["nq_1/on", "nq_2/on", "nq_1/off"]


@pytest.mark.parametrize("words", HOSTILE)
def test_no_search_is_an_error(filled: sa.Engine, words: str) -> None:
    with reading(filled) as session:
        find_traces(session, Wanted(terms=read_terms(words.replace("\x00", ""))), None)
        find_traces(session, Wanted(terms=read_terms(f'{words} "{words}" -{words} {words}*'
                                                     .replace("\x00", ""))), None)  # fmt: skip


def test_filters_combine_with_words_and_with_each_other(filled: sa.Engine) -> None:
    with reading(filled) as session:
        run = session.exec(select(AnnotatedStep.run_id)).first()
        [category] = trace_choices.list_run_categories(session, run or 0)
        assert trace_choices.list_sources(session, run or 0) == ["consensus", "person:Ada"]
        assert trace_choices.list_models(session) == ["test-model"]
        assert trace_choices.list_datasets(session) == []
    said = {"run_id": run, "category_id": category.id}
    for words in ("", "river"):
        assert found(filled, words, polarity=Polarity.POSITIVE) == ["nq_1/on"]
        assert found(filled, words, outcome=Outcome.GAP) == ["nq_2/on"]
        assert found(filled, words, outcome=Outcome.MISSED) == []
        assert found(filled, words, outcome=Outcome.RIGHT) == ["nq_1/on"]
        assert found(filled, words, mode=ThinkingMode.OFF) == ["nq_1/off"]
        assert found(filled, words, source="consensus", **said) == ["nq_1/on"]
        assert found(filled, words, source="person:Ada", **said) == []
        assert found(filled, words, source="person:Ada", run_id=run) == ["nq_1/on"]
        assert found(filled, words, model="test-model", polarity=Polarity.NEGATIVE) == []
        assert found(filled, words, dataset="none") == []


def test_the_index_follows_every_change(filled: sa.Engine) -> None:
    with transaction(filled) as session:
        trace = session.exec(select(Trace).where(Trace.external_id == "nq_2/on")).one()
        trace.thinking = "Nothing but the lake 琵琶湖."
        question = session.get_one(Question, trace.question_id)
        question.text = "Which canal runs through Delft?"
        question.gold_answers = ["x"]
    assert found(filled, "river") == []
    assert set(found(filled, "canal")) == {"nq_1/on", "nq_2/on", "nq_1/off"}
    assert found(filled, "琵琶湖 lake") == ["nq_2/on"]
    with transaction(filled) as session:
        gone = session.exec(select(Trace).where(Trace.external_id == "jp")).one()
        for table in ("segment", "trace"):
            field = "trace_id" if table == "segment" else "id"
            session.connection().execute(
                sa.text(f"DELETE FROM {table} WHERE {field} = :id"), {"id": gone.id}
            )
        session.expunge(gone)
    assert found(filled, "日本") == []
    with transaction(filled) as session:
        add_trace(session, session.get_one(Question, question.id), ["日本"], external_id="again")
    assert found(filled, "日本") == ["again"]


def test_an_upgrade_indexes_what_is_there(filled: sa.Engine) -> None:
    schema.downgrade(filled, "0011")
    schema.upgrade(filled)
    assert found(filled, "schie") == ["nq_1/on"]
    assert found(filled, "東京") == ["jp"]


def test_a_text_of_a_megabyte_is_taken_in(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        words = " ".join(f"{number:x}東" for number in range(150_000))
        add_trace(session, add_question(session, "Long?"), ["river " + words, "x" * 5000])
    assert found(engine, "river") == ["trace"]


def test_a_search_is_read_into_terms() -> None:
    assert read_terms('a "b c" d* -e -"f g" "h') == (
        Term("a"), Term("b c"), Term("d", begins=True), Term("e", excluded=True),
        Term("f g", excluded=True), Term("h"),
    )  # fmt: skip
    assert read_terms("-a") == (Term("a"),)
    assert read_terms("“a b” «c d»") == (Term("a b"), Term("c d"))
    assert read_terms('"" !? * "-"') == ()
    assert spaced("ｆull 東京 Ａ") == "full  東  京  A"
    assert read_cursor("7~-1.5") is not None and read_cursor("0") is None
    assert all(read_cursor(text) is None for text in ("", "x", "7~x", "-3~1", "9" * 30))
