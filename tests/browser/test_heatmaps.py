"""Heatmaps in a browser: one stop of Tab each, arrows from cell to cell, and on to a segment."""

from typing import Any

from tests.browser.conftest import Tabs

FOCUSED = "document.activeElement.ariaLabel"


def go(page: Any, key: str) -> str:
    """Press a key; what the cell that has the focus then says."""
    page.keyboard.press(key)
    said = str(page.evaluate(FOCUSED))
    assert page.locator("[data-heat-said]").first.inner_text() == said
    return said


def test_by_keys_from_a_cell_to_the_segment_where_the_move_arrives(tabs: Tabs) -> None:
    """A row has ends, and what leads nowhere is passed over."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    tab.open("/transitions?least=0")
    heat = page.locator("[data-heatmap]").first
    entry = heat.locator("tbody a[tabindex='0']")
    assert entry.count() == 1 and heat.locator("tbody a").count() > 5
    entry.focus()
    first = go(page, "Home")
    last = go(page, "End")
    assert first.split(" → ")[0] == last.split(" → ")[0] == "start"
    assert go(page, "Home") == first
    assert not go(page, "ArrowDown").startswith("start →")
    assert go(page, "ArrowUp") == first
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED) == first, "the cell that was left is the one that is entered"
    table = page.locator(".matrix tbody a")
    assert table.count() > 5 and page.locator(".matrix tbody a[tabindex='0']").count() == 1
    source, target = first.split(":")[0].split(" → ")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"From {source} to {target}").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.locator(".segment:target").wait_for()
    assert "run=3" in page.url


def test_a_pointer_reads_a_cell_and_the_keys_are_told(tabs: Tabs) -> None:
    """With what it leads to when nothing is pointed at."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    tab.open("/transitions?least=0")
    heat = page.locator("[data-heatmap]").first
    cell = heat.locator("tbody a").nth(2)
    cell.hover()
    said = heat.locator("[data-heat-said]")
    assert said.inner_text() == cell.get_attribute("aria-label")
    page.locator("h1").hover()
    assert said.inner_text() == "A cell leads to what it counts."
    page.locator("main").press("?")
    page.get_by_text("from cell to cell of a heatmap").wait_for()
