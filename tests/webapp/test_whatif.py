"""What the page says a decision would change is what the alignment says, and nothing is written."""

import re
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col

from alignment.inspection.edits import Edit, MoveLabels, RetireCategory, SplitCategory
from alignment.inspection.grounds import load_ground
from alignment.inspection.whatif import WhatIf, survey, what_if
from store.engine import reading, transaction
from store.states import RunKind, RunStatus
from store.tables import OpenLabel, ReviewEvent, Run, TaxonomyVersion
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import CLUSTERS, World
from webapp.deciding.grounds import Grounds, get_ground_run


def expected(engine: sa.Engine, edit: Edit) -> WhatIf:
    """The answer by way of the alignment alone."""
    with reading(engine) as session:
        ground = load_ground(session)
    return what_if(ground, survey(ground), edit)


def keys(engine: sa.Engine, cluster: int) -> frozenset[str]:
    """The keys of a cluster's labels."""
    with reading(engine) as session:
        query = sa.select(col(OpenLabel.key)).where(col(OpenLabel.text).in_(CLUSTERS[cluster][2]))
        return frozenset(session.execute(query).scalars())


def numbers(engine: sa.Engine, cluster: int) -> list[int]:
    """The numbers of a cluster's labels."""
    with reading(engine) as session:
        query = sa.select(col(OpenLabel.id)).where(col(OpenLabel.text).in_(CLUSTERS[cluster][2]))
        return sorted(session.execute(query).scalars())


def shown(html: str) -> dict[str, Any]:
    """The figures that a page shows."""
    rows = re.findall(
        r'<th scope="row">(get other labels|weigh otherwise)</th>'
        + r'<td class="number">(\d+)</td>' * 3,
        html,
    )
    means = re.findall(r"mean \|Δ(P.?)\| <strong>([\d.]+)</strong>", unescape(html))
    return {row[0]: tuple(map(int, row[1:])) for row in rows} | dict(means)


def figures(found: WhatIf) -> dict[str, Any]:
    """The same figures of an answer."""
    relabelled = found.units_relabelled, found.tokens_relabelled, found.traces_relabelled
    reweighted = found.units_reweighted, found.tokens_reweighted, found.traces_reweighted
    return {
        "get other labels": relabelled,
        "weigh otherwise": reweighted,
        "P⁺": f"{100 * found.mean_l1('positive'):.3f}",
        "P⁻": f"{100 * found.mean_l1('negative'):.3f}",
        "P": f"{100 * found.mean_l1('overall'):.3f}",
    }


@pytest.fixture
def cora(sign_in: SignIn) -> Visitor:
    return sign_in("Cora")


def asked(cora: Visitor, world: World, search: str) -> str:
    """The page of a question."""
    answer = cora.get(f"/versions/{world.version_id}/whatif?{search}")
    assert answer.status_code == 200
    return str(answer.text)


def test_the_figures_are_those_of_the_alignment(
    cora: Visitor, world: World, world_engine: sa.Engine
) -> None:
    """Of moving a cluster, of taking labels out, of splitting, and of retiring a category."""
    moved = keys(world_engine, 0)
    labels = "&".join(f"label={number}" for number in numbers(world_engine, 0)[:1])
    first = frozenset(sorted(moved, key=lambda key: key)) & _keys_of(world_engine, 0, 1)
    edits: dict[str, Edit] = {
        "do=assign&anchor=c0&category=retrieval": MoveLabels(moved, "retrieval"),
        "do=assign&anchor=c0&category=": MoveLabels(moved, None),
        f"do=noise&anchor=c0&{labels}": MoveLabels(first, None),
        f"do=split&anchor=c0&{labels}": SplitCategory("framing", first, "new"),
        "do=merge&anchor=c1&other=c0": MoveLabels(moved, "retrieval"),
        "do=retire&key=framing&category=analogy": RetireCategory("framing", "analogy"),
        "do=retire&key=framing&category=": RetireCategory("framing"),
    }
    for search, edit in edits.items():
        found = expected(world_engine, edit)
        assert shown(asked(cora, world, search)) == figures(found), search
    assert expected(world_engine, RetireCategory("framing")).units_relabelled > 0


def _keys_of(engine: sa.Engine, cluster: int, count: int) -> frozenset[str]:
    chosen = numbers(engine, cluster)[:count]
    with reading(engine) as session:
        query = sa.select(col(OpenLabel.key)).where(col(OpenLabel.id).in_(chosen))
        return frozenset(session.execute(query).scalars())


