"""axe-core on every page and dialog; the pages come from the routes, so that none is forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from benchmarks import screens
from benchmarks.furnishing import People, furnish
from benchmarks.insight_axe import UNFOLD, inspect
from benchmarks.screens import (
    NoExample,
    Reader,
    list_answers,
    list_examples,
    list_paths,
    list_screens,
)
from tests.browser.conftest import Site, Tabs, violations
from tests.builders import PASSWORD

NAMES = ("Cora", "Ada")
NARROW = {"width": 390, "height": 844}
LOOKS = (("light", {"width": 1280, "height": 900}), ("dark", NARROW))
WIDTH = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Furnished:
    """A site with something on every page."""

    site: Site
    values: Mapping[str, str]
    screens: list[tuple[int, str]]

    def of(self, place: int) -> list[str]:
        """What one of the readers opens."""
        return [address for owner, address in self.screens if owner == place]


@pytest.fixture
def furnished(site: Site, tmp_path: Path) -> Furnished:
    """The small project with rows in every state."""
    values = furnish(site.engine, People("Cora", "Ada", "Rhea"), tmp_path / "export")
    readers = [Reader(site.address, name, PASSWORD) for name in NAMES]
    return Furnished(site, values, list_screens(readers, values))


def test_axe_finds_nothing(tabs: Tabs, furnished: Furnished) -> None:
    """On every page with all of it unfolded, for a curator and for an annotator who is blind.

    Each page has one of the looks here, in turn; `benchmarks.insight --only axe` takes them all.
    """
    found: dict[str, list[str]] = {}
    for place, name in enumerate(NAMES):
        opened = [tabs.open(color_scheme=scheme, viewport=size) for scheme, size in LOOKS]
        for tab in opened:
            tab.sign_in(name)
        for tab, address in zip(cycle(opened), furnished.of(place), strict=False):
            tab.open(address)
            tab.page.evaluate(UNFOLD)
            found[f"{name} {address}"] = violations(tab.page)
        for tab in opened:
            tab.complaints = [line for line in tab.complaints if not refused(line)]
    assert {place: rules for place, rules in found.items() if rules} == {}


def refused(line: str) -> bool:
    """What a browser says of the pages that say no."""
    return "403" in line or "404" in line


def test_no_page_is_wider_than_a_phone(tabs: Tabs, furnished: Furnished) -> None:
    """Only tables and commands scroll sideways, each in a frame of its own."""
    tab = tabs.open(viewport=NARROW)
    tab.sign_in("Cora")
    wide = {}
    for address in furnished.of(0):
        tab.open(address)
        if over := tab.page.evaluate(WIDTH):
            wide[address] = over
    assert wide == {}


def test_axe_finds_nothing_on_dialogs(tabs: Tabs, furnished: Furnished) -> None:
    """The keys of pages with keys of their own, the guidelines beside a card, and the sign-in."""
    tab = tabs.open(color_scheme="dark", viewport=NARROW)
    tab.open("/sign-in")
    found = {"/sign-in": violations(tab.page)}
    tab.sign_in("Cora")
    values = furnished.values
    for address in (
        f"/versions/{values['version_id']}/clusters/{values['anchor']}",
        f"/studies/{values['study_id']}/adjudicate/{values['adjudicated']}",
    ):
        tab.open(address)
        found[address] = inspect(tab.page)
    assert {address: rules for address, rules in found.items() if rules} == {}


def test_a_planted_fault_is_found(tabs: Tabs, site: Site) -> None:
    """Text that is too pale for its ground, and a button without a name."""
    tab = tabs.open()
    tab.sign_in("Cora")
    tab.page.evaluate(
        "() => { document.querySelector('main').append(document.createElement('button'));"
        " const s = new CSSStyleSheet(); s.replaceSync('h1 { color: #ddd !important }');"
        " document.adoptedStyleSheets = [s]; }"
    )
    rules = " ".join(violations(tab.page))
    assert "button-name" in rules and "color-contrast" in rules


def test_every_route_has_an_address_that_answers(furnished: Furnished) -> None:
    """Files and pictures too, so that each is timed by `benchmarks.insight --only routes`."""
    readers = [Reader(furnished.site.address, name, PASSWORD) for name in NAMES]
    found = {address for _, address in list_answers(readers, furnished.values)}
    assert any(address.endswith("/files/train.jsonl") for address in found)


def test_a_new_page_needs_an_example(monkeypatch: pytest.MonkeyPatch, furnished: Furnished) -> None:
    """One with a part that nobody knows is an error, and so is one that leads nowhere."""
    with pytest.raises(NoExample, match=r"/weights/\{token_id\}.*EXAMPLES"):
        list_examples("/weights/{token_id}", furnished.values)
    readers = [Reader(furnished.site.address, "Cora", PASSWORD)]
    monkeypatch.setattr(screens, "list_paths", lambda: ["/runs/9999"])
    with pytest.raises(NoExample, match="404 for Cora"):
        list_screens(readers, furnished.values)
    assert "/counts/{name}" in list_paths() and "/audit.csv" not in list_paths()
