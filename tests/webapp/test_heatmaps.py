"""Each cell of a heatmap leads to what it counts, and says as many as are there."""

import re
from html import unescape
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from annotator.agreement.plans import Plan, create_study
from annotator.agreement.studies import finish_trace, put_labels
from store import studies
from store.engine import transaction
from store.people import get_person
from store.study_tables import Study
from tests.webapp.conftest import SignIn, Visitor
from tests.webapp.test_overview import add_annotators, settle_figures
from tests.worlds import HOSTILE, THOUGHTS, World
from webapp.transitions.heatmaps import shade

COMPARED = "first=polarity%3Dnegative&second=polarity%3Dpositive"


class Cell(NamedTuple):
    """A cell as it stands in a page."""

    shade: str
    address: str
    words: str
    text: str


def cells_of(html: str, title: str) -> list[Cell]:
    """The cells of a heatmap that lead somewhere."""
    found = re.search(rf'<figure[^>]*aria-label="{re.escape(title)}".*?</figure>', html, re.S)
    assert found is not None, title
    link = r'<td class="([^"]*)"><a href="([^"]+)" aria-label="([^"]+)">([^<]*)</a>'
    return [Cell(*map(unescape, each)) for each in re.findall(link, found[0])]


@pytest.fixture
def labelled(world: World, world_engine: sa.Engine) -> Study:
    """Ada says one thing everywhere, Rhea another on each second segment and two on each third."""
    with transaction(world_engine) as session:
        study = create_study(session, Plan(HOSTILE, ("Ada", "Rhea"), per_stratum=1), by=None)[0]
        for name in ("Ada", "Rhea"):
            person = get_person(session, name)
            for one in studies.list_assignments(session, study.id, person_id=person.id):
                for place in range(len(THOUGHTS)):
                    keys = ["analogy"] if place % 2 and name == "Rhea" else ["framing"]
                    keys += ["chaining"] if place % 3 == 0 and name == "Rhea" else []
                    labels = tuple((key, 8.0) for key in keys)
                    put_labels(session, study, person, one.trace_id, place, labels)
                finish_trace(session, study, person, one.trace_id)
    return study


def test_a_colour_is_deeper_the_further_from_the_middle() -> None:
    """Nothing is even, half a step is a colour, and no colour is deeper than the deepest."""
    assert [shade(one) for one in (0.0, 0.04, -0.06, 0.5, -1.0, 3.0)] == [
        "even", "even", "down-1", "up-5", "down-10", "up-10"
    ]  # fmt: skip


def test_a_cell_of_a_matrix_opens_the_moves_that_it_counts(sign_in: SignIn, world: World) -> None:
    """As many are expected there as the cell says, in every one of the matrices."""
    ada = sign_in("Ada")
    html = ada.get("/transitions?least=0").text
    titles = re.findall(r'<figure[^>]*data-heatmap aria-label="([^"]+)"', html)
    assert len(titles) == 6
    for title in titles:
        cells = cells_of(html, unescape(title).replace("&", "&amp;"))
        assert cells and all("doubtful" not in cell.shade for cell in cells)
        for cell in cells[:2]:
            moves = float(re.findall(r", ([\d.,]+) moves", cell.words)[0])
            said = re.findall(r"([\d.,]+) are expected", ada.get(cell.address).text)
            assert [float(one) for one in said] == [moves], cell


def test_a_cell_of_a_comparison_opens_the_moves_of_either_group(
    sign_in: SignIn, world: World
) -> None:
    """Each of them at its segment, with the labels of its run."""
    ada = sign_in("Ada")
    cells = cells_of(ada.get(f"/transitions/compare?{COMPARED}").text, "All changes")
    risen = next(cell for cell in cells if cell.shade.startswith("up"))
    html = ada.get(risen.address).text
    assert "polarity=positive" in html and "of=first" in html
    trace = re.search(r'href="(/traces/\d+\?from=\d+&amp;run=3)#(segment-\d+)"', html)
    assert trace is not None
    assert f'id="{trace[2]}"' in ada.get(unescape(trace[1])).text
    assert ada.get(risen.address.replace("from=", "from=x")).status_code == 404


def test_a_cell_of_a_confusion_opens_the_segments_that_it_counts(
    sign_in: SignIn, labelled: Study
) -> None:
    """Their shares sum to what the cell says; a pair that nobody named opens nothing."""
    cora, page = sign_in("Cora"), f"/studies/{labelled.id}"
    html = cora.get(page).text
    for over in ("Categories", "Macro-strategies"):
        cells = cells_of(html, over)
        assert cells
        for cell in cells:
            count = float(re.findall(r": ([\d.]+) of", cell.words)[0])
            shown = cora.get(cell.address).text
            assert f"of which the cell counts {count:.4g}." in shown
            shares = re.findall(r'<td class="number">([\d.]+)</td></tr>', shown)
            assert sum(map(float, shares)) == pytest.approx(count, rel=1e-3)
    assert cora.get(f"{page}/units?from=framing&to=nothing").status_code == 404
    assert cora.get(f"{page}/units?from=framing&to=framing&over=planet").status_code == 404


def test_who_is_blind_opens_no_cell(sign_in: SignIn, world: World, world_engine: sa.Engine) -> None:
    """Before they are through with their own traces."""
    with transaction(world_engine) as session:
        study = create_study(session, Plan("blind", ("Ada", "Rhea"), per_stratum=1), by=None)[0]
    address = f"/studies/{study.id}/units?from=framing&to=framing"
    assert sign_in("Ada").get(address).status_code == 404
    assert sign_in("Cora").get(address).status_code == 200


def test_the_annotators_agreement_has_its_confusions(
    app: FastAPI, sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """Of the newest run of two; without one there is none."""
    ada: Visitor = sign_in("Ada")
    assert ada.get("/counts/agreement/units?from=framing&to=framing").status_code == 404
    add_annotators(world_engine, world)
    ada.get("/")
    settle_figures(app)
    html = ada.get("/counts/agreement").text
    cells = cells_of(html, "Categories")
    assert all(ada.get(cell.address).status_code == 200 for cell in cells) and cells
    picture = ada.get("/counts/agreement/confusion/categories.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert ada.get("/counts/agreement/confusion/planet.svg").status_code == 404