def test_a_form_asks_without_deciding_and_then_decides(
    cora: Visitor, world: World, world_engine: sa.Engine
) -> None:
    """The button leads to an address that holds no token; only the page's own form writes."""
    card = f"/versions/{world.version_id}/clusters/c0"
    asking = f"/versions/{world.version_id}/whatif?anchor=c0&do=assign"
    assert asking.replace("&", "&amp;") in cora.get(card).text
    answer = cora.post(asking, {"category": "retrieval", "then": "next"}, page=card)
    assert answer.status_code == 200 and "Put “Framing the question” in “" in answer.text
    assert answer.url.query == b"do=assign&anchor=c0&category=retrieval"
    assert _decisions(world_engine) == 0
    cora.post(f"{card}/assign", {"category": "retrieval", "then": "next"}, page=str(answer.url))
    assert _decisions(world_engine) == 1


def _decisions(engine: sa.Engine) -> int:
    with reading(engine) as session:
        query = sa.select(sa.func.count()).select_from(ReviewEvent)
        return int(session.execute(query.where(col(ReviewEvent.kind) == "assign")).scalar_one())


def test_several_clusters_of_the_board_are_one_question(cora: Visitor, world: World) -> None:
    """They are confirmed as the board confirms them."""
    board = f"/versions/{world.version_id}/board"
    fields = {"anchor": ["c0", "c2"]}
    html = cora.post(f"/versions/{world.version_id}/whatif?do=assign", fields, page=board).text
    assert "Put 2 clusters in" in html and f'action="{board}"' in html
    assert html.count('name="anchor"') == 2


def test_it_says_why_it_cannot_answer(cora: Visitor, world: World, world_engine: sa.Engine) -> None:
    """A category that the run does not know; labels that it gave none; no run at all."""
    version = f"/versions/{world.version_id}"
    fields = {"key": "humour", "name": "Humour", "macro_strategy": "x", "definition": "jokes"}
    cora.post(f"{version}/categories", fields, page=version)
    split = expected(world_engine, SplitCategory("framing", keys(world_engine, 0), "humour"))
    assert shown(asked(cora, world, "do=assign&anchor=c0&category=humour")) == figures(split)
    both = asked(cora, world, "do=assign&anchor=c0&anchor=c1&category=humour")
    assert "knows neither" in both
    assert "none of the 4 labels" in asked(cora, world, "do=assign&anchor=c10&category=framing")
    with transaction(world_engine) as session:
        for run in session.scalars(sa.select(Run).where(col(Run.kind) == RunKind.ANNOTATE)):
            run.status = RunStatus.FAILED
    html = asked(cora, world, "do=assign&anchor=c0&category=retrieval")
    assert "mralign annotate run" in html and "mean |" not in html


@pytest.mark.parametrize(
    ("search", "status"),
    [
        ("do=assign&anchor=nowhere", 404),
        ("do=assign&anchor=c0&category=nothing", 404),
        ("do=assign", 422),
        ("do=split&anchor=c0", 422),
        ("do=retire&key=nothing", 404),
        ("do=burn", 422),
    ],
)
def test_what_is_not_there_is_refused(
    cora: Visitor, world: World, search: str, status: int
) -> None:
    assert cora.get(f"/versions/{world.version_id}/whatif?{search}").status_code == status


def test_a_run_over_another_vocabulary_is_passed_over(
    world: World, world_engine: sa.Engine
) -> None:
    """The version's own family and its preset count; a newer run over a stranger does not."""
    with transaction(world_engine) as session:
        stranger = TaxonomyVersion(name="stranger")
        session.add(stranger)
        session.flush()
        newer = Run(
            kind=RunKind.ANNOTATE, status=RunStatus.SUCCEEDED, code_version="-",
            parameters={"version_id": stranger.id},
        )  # fmt: skip
        session.add(newer)
        session.flush()
        run, version = get_ground_run(session, world.version_id)
        assert (run.id < newer.id, version.id) == (True, world.frozen_id)


def test_a_ground_is_read_once_a_run(world_engine: sa.Engine, world: World) -> None:
    """And anew once polarities change."""
    grounds = Grounds()
    with reading(world_engine) as session:
        run, _ = get_ground_run(session, world.version_id)
        first = grounds.get(session, run.id)
        assert grounds.get(session, run.id) is first
        edit = RetireCategory("framing")
        assert grounds.answer(first, edit) is grounds.answer(first, edit)
    with transaction(world_engine) as session:
        _drop_negative(session)
    with reading(world_engine) as session:
        assert grounds.get(session, run.id) is not first


def _drop_negative(session: Session) -> None:
    session.execute(sa.text("UPDATE trace_pair SET polarity = NULL, z_on = 0 WHERE z_on = 0"))
