"""The largest changes as arrows: all of them, told apart, and safe with any name."""

from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment.delta_graph import delta_graph_svg
from alignment.differences import Cell
from alignment.moves import state_names
from alignment.report import Heatmap, heatmap_svg
from alignment.transitions import uniform_matrix

SVG = "{http://www.w3.org/2000/svg}"


def cell(source: str, target: str, delta: float, differs: bool = False) -> Cell:
    return Cell(source, target, 0.5, 0.5 + delta, delta - 0.1, delta + 0.1, 0.01, differs)


def test_rises_are_solid_and_falls_dashed_and_every_change_is_told() -> None:
    cells = [cell("a", "b", 0.2, True), cell("b", "a", -0.1), cell("a", "a", 0.05)]
    root = ElementTree.fromstring(delta_graph_svg(cells, "after"))
    paths = list(root.iter(f"{SVG}path"))
    assert ["stroke-dasharray" in path.attrib for path in paths] == [False, True, False]
    widths = [float(path.attrib["stroke-width"]) for path in paths]
    assert widths[0] > widths[1] > widths[2]
    notes = [path.findtext(f"{SVG}title") for path in paths]
    assert notes[0] == "a → b: +20.0 points (+10.0 to +30.0), beyond chance"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"after", "a", "b", "+20.0*", "-10.0", "+5.0"} <= set(texts)
    assert len(list(root.iter(f"{SVG}circle"))) == 2


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_is_safe_in_a_graph_and_in_a_heatmap(one: str, other: str) -> None:
    graph = delta_graph_svg([cell(one, other, 0.1)], one + other)
    delta = uniform_matrix(2) - 0.25
    heat = heatmap_svg(Heatmap(delta, state_names([one, other]), other, "delta"))
    for image in (graph, heat):
        kinds = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(image).iter()}
        assert kinds <= {"svg", "rect", "text", "path", "polygon", "circle", "title"}


def test_no_change_at_all_still_gives_images() -> None:
    assert ElementTree.fromstring(delta_graph_svg([], "nothing")).tag == f"{SVG}svg"
    heat = heatmap_svg(Heatmap(np.zeros((4, 4)), state_names(["a", "b"]), "0", "delta"))
    texts = [element.text for element in ElementTree.fromstring(heat).iter(f"{SVG}text")]
    assert "·" in texts
