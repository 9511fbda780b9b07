"""The overview: each number is what its link shows, and nobody learns there what they may not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlmodel import col
from starlette.testclient import TestClient

from annotator.agreement.plans import Plan, create_study
from store import studies, verdicts
from store.annotations import StepRow, add_steps
from store.engine import reading, transaction
from store.items import put_item
from store.people import get_person
from store.states import ItemStatus, Role, RunKind
from store.study_tables import Study
from store.tables import EvaluationRun, Run, TrainingRun
from store.taxonomies import get_version, list_categories
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.webapp.test_studies import label_all
from tests.worlds import THOUGHTS, World
from webapp.app import create_app
from webapp.overview.listings import LISTS
from webapp.showing.quantities import dollars, duration, proportion


@dataclass(frozen=True)
class Link:
    """A number of the overview."""

    address: str
    value: str
    unit: str


class Numbers(HTMLParser):
    """The numbers of the overview, and the text and the rows of any page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.rows = 0
        self._in: str = ""
        self._depth = 0
        self._words: list[str] = []
        self._main = False
        self.feed(html)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A number begins, or a row."""
        given = dict(attrs)
        if tag == "main":
            self._main = True
        if tag == "a" and "data-number" in given:
            self.links.append(Link(given["href"] or "", "", ""))
        if tag == "th" and given.get("scope") == "row":
            self.rows += 1
        if tag == "span":
            self._in = (given.get("class") or "").split(" ")[-1]

    def handle_endtag(self, tag: str) -> None:
        """What is said of the number ends."""
        if tag == "main":
            self._main = False
        if tag in ("span", "a"):
            self._in = ""

    def handle_data(self, data: str) -> None:
        """Text, of a number too."""
        if self._main:
            self._words.append(data)
        if self._in in ("value", "unit") and self.links:
            last = self.links[-1]
            self.links[-1] = replace(last, **{self._in: getattr(last, self._in) + data.strip()})


def expected(link: Link) -> tuple[str, ...]:
    """What the page of a number says of it, one of these."""
    path, value = link.address.partition("?")[0], link.value
    if path.startswith("/counts/"):
        alone = path in ("/counts/agreement", "/counts/evaluations")
        singular = f"{value} {link.unit}s".replace("policys", "policies")
        left = f"{value} traces of run"
        return (value,) if alone else (f"{value} {link.unit}", singular, left)
    if path.endswith("/queue"):
        clusters = "cluster" in link.unit
        return (f"{value} waiting",) if clusters else (f"decided {value}",)
    if path.endswith("/disagreements"):
        return (f"{value} to decide",)
    if path.startswith("/studies/"):
        return (f" {value} ",)
    return (f"Vocabulary {value} ",)


def shows(page: Numbers, link: Link) -> bool:
    """Whether a page shows the number with what it counts, or has as many rows."""
    listed = link.address.startswith(("/traces", "/versions/")) and link.value.isdecimal()
    if listed and "cluster" not in link.unit and "disagreement" not in link.unit:
        named = f"{link.value} trace" + "s" * (link.value != "1")
        return link.value == str(page.rows) or named in page.text
    return any(text in page.text for text in expected(link))


def follow(visitor: Visitor) -> Iterator[tuple[Link, bool]]:
    """Every number, and whether its page shows it."""
    for link in Numbers(visitor.get("/").text).links:
        answer = visitor.get(link.address)
        yield link, answer.status_code == 200 and shows(Numbers(answer.text), link)


def add_annotators(engine: sa.Engine, world: World) -> Run:
    """A run of two annotators who differ here and there, with a consensus and traces left."""
    with transaction(engine) as session:
        run = builders.add_run(
            session, RunKind.ANNOTATE, model="gpt", tokens=1234, cost_usd=0.5,
            parameters={"version_id": world.frozen_id}, ended_at=datetime.now(UTC),
        )  # fmt: skip
        ids = {row.key: row.id for row in list_categories(session, world.frozen_id)}
        keys = list(ids)
        for trace in (1, 3, 5):
            for shift, source in enumerate(("annotator_a", "annotator_b", "consensus")):
                steps = [
                    StepRow(
                        place, place + 1, ((keys[(place + shift * (place % 3 == 0)) % 6], 8.0),)
                    )
                    for place in range(len(THOUGHTS))
                ]
                add_steps(session, run.id, trace, source, steps, ids)
        put_item(session, run.id, 1, "consensus", status=ItemStatus.FAILED, detail="<b>no reply")
        return run


def add_outcomes(engine: sa.Engine) -> None:
    """An evaluation with figures, and rows in the newest training set."""
    acc = {"count": 1, "n": 4, "value": 0.25, "low": 0.04, "high": 0.7}
    figures = {"how": "plain", "n": 4, "acc": acc, "mis": {**acc, "value": 0.5}}
    with transaction(engine) as session:
        run = builders.add_run(session, RunKind.EVALUATE, ended_at=datetime.now(UTC))
        arms = {"policy · thinking on": {"plain": figures}}
        session.add(EvaluationRun(run_id=run.id, dataset="d", metrics=arms))
        rows = {"train": {"desirable": 5, "undesirable": 3}, "validation": {"desirable": 1}}
        change = sa.update(Run).where(col(Run.kind) == RunKind.EXPORT)
        session.execute(change.values(metrics={"rows": rows}))


@pytest.fixture
def study(world: World, world_engine: sa.Engine) -> Study:
    """Three traces by Ada and Rhea."""
    with transaction(world_engine) as session:
        plan = Plan("double", ("Ada", "Rhea"), per_stratum=1, taxonomy="v0")
        return create_study(session, plan, by=get_person(session, "Cora"))[0]


def settle_figures(app: FastAPI) -> None:
    """Wait for what is worked out beside the pages."""
    for asked in app.state.source_figures._kept.values():
        asked.result(20)


def test_each_number_is_what_its_link_shows(
    app: FastAPI, sign_in: SignIn, world: World, world_engine: sa.Engine, study: Study
) -> None:
    """For every role, at every stage, in what waits, and in what it cost."""
    add_annotators(world_engine, world)
    add_outcomes(world_engine)
    label_all(world_engine, study, "Rhea", "analogy")
    with transaction(world_engine) as session:
        version = get_version(session, world.version_id)
        verdicts.set_rules(session, version, verdicts.Rules(2), by=None)
    for name in ("Ada", "Rhea", "Cora"):
        visitor = sign_in(name)
        visitor.get("/")
        settle_figures(app)
        found = list(follow(visitor))
        assert len(found) > 40
        assert [link for link, shown in found if not shown] == []


def test_what_is_worked_out_is_said(
    app: FastAPI, sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """A page does not wait for the interval of a kappa, and asks for it again by itself."""
    run = add_annotators(world_engine, world)
    cora = sign_in("Cora")
    waiting = cora.get("/").text
    assert "data-pending" in waiting and "/static/live.js" in waiting
    settle_figures(app)
    shown = cora.get("/").text
    assert "is being worked out" not in shown and "/static/live.js" not in shown
    figures = cora.get("/counts/agreement").text
    kappa = next(link for link in Numbers(shown).links if link.unit == "Cohen's κ of the two")
    assert kappa.value in " ".join(Numbers(figures).text.split())
    assert f"--between run:{run.id}/annotator_a" in figures


def test_who_labels_blind_learns_nothing_of_the_others(
    sign_in: SignIn, study: Study, world_engine: sa.Engine
) -> None:
    """Neither how far they are, nor how far they agree."""
    label_all(world_engine, study, "Rhea", "analogy")
    ada, cora = sign_in("Ada"), sign_in("Cora")
    shown = Numbers(ada.get("/").text)
    assert "0 of 3 of your traces in double" in shown.text and "Rhea" not in shown.text
    assert "Rhea" not in Numbers(ada.get("/counts/annotated").text).text
    assert "3 of 6 traces in double" in Numbers(cora.get("/").text).text
    assert "Rhea" in Numbers(cora.get("/counts/annotated").text).text
    assert "3 traces to label in double Ada" in Numbers(cora.get("/").text).text


def test_what_waits_is_for_those_who_may_do_it(
    sign_in: SignIn, world: World, world_engine: sa.Engine, study: Study
) -> None:
    """An annotator reviews and labels, a curator settles; others see for whom a thing waits."""
    add_annotators(world_engine, world)
    ada = Numbers(sign_in("Ada").get("/").text).text
    own, others = ada.partition("Waiting for you")[2].split("Waiting for others")
    assert "3 traces to label in double" in own and "11 clusters to review in v1" in own
    assert "1 traces to annotate again" not in own and "1 traces to annotate again" in others
    cora = sign_in("Cora")
    page = f"/versions/{world.version_id}"
    cora.post(f"{page}/submit", {"reason": "so"}, page=page)
    waits = Numbers(cora.get("/").text).text.partition("Waiting for you")[2]
    assert "v1 in review, to approve" in waits.split("Waiting for others")[0]


def test_a_migrated_run_says_what_it_left(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """And the page of it names the command that does it anew."""
    run = add_annotators(world_engine, world)
    with transaction(world_engine) as session:
        row = session.get_one(Run, run.id)
        row.parameters = {**row.parameters, "migrated_from_run": 1}
        session.add(row)
    rhea = sign_in("Rhea")
    assert "1 traces left by migration, to annotate" in Numbers(rhea.get("/").text).text
    page = rhea.get("/counts/failed").text
    assert f"mralign annotate run --resume {run.id}" in page and "&lt;b&gt;no reply" in page


def test_an_empty_database_says_what_to_do_first(world_engine: sa.Engine) -> None:
    """The exact command; then the next one."""
    with transaction(world_engine) as session:
        builders.add_person(session, "Cora", Role.CURATOR)
    cora = Visitor(TestClient(create_app(world_engine)))
    cora.client.post("/sign-in", data={"name": "Cora", "password": builders.PASSWORD, "next": "/"})
    first = cora.get("/").text
    assert "<code>mralign traces import FILE</code>" in first
    assert "Nothing waits for you." in first and "Nothing ran yet." in first
    assert all(cora.get(f"/counts/{name}").status_code == 200 for name in LISTS)
    with transaction(world_engine) as session:
        question = builders.add_question(session, "Which?")
        builders.add_trace(session, question, ["One.\n\n", "Two."])
    assert "<code>mralign traces pair</code>" in cora.get("/").text


def test_counts_follow_the_store(sign_in: SignIn, world: World, world_engine: sa.Engine) -> None:
    """What was counted once is counted again when something came in or a run ended."""
    cora = sign_in("Cora")
    before = Numbers(cora.get("/").text).text
    assert "6 traces" in before and "1 policy" in before
    with transaction(world_engine) as session:
        question = builders.add_question(session, "Another?")
        builders.add_trace(session, question, ["One."], external_id="more")
        run = builders.add_run(session, RunKind.TRAIN)
        session.add(TrainingRun(run_id=run.id, policy="p", loss_curve=[{"loss": 0.125}]))
    after = Numbers(cora.get("/").text).text
    assert "7 traces" in after and "2 policies" in after and "0.1250 last loss" in after


def test_lists_go_on_and_refuse_what_is_not_there(sign_in: SignIn, world: World) -> None:
    """Behind the last row there is nothing; another name is not found."""
    ada = sign_in("Ada")
    assert "Nothing is labelled yet" in ada.get("/counts/labels?after=5000").text
    assert ada.get("/counts/nothing").status_code == 404
    assert ada.get("/counts/labels?after=-1").status_code == 422
    costs = ada.get("/counts/costs?kind=train").text
    assert "train run" in costs and "label run" not in costs


def test_quantities() -> None:
    """Money, time and shares as people read them."""
    assert [dollars(x) for x in (0, 0.012345, 1234.5)] == ["0.00", "0.0123", "1,234.50"]
    assert [duration(x) for x in (0.4, 61, 7260)] == ["0 s", "1 min 01 s", "2 h 01 min"]
    figure = {"value": 0.5, "low": 0.25, "high": 0.75}
    assert [proportion(None), proportion(figure)] == ["–", "50.0 [25.0, 75.0]"]


def test_progress_reads_the_same_as_the_study(study: Study, world_engine: sa.Engine) -> None:
    """Finished traces, those that wait for an adjudicator, and those that are settled."""
    from webapp.queries.progress import list_progress

    label_all(world_engine, study, "Ada", "framing")
    label_all(world_engine, study, "Rhea", "analogy")
    with reading(world_engine) as session:
        cora = get_person(session, "Cora")
        (found,) = list_progress(session, cora.id, runs_them=True)
        shares = studies.count_shares(session, study.id)
        assert list_progress(session, cora.id, runs_them=False) == []
    assert found.finished == sum(share.finished for share in shares) == 6
    assert (found.ready, found.settled, found.traces) == (3, 0, 3)


def test_a_label_and_a_cluster_that_are_counted_are_found_in_the_review(
    sign_in: SignIn, world: World
) -> None:
    """A name with markup and signs of an address in it too."""
    ada = sign_in("Ada")
    for name in ("labels", "clusters"):
        html = ada.get(f"/counts/{name}").text
        rows = re.findall(r'<th scope="row"><a href="([^"]+)"><bdi>([^<]*)</bdi>', html)
        assert len(rows) > 5
        for address, text in rows:
            shown = ada.get(unescape(address))
            assert shown.status_code == 200 and "is like that" not in shown.text, text
