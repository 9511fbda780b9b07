"""Loss curves as images."""

from xml.etree import ElementTree

import pytest

from webapp.showing.charts import Chart, Line, line_chart_svg, tick_step


def chart(points: list[tuple[float, float]]) -> Chart:
    """A chart of one line."""
    return Chart("t", "x", "y", [Line("l", points)])


def points_of(svg: str) -> list[tuple[float, float]]:
    """The places of the curve's points in the image."""
    line = ElementTree.fromstring(svg).find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    pairs = [pair.split(",") for pair in line.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


def test_a_falling_loss_falls_in_the_image() -> None:
    """x grows to the right; in an image y grows downwards."""
    drawn = points_of(line_chart_svg(chart([(1, 0.5), (2, 0.4), (3, 0.1)])))
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    assert [y for _, y in drawn] == sorted(y for _, y in drawn)


@pytest.mark.parametrize(
    "points", [[], [(1.0, 0.5)], [(1.0, 0.5), (2.0, 0.5)], [(1.0, float("nan")), (2.0, 1.0)]]
)
def test_curves_without_a_slope_are_drawn(points: list[tuple[float, float]]) -> None:
    """No point, one, a flat line, a loss that was no number."""
    drawn = points_of(line_chart_svg(chart(points)))
    assert len(drawn) == sum(y == y for _, y in points)


def test_a_long_line_is_thinned_and_keeps_its_ends() -> None:
    """A hundred thousand steps make no image that a browser cannot hold."""
    drawn = points_of(line_chart_svg(chart([(n, n) for n in range(100_001)])))
    assert len(drawn) == 1000
    whole = points_of(line_chart_svg(chart([(0, 0), (100_000, 100_000)])))
    assert [drawn[0], drawn[-1]] == whole


def test_names_are_escaped() -> None:
    """A title is text."""
    svg = line_chart_svg(
        Chart("<script>&", "<x>", "y", [Line("<script>", [(1, 1)]), Line("<b>", [])])
    )
    assert "<script>" not in svg
    ElementTree.fromstring(svg)


@pytest.mark.parametrize("width", [0.003, 0.08, 1.0, 39.0, 12345.0])
def test_ticks_are_round_and_neither_few_nor_many(width: float) -> None:
    """Steps are 1, 2 or 5 times a power of ten."""
    step = tick_step(width)
    digits = f"{step:e}".split("e")[0].rstrip("0").rstrip(".")
    assert digits in ("1", "2", "5") and 3 <= width / step < 8
