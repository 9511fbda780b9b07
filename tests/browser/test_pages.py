"""Every page in a browser: readable by all, at every width, and deaf to hostile text."""

import pytest

from tests.browser.conftest import Tab, Tabs, violations
from tests.worlds import HOSTILE, HOSTILE_TEXTS, World

NARROW = {"width": 390, "height": 844}


def addresses(world: World) -> list[str]:
    """Every page that somebody can open."""
    version = f"/versions/{world.version_id}"
    return [
        "/",
        "/keys",
        "/account",
        "/people",
        "/audit",
        "/password",
        "/traces",
        f"/traces/{world.trace_id}",
        "/transitions",
        "/transitions?level=macro&of=weights-positive",
        "/transitions/compare?first=polarity%3Dnegative&second=polarity%3Dpositive",
        "/transitions/moves?from=start&to=framing",
        "/runs",
        f"/runs/{world.training_run_id}",
        f"/runs/{world.training_run_id}/items",
        version,
        f"/versions/{world.frozen_id}",
        f"{version}/queue",
        f"{version}/board",
        f"{version}/clusters",
        f"{version}/clusters/c0",
        f"{version}/clusters/c10",
        f"{version}/map",
        f"{version}/noise",
        f"{version}/history",
        f"{version}/guidelines",
        f"{version}/disagreements",
        f"{version}/clusters/c0?divided=true",
        f"{version}/whatif",
        f"{version}/whatif?do=assign&anchor=c0&category=retrieval",
        f"{version}/whatif?do=retire&key=framing&category=retrieval",
        f"{version}/diff?before={world.frozen_id}",
    ]


def settle(tab: Tab, address: str) -> None:
    """Open a page and wait for what it draws."""
    tab.open(address)
    if address.endswith("/map"):
        tab.page.locator("[data-ready]").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(tabs: Tabs, scheme: str) -> None:
    """On every page, in both colour schemes, with folded parts unfolded, and in the dialog."""
    tab = tabs.open(color_scheme=scheme)
    tab.open("/sign-in")
    found = {"/sign-in": violations(tab.page)}
    tab.sign_in("Cora")
    for address in addresses(tab.site.world):
        settle(tab, address)
        folded = tab.page.locator("details:not([open]) > summary")
        for _ in range(min(3, folded.count())):
            folded.first.click()
        found[address] = violations(tab.page)
    tab.page.keyboard.press("?")
    tab.page.get_by_role("dialog").wait_for()
    found["the keys"] = violations(tab.page)
    assert {address: rules for address, rules in found.items() if rules} == {}


def test_no_page_is_wider_than_a_phone(tabs: Tabs) -> None:
    """Only tables and commands scroll sideways, each in a frame of its own."""
    tab = tabs.open(viewport=NARROW)
    tab.sign_in("Cora")
    wide = {}
    for address in addresses(tab.site.world):
        settle(tab, address)
        root = "document.documentElement"
        over = tab.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
        if over > 0:
            wide[address] = over
    assert wide == {}


def test_hostile_text_is_text(tabs: Tabs) -> None:
    """Markup, addresses and formulas of labels and traces are shown, never obeyed."""
    tab = tabs.open()
    page = tab.page
    opened: list[str] = []
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    tab.sign_in("Cora")
    for address in addresses(tab.site.world):
        settle(tab, address)
        assert page.locator("main script, main img[onerror], a[href^='javascript']").count() == 0
    tab.open(f"/versions/{tab.site.world.version_id}/clusters/c10")
    assert tab.h1 == HOSTILE
    shown = page.locator(".labels").inner_text()
    assert all(text in shown for text in HOSTILE_TEXTS[:4])
    tab.open(f"/traces/{tab.site.world.trace_id}")
    assert HOSTILE in page.locator(".segments").inner_text()
    tab.open(f"/versions/{tab.site.world.version_id}/map")
    page.locator("[data-ready='11']").wait_for()
    assert opened == []


def test_the_policy_refuses_what_a_hole_would_let_in(tabs: Tabs) -> None:
    """Were markup ever let through, the browser would still run none of it."""
    tab = tabs.open()
    tab.sign_in("Ada")
    ran = tab.page.evaluate(
        """() => {
          const script = document.createElement('script');
          try { script.textContent = 'window.ran = true'; document.body.append(script); } catch {}
          const image = '<img src=x onerror="window.ran = true">';
          try { document.body.insertAdjacentHTML('beforeend', image); } catch {}
          return Boolean(window.ran);
        }"""
    )
    assert ran is False
    assert any("Trusted" in line or "Content Security" in line for line in tab.complaints)
    tab.complaints.clear()
