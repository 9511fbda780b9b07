"""The queue and the board by keyboard, and without a script."""

from tests.browser.conftest import Tabs
from tests.browser.test_review import category_of, press, sign_in_by_keyboard


def test_an_annotator_works_through_the_queue_by_keyboard(tabs: Tabs) -> None:
    """Enter begins, a accepts, l skips, f flags, c remarks; the next card comes by itself."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Ada")
    page.get_by_role("heading", name="What is next").wait_for()
    press(page, "Enter")
    page.get_by_role("heading", name="Framing the question").wait_for()
    press(page, "a")
    status = page.get_by_role("status")
    status.get_by_text("put 3 labels in framing").wait_for()
    assert category_of(tab, "c0") == ("framing", True)
    first = tab.h1
    press(page, "l")
    status.get_by_text("skipped a cluster").wait_for()
    second = tab.h1
    assert second != first
    press(page, "c")
    page.keyboard.type("two meanings")
    press(page, "Enter")
    status.get_by_text("remarked: “two meanings”").wait_for()
    assert tab.h1 == second
    press(page, "f")
    status.get_by_text("flagged a cluster").wait_for()
    press(page, "g", "q")
    page.get_by_role("heading", name="Flagged for a curator").wait_for()
    press(page, "/")
    page.keyboard.type("going")
    press(page, "Enter")
    page.get_by_text("1 waiting").wait_for()


def test_a_curator_works_the_board_by_keyboard(tabs: Tabs) -> None:
    """A letter moves the cluster with the focus, y accepts its lane, u takes either back."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Cora")
    page.get_by_role("heading", name="Board", exact=True).wait_for()
    status = page.get_by_role("status")
    page.locator("a[data-row]", has_text="Going back").focus()
    letter = page.locator("button[value=evaluation]").get_attribute("data-move")
    press(page, letter)
    status.get_by_text("in evaluation").wait_for()
    assert category_of(tab, "c3") == ("evaluation", True)
    assert page.locator(":focus").get_attribute("data-row") is not None, "one can go on from here"
    press(page, "u")
    status.get_by_text("took back").wait_for()
    assert category_of(tab, "c3") == ("backtracking", False)
    page.locator("a[data-row]", has_text="Going back").focus()
    press(page, "y")
    status.get_by_text("in backtracking").wait_for()
    assert category_of(tab, "c3") == ("backtracking", True)


def test_the_board_without_a_script(tabs: Tabs) -> None:
    """Tick, and press a button."""
    tab = tabs.open(java_script_enabled=False)
    page = tab.page
    tab.sign_in("Cora")
    page.get_by_role("checkbox", name="Tick Going back").check()
    page.get_by_role("button", name="Evaluation").first.click()
    page.get_by_role("status").get_by_text("in evaluation").wait_for()
    page.get_by_role("button", name="Accept").first.click()
    page.get_by_role("status").get_by_text("put").wait_for()
