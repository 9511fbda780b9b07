"""Matrices on pages: of which run, from how far away, how sure, and where the moves are."""

import csv
import io
import json
import re
from html import unescape
from threading import Event

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from store.engine import reading, transaction
from store.states import RunKind
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World
from webapp.transitions.matrices import Matrices

ANNOTATE_RUN = 3
HELPED, HURT = "polarity%3Dpositive", "polarity%3Dnegative"


@pytest.fixture
def ada(sign_in: SignIn, world: World) -> Visitor:
    """Somebody who may read."""
    return sign_in("Ada")


def test_a_run_is_chosen_by_the_address(ada: Visitor, world_engine: sa.Engine) -> None:
    """And one that cannot be shown says why, beside the choice of another."""
    assert f'<option value="{ANNOTATE_RUN}" selected>' in ada.get("/transitions").text
    with transaction(world_engine) as session:
        empty = builders.add_run(session, RunKind.ANNOTATE, parameters={"taxonomy": "v0"}).id
    html = ada.get(f"/transitions?run={empty}").text
    assert "expected" in html and f'<option value="{ANNOTATE_RUN}"' in html
    assert ada.get(f"/transitions?run={ANNOTATE_RUN}").status_code == 200
    assert ada.get("/transitions?run=0").status_code == 422
    assert ada.get("/transitions?level=planet").status_code == 422


def test_every_row_says_what_it_rests_on_and_few_moves_are_marked(ada: Visitor) -> None:
    """Two traces are nothing to trust, unless one asks for as little."""
    strict, lenient = (ada.get(f"/transitions?least={n}").text for n in (30, 0))
    assert "too few to trust" in strict and "too few to trust" not in lenient
    assert "url(#doubt)" in ada.get("/transitions/p.svg?least=30").text
    assert "url(#doubt)" not in ada.get("/transitions/p.svg?least=0").text


def test_macro_strategies_are_fewer_states(ada: Visitor) -> None:
    document = json.loads(ada.get("/transitions/matrices.json?level=macro").text)
    assert len(document["states"]) == 6
    matrix = np.array(document["matrices"]["p"])
    assert matrix.shape == (6, 6)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(6))


def test_the_files_hold_what_the_page_shows(ada: Visitor) -> None:
    """Every cell of every matrix, with its interval and what stands behind it."""
    document = json.loads(ada.get("/transitions/matrices.json").text)
    rows = list(csv.DictReader(io.StringIO(ada.get("/transitions/cells.csv").text)))
    states = document["states"]
    assert len(rows) == 6 * (len(states) - 1) ** 2
    positive, negative, delta = (
        np.array(document["matrices"][name]) for name in ("positive", "negative", "delta")
    )
    assert delta == pytest.approx(positive - negative)
    for row in rows:
        place = states.index(row["from"]), states.index(row["to"])
        known = document["matrices"][row["matrix"]][place[0]][place[1]]
        assert (row["value"] == "" and known is None) or float(
            row["value"].lstrip("'")
        ) == pytest.approx(known, rel=1e-4, abs=1e-6)
        if row["matrix"] == "p":
            assert float(row["low"]) <= float(row["value"]) + 1e-6 <= float(row["high"]) + 2e-6


def test_a_number_leads_to_the_traces_that_hold_the_move(ada: Visitor) -> None:
    """And from there to the segment."""
    html = ada.get("/transitions?of=p").text
    links = re.findall(r'href="(/transitions/moves\?[^"]+)"', html)
    assert links
    moves = ada.get(unescape(links[0])).text
    trace = re.search(r'href="(/traces/\d+\?from=\d+)&amp;run=3#(segment-\d+)"', moves)
    assert trace is not None
    assert f'id="{trace[2]}"' in ada.get(trace[1]).text
    assert ada.get("/transitions/moves?from=start&to=%3Cscript%3E").status_code == 404
    none = ada.get("/transitions/moves?from=summarization&to=framing&of=positive")
    assert none.status_code == 200


def test_two_groups_are_compared(ada: Visitor) -> None:
    """As the command line does; a group that is none is a sentence."""
    address = f"/transitions/compare?first={HURT}&second={HELPED}"
    html = ada.get(address).text
    assert "Mean ℓ1" in html and "1 and 1" in html
    document = json.loads(ada.get(address.replace("compare?", "compare/differences.json?")).text)
    assert document["traces"] == [1, 1]
    for name in ("graph", "heatmap"):
        answer = ada.get(address.replace("compare?", f"compare/{name}.svg?"))
        assert answer.headers["content-type"] == "image/svg+xml"
    wrong = ada.get("/transitions/compare?first=planet%3Dmars&second=all")
    assert wrong.status_code == 200 and "planet=mars" in wrong.text
    assert ada.get(f"/transitions/compare/x.svg?first={HURT}&second={HELPED}").status_code == 404


def test_what_evaluate_runs_compared_is_one_press_away(
    ada: Visitor, world_engine: sa.Engine
) -> None:
    with transaction(world_engine) as session:
        parameters = {"before": "run=3,model=<b>", "after": "run=3"}
        builders.add_run(session, RunKind.EVALUATE, parameters=parameters)
    html = ada.get("/transitions/compare").text
    assert "first=run%3D3%2Cmodel%3D%3Cb%3E&amp;second=run%3D3" in html and "<b>" not in html


def test_intervals_that_are_still_drawn_hold_nobody_up(
    app: FastAPI, ada: Visitor, world_engine: sa.Engine
) -> None:
    """The page comes without them, and says so; the graph too."""
    matrices: Matrices = app.state.matrices
    with reading(world_engine) as session:
        material = matrices.find(session, ANNOTATE_RUN, False, 60.0)
    assert material is not None
    gate = matrices._sureness._worker.submit(Event().wait, 4.0)
    html = ada.get("/transitions").text
    assert "data-pending" in html and "matrix" in html
    assert ada.get("/transitions/graph.svg").status_code == 200
    gate.result()
    found, pending = None, True
    with reading(world_engine) as session:
        found, pending = matrices.find_sureness(session, material, False, 60.0)
    assert found is not None and not pending
    assert "data-pending" not in ada.get("/transitions").text


def test_without_polarity_there_is_p_alone(ada: Visitor, world_engine: sa.Engine) -> None:
    with transaction(world_engine) as session:
        session.connection().execute(sa.text("UPDATE trace_pair SET polarity = NULL, z_off = z_on"))
    html = ada.get("/transitions").text
    assert "there is P alone" in html and "/transitions/p.svg" in html
    assert "graph.svg" not in html
    assert ada.get("/transitions/positive.svg").status_code == 404
    assert ada.get("/transitions/cells.csv").status_code == 200
