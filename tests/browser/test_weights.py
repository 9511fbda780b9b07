"""A trace by weight and why it weighs that, in a browser: by keys, at every width, for all."""

from pathlib import Path

import pytest

from alignment.export.pool import ExportSettings
from alignment.export.run import export_training_set
from tests.browser.conftest import Site, Tabs, violations

NARROW = {"width": 390, "height": 844}


@pytest.fixture
def exported(site: Site, tmp_path: Path) -> Site:
    """The site with a training set of its traces."""
    export_training_set(site.engine, tmp_path / "out", ExportSettings(validation_share=0.0))
    return site


def test_by_keys_from_a_search_to_what_made_a_weight(exported: Site, tabs: Tabs) -> None:
    tab = tabs.open()
    tab.sign_in("Ada")
    tab.open("/traces")
    page = tab.page
    page.keyboard.press("/")
    page.keyboard.type("vermeer town -film")
    page.keyboard.press("Enter")
    page.locator(".result mark").first.wait_for()
    page.locator("main").press("j")
    page.keyboard.press("Enter")
    page.locator(".segments").wait_for()
    page.keyboard.press("r")
    page.locator(".segments.weighted").wait_for()
    for key in "jj":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Why segment 2 weighs").wait_for()
    page.keyboard.press("j")
    page.get_by_role("heading", name="Why segment 3 weighs").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_too_wide(exported: Site, tabs: Tabs, scheme: str) -> None:
    tab = tabs.open(color_scheme=scheme, viewport=NARROW)
    tab.sign_in("Cora")
    number = exported.world.trace_id
    found = {}
    for address in (
        "/traces?q=the+town&outcome=right",
        f"/traces/{number}?colour=weight",
        f"/weights/2/traces/{number}/segments/1",
    ):
        tab.open(address)
        found[address] = violations(tab.page)
        root = "document.documentElement"
        assert tab.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0, address
    assert {address: rules for address, rules in found.items() if rules} == {}
