"""Pages in a browser: deaf to hostile text."""

from tests.browser.conftest import Tab, Tabs
from tests.browser.test_review import press, sign_in_by_keyboard
from tests.worlds import HOSTILE, HOSTILE_TEXTS, World


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
        "/traces?q=the+town&category=framing",
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
    page.locator("[data-ready='27']").wait_for()
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


def test_the_overview_by_keyboard(tabs: Tabs) -> None:
    """Enter takes up what waits first; j and Enter the next; Tab and Enter follow a number."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Cora")
    press(page, "g", "o")
    page.get_by_role("heading", name="Waiting for you").wait_for()
    first = " ".join(page.locator("[data-row]").first.inner_text().split())
    assert first.startswith("11 clusters to review in v1")
    press(page, "Enter")
    page.get_by_text("11 waiting").wait_for()
    press(page, "g", "o")
    page.get_by_role("heading", name="Waiting for you").wait_for()
    press(page, "j", "Enter")
    page.get_by_text("11 waiting").wait_for()
    press(page, "g", "o")
    page.locator(".stage a").nth(1).focus()
    press(page, "Tab", "Enter")
    page.get_by_role("heading", name="Traces", exact=True).wait_for()
    assert page.url.endswith("?polarity=positive")
