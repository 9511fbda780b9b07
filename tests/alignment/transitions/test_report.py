"""Matrices as text and as SVG: complete, aligned, and safe with any name."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.transitions.matrices import uniform_matrix
from alignment.transitions.moves import state_names
from alignment.transitions.report import Doubt, Heatmap, heatmap_svg, matrix_text, weight_matrix
from alignment.transitions.weights import HIGHEST_WEIGHT, LOWEST_WEIGHT

SVG = "{http://www.w3.org/2000/svg}"


def test_every_state_has_a_row_and_a_column_and_forbidden_cells_are_blank() -> None:
    text = matrix_text(Heatmap(uniform_matrix(3), state_names(["a", "b", "c"]), "P"))
    title, head, *rows = text.split("\n")
    assert (title, head.split()) == ("P", ["0", "1", "2", "3", "4"])
    assert [row.split()[:2] for row in rows] == [
        ["0", "start"], ["1", "a"], ["2", "b"], ["3", "c"], ["4", "stop"],
    ]  # fmt: skip
    assert rows[1].split()[2:] == ["25"] * 4
    assert rows[4].split()[2:] == ["100"]
    assert len({len(row) for row in rows}) == 1


def test_weights_are_clipped_ratios_around_one() -> None:
    overall = uniform_matrix(2)
    polar = overall.copy()
    polar[1] = [0.0, 0.99, 0.009, 0.001]
    weights = weight_matrix(polar, overall)
    assert weights[1].tolist()[1:] == [HIGHEST_WEIGHT, LOWEST_WEIGHT, LOWEST_WEIGHT]
    assert weights[0].tolist()[1:] == [1.0, 1.0, 1.0]
    assert np.isnan(weights[:, 0]).all()
    text = matrix_text(Heatmap(weights, state_names(["a", "b"]), "w", "weight"))
    assert "2.72" in text
    assert "0.37" in text


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.text(max_size=30))
def test_an_svg_is_well_formed_whatever_the_names_hold(names: list[str], title: str) -> None:
    heatmap = Heatmap(uniform_matrix(len(names)), state_names(names), title)
    image = ElementTree.fromstring(heatmap_svg(heatmap))
    assert {child.tag for child in image.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "rect", "text", "title")
    }


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", '" onload="x', "a\x00b", "]]>&lt;"]
)
def test_hostile_names_are_shown_as_text(hostile: str) -> None:
    svg = heatmap_svg(Heatmap(uniform_matrix(1), state_names([hostile]), hostile))
    root = ElementTree.fromstring(svg)
    assert set(root.attrib) == {
        "viewBox", "width", "height", "role", "aria-label", "font-family", "font-size",
    }  # fmt: skip
    assert "<script" not in svg


def test_an_svg_holds_one_square_a_cell_and_its_value() -> None:
    root = ElementTree.fromstring(
        heatmap_svg(Heatmap(uniform_matrix(3), state_names(["a", "b", "c"]), "P"))
    )
    squares = [one for one in root.iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None]
    assert len(squares) == 4 * 4 + 1
    notes = [one.findtext(f"{SVG}title") for one in squares]
    assert "a → b: 0.25" in notes


def test_cells_in_doubt_are_hatched_and_the_image_says_why() -> None:
    """Every other cell is drawn as before."""
    matrix, names = uniform_matrix(2), state_names(["a", "b"])
    doubt = np.zeros((4, 4), dtype=bool)
    doubt[1] = True
    svg = heatmap_svg(Heatmap(matrix, names, "P", "probability", Doubt(doubt, "too few <moves>")))
    ElementTree.fromstring(svg)
    assert svg.count('fill="url(#doubt)"') == 3, "a cell that cannot be is not in doubt"
    assert "hatched: too few &lt;moves&gt;" in svg
    assert "url(#doubt)" not in heatmap_svg(Heatmap(matrix, names, "P"))
