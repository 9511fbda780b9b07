"""The pages of other clusterings in a browser."""

from tests.browser.conftest import Tabs, violations
from tests.browser.test_review import press, sign_in_by_keyboard
from tests.worlds import add_later_clustering


def test_another_clustering_is_taken_by_keyboard(tabs: Tabs) -> None:
    """A digit takes a category, x takes it back, y goes over whole; readable by all throughout."""
    tab = tabs.open()
    page = tab.page
    later = add_later_clustering(tab.site.engine, tab.site.world)
    sign_in_by_keyboard(tab, "Cora")
    tab.open(f"/versions/{tab.site.world.version_id}")
    press(page, "g", "n")
    page.get_by_role("heading", name="Other clusterings").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name=f"Run {later}: clustered anew").focus()
    press(page, "Enter")
    page.get_by_role("heading", name="What the clusters of run").wait_for()
    assert violations(page) == []
    press(page, "1")
    status = page.get_by_role("status")
    status.get_by_text("from the clusters of run").wait_for()
    assert violations(page) == []
    press(page, "x")
    status.get_by_text("took back").wait_for()
    tab.open(f"/versions/{tab.site.world.version_id}/reclusterings/{later}")
    page.set_viewport_size({"width": 390, "height": 844})
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
    press(page, "y")
    status.get_by_text("went over to the clusters of run").wait_for()
