"""The largest changes as arrows: all of them, told apart, and safe with any name."""

from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment.transitions.delta_graph import NO_TINT, TINTS, Node, delta_graph_svg
from alignment.transitions.differences import Cell
from alignment.transitions.matrices import uniform_matrix
from alignment.transitions.moves import state_names
from alignment.transitions.report import Heatmap, heatmap_svg

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


def test_nodes_are_drawn_without_an_arrow_as_large_as_their_share_and_in_their_groups() -> None:
    nodes = [Node("start", 0.0), Node("a", 0.64, "knowing"), Node("b", 0.02, "knowing"),
             Node("c", 0.16, "telling")]  # fmt: skip
    root = ElementTree.fromstring(
        delta_graph_svg([cell("a", "b", 0.2)], "t", nodes, "where it ran")
    )
    named = {
        (circle.findtext(f"{SVG}title") or "").partition(":")[0]: circle
        for circle in root.iter(f"{SVG}circle")
    }
    sizes = {name: float(circle.attrib["r"]) for name, circle in named.items()}
    assert sizes["a"] == 2 * sizes["c"] > sizes["b"] == sizes["start"], (
        "areas, down to a least size"
    )
    tints = {name: circle.attrib["fill"] for name, circle in named.items()}
    assert tints["a"] == tints["b"] == TINTS[0], "the first group has the first colour, as on pages"
    assert (tints["c"], tints["start"]) == (TINTS[1], NO_TINT)
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert {"knowing", "telling", "start"} <= set(texts)
    assert any("likelier where it ran" in text for text in texts)


def test_a_change_without_an_interval_is_told_without_one() -> None:
    bare = Cell("a", "b", 0.0, 0.1, float("nan"), float("nan"), 1.0, False)
    root = ElementTree.fromstring(delta_graph_svg([bare], "t"))
    (path,) = root.iter(f"{SVG}path")
    assert path.findtext(f"{SVG}title") == "a → b: +10.0 points"
