"""A review from signing in to a frozen vocabulary: by keyboard, by mouse, and without a script."""

from typing import Any

from store.engine import reading, transaction
from store.people import get_person
from store.states import VersionStatus
from store.taxonomies import get_version
from store.verdicts import Rules, set_rules
from taxonomy.review.curation import Assign, get_review_state
from taxonomy.review.judging import judge
from tests.browser.conftest import Site, Tab, Tabs, violations
from tests.builders import PASSWORD


def names(tab: Tab) -> set[str]:
    """The names of all clusters, from the store."""
    with reading(tab.site.engine) as session:
        state = get_review_state(session, tab.site.world.version_id)
        return {group.name for group in state.groups}


def category_of(tab: Tab, anchor: str) -> tuple[str | None, bool]:
    """The category of a cluster, and whether a person decided it, from the store."""
    with reading(tab.site.engine) as session:
        state = get_review_state(session, tab.site.world.version_id)
        group = next(group for group in state.groups if group.anchor == anchor)
        return group.category, group.reviewed


def focus_name(page: Any) -> str:
    """The id or text of what has the focus."""
    focused = page.locator(":focus")
    if focused.count() == 0:
        return ""
    return str(focused.get_attribute("id") or focused.inner_text())


def press(page: Any, *keys: str) -> None:
    """Press keys one after another."""
    for key in keys:
        page.keyboard.press(key)


def sign_in_by_keyboard(tab: Tab, name: str) -> None:
    """Sign in without a mouse."""
    tab.open("/sign-in")
    page = tab.page
    while focus_name(page) != "name":
        press(page, "Tab")
    page.keyboard.type(name)
    press(page, "Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    page.get_by_role("button", name="Sign out").wait_for()


def test_a_cluster_is_found_and_read_by_keyboard(tabs: Tabs) -> None:
    """Sign in, map, list, filter, cluster, and an example in its trace: no click."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Ada")
    press(page, "g", "m")
    page.locator("[data-ready='27']").wait_for()
    press(page, "g", "c")
    page.get_by_role("heading", name="Clusters", exact=True).wait_for()
    press(page, "/")
    page.keyboard.type("recall")
    press(page, "Enter")
    page.get_by_text("1 of 11").wait_for()
    press(page, "j")
    assert focus_name(page) == "Recalling facts"
    press(page, "Enter")
    page.get_by_role("heading", name="Recalling facts").wait_for()
    press(page, "e")
    page.locator(".segment:target").wait_for()
    assert "Thinking" in page.locator("h2").all_inner_texts()


def test_a_cluster_is_decided_by_keyboard(tabs: Tabs) -> None:
    """Rename, merge, categorise, and undo: no click."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Ada")
    tab.open(f"/versions/{tab.site.world.version_id}/clusters/c1")
    status = page.get_by_role("status")
    press(page, "r", "Control+A")
    page.keyboard.type("Bringing up facts")
    press(page, "Enter")
    status.get_by_text("renamed a cluster").wait_for()
    assert tab.h1 == "Bringing up facts"

    press(page, "m")
    page.keyboard.type("Telling")
    press(page, "Tab", "Enter")
    status.get_by_text("merged clusters").wait_for()
    assert "Telling the answer" not in names(tab)
    press(page, "u")
    status.get_by_text("took back: merged").wait_for()
    assert "Telling the answer" in names(tab)

    chosen = page.locator("[data-key='3']").get_attribute("value")
    press(page, "3", "Enter")
    status.get_by_text("put 2 labels in").wait_for()
    assert tab.h1 != "Bringing up facts", "a confirmed cluster is followed by the next one"
    assert category_of(tab, "c1") == (chosen, True)
    press(page, "u")
    status.get_by_text("took back: put").wait_for()
    assert category_of(tab, "c1") == ("retrieval", False)


def test_the_next_card_is_there_before_the_answer(tabs: Tabs) -> None:
    """Nothing can be decided on it until the answer came; keys that were pressed wait."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Ada")
    tab.open(f"/versions/{tab.site.world.version_id}/clusters/c0")
    page.wait_for_load_state("networkidle")
    first, held = tab.h1, list[Any]()
    page.route("**/assign", lambda route: held.append(route))
    page.keyboard.press("a")
    page.get_by_text("Writing it down…").wait_for()
    second = tab.h1
    assert second != first and page.locator("[data-busy]").count() == 1
    page.keyboard.press("f")
    assert tab.h1 == second and category_of(tab, "c0")[1] is False
    held[0].continue_()
    page.get_by_role("status").get_by_text("flagged").wait_for()
    assert tab.h1 not in (first, second) and category_of(tab, "c0")[1] is True


def test_a_cluster_is_found_and_read_by_mouse(tabs: Tabs) -> None:
    """From the map into a cluster, and an example in its trace."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Map").click()
    page.locator("[data-ready='27']").wait_for()
    open_from_map(page, "Framing the question")
    page.get_by_role("link", name="Read it in its trace").first.click()
    page.locator(".segment:target").wait_for()


def test_a_cluster_is_decided_by_mouse(tabs: Tabs) -> None:
    """Split, noise, merge, categorise, and undo from the history."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    tab.open(f"/versions/{tab.site.world.version_id}/clusters/c0")
    status = page.get_by_role("status")
    page.get_by_role("checkbox", name="scoping").check()
    page.get_by_label("Name of a new cluster").fill("Setting the scope")
    page.get_by_role("button", name="Split off").click()
    status.get_by_text("split 1 label off").wait_for()
    page.get_by_role("checkbox", name="restating the task").check()
    page.get_by_role("button", name="Mark as noise").click()
    status.get_by_text("marked 1 label as noise").wait_for()
    page.get_by_label("Take in all labels of").select_option(label="Setting the scope (42)")
    page.get_by_role("button", name="Merge", exact=True).click()
    status.get_by_text("merged clusters").wait_for()
    page.get_by_role("radio", name="Evaluation").check()
    page.get_by_role("button", name="Confirm", exact=True).click()
    status.get_by_text("in evaluation").wait_for()
    assert category_of(tab, "c0") == ("evaluation", True)

    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_role("button", name="Undo revision 3").click()
    status.get_by_text("took back: marked 1 label").wait_for()
    status.get_by_role("button", name="Redo this").click()
    status.get_by_text("the decision holds again").wait_for()


def open_from_map(page: Any, name: str) -> None:
    """Draw round the whole map, and follow the cluster's name in the list of the selection."""
    page.locator("[data-map]").scroll_into_view_if_needed()
    box = page.locator("[data-map]").bounding_box()
    left, top = box["x"] + 4, box["y"] + 4
    page.mouse.move(left, top)
    page.mouse.down()
    for dx, dy in ((1, 0), (1, 0.8), (0, 0.8), (0, 0)):
        page.mouse.move(left + dx * (box["width"] - 8), top + dy * (box["height"] - 8), steps=3)
    page.mouse.up()
    page.locator("[data-map-rows]").get_by_role("link", name=name).first.click()
    page.get_by_role("heading", name=name).wait_for()


def test_a_curator_approves_and_freezes_by_keyboard(tabs: Tabs) -> None:
    """Each step asks for a reason; the last shows the hash."""
    tab = tabs.open()
    page = tab.page
    sign_in_by_keyboard(tab, "Cora")
    press(page, "g", "v")
    for step, reason in (("in review", "ready"), ("approved", "agreed"), ("frozen", "signed")):
        page.locator("#reason").wait_for()
        press(page, "r")
        page.keyboard.type(reason)
        press(page, "Tab")
        if step == "frozen":
            page.keyboard.type("v1")
            press(page, "Tab")
        press(page, "Enter")
        page.get_by_role("status").get_by_text(f"moved the version to {step}").wait_for()
    with reading(tab.site.engine) as session:
        version = get_version(session, tab.site.world.version_id)
    assert version.status == VersionStatus.FROZEN
    assert page.locator(".hash code").inner_text() == version.content_hash
    assert page.get_by_role("button", name="Undo").count() == 0


def test_a_review_without_a_script(tabs: Tabs) -> None:
    """Every action is a form that a browser sends by itself."""
    tab = tabs.open(java_script_enabled=False)
    page = tab.page
    tab.sign_in("Cora")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Map").click()
    page.get_by_role("link", name="List", exact=True).first.click()
    page.get_by_label("Filter by name or label").fill("going")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Going back").click()
    page.get_by_label("Name r").fill("Turning round")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("heading", name="Turning round").wait_for()
    page.get_by_role("button", name="Undo this").click()
    page.get_by_role("heading", name="Going back").wait_for()
    page.get_by_role("button", name="Confirm and go on").click()
    assert category_of(tab, "c3") == ("backtracking", True)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Vocabulary").click()
    page.get_by_label("Reason").fill("ready")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("heading", name="Approve").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    # What the map's script would have drawn was on its way already.
    tab.complaints = [line for line in tab.complaints if "preload" not in line]


def test_two_people_decide_at_once(tabs: Tabs) -> None:
    """The second sees what the first decided, and what they had typed is still there."""
    first, second = tabs.open(), tabs.open()
    first.sign_in("Ada")
    second.sign_in("Rhea")
    address = f"/versions/{first.site.world.version_id}/clusters/c0"
    first.open(address)
    second.open(address)
    first.page.get_by_label("Name r").fill("Ada's name")
    first.page.get_by_role("button", name="Rename").click()
    second.page.get_by_label("Name r").fill("Rhea's name")
    second.page.get_by_role("button", name="Rename").click()
    page = second.page
    page.get_by_role("heading", name="Somebody else decided meanwhile").wait_for()
    assert "Ada renamed a cluster to “Ada's name”" in page.locator(".history").inner_text()
    assert page.get_by_label("Name").input_value() == "Rhea's name"
    assert violations(page) == []
    page.get_by_role("button", name="Send it all the same").click()
    page.get_by_role("heading", name="Rhea's name").wait_for()
    second.complaints = [line for line in second.complaints if "409" not in line]


def test_keys_are_silent_in_fields_and_can_be_turned_off(tabs: Tabs) -> None:
    """What somebody types is text; whoever is hindered by single keys turns them off."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    tab.open(f"/versions/{tab.site.world.version_id}/clusters/c0")
    page.get_by_label("Name r").fill("")
    page.get_by_label("Name r").press_sequentially("unjm?e3")
    assert page.get_by_label("Name r").input_value() == "unjm?e3"
    assert not page.get_by_role("dialog").is_visible()
    press(page, "Escape", "?")
    page.get_by_role("dialog").get_by_text("undo").count()
    assert "rename" in page.get_by_role("dialog").inner_text()
    page.get_by_label("Single keys are on").uncheck()
    press(page, "Escape", "n")
    assert tab.h1 == "Framing the question"
    press(page, "?")
    page.get_by_label("Single keys are on").check()
    press(page, "Escape", "n")
    page.get_by_role("heading", name="Recalling facts").wait_for()


def test_two_keys_wait_for_each_other_in_their_own_time(tabs: Tabs) -> None:
    """The wait of two keys that were pressed before ends nothing of the next two."""
    tab = tabs.open()
    page = tab.page
    tab.sign_in("Ada")
    page.clock.install()
    tab.open("/traces")
    for first_ms, second_ms, section in ((0, 0, "Vocabulary"), (1000, 1000, "Board")):
        page.clock.run_for(first_ms)
        press(page, "g")
        page.clock.run_for(second_ms)
        press(page, section[0].lower())
        page.locator(f".main-nav [aria-current]:text-is('{section}')").wait_for()
    press(page, "g")
    page.clock.run_for(1600)
    press(page, "v")
    page.clock.run_for(100)
    assert page.locator(".main-nav [aria-current]").inner_text() == "Board"


def test_a_reason_stays_with_the_dispute_that_it_was_typed_at(tabs: Tabs, site: Site) -> None:
    """It is kept while one looks at the next one, and does not turn up there."""
    with transaction(site.engine) as session:
        version = get_version(session, site.world.version_id)
        set_rules(session, version, Rules(2), by=None)
        for name, category in (("Ada", "framing"), ("Rhea", "analogy")):
            for anchor in ("c0", "c3"):
                decision = Assign(anchor=anchor, category=category)
                person = get_person(session, name)
                judge(session, version.id, decision, person=person, seen_revision=None)
    tab = tabs.open()
    tab.sign_in("Cora")
    tab.open(f"/versions/{site.world.version_id}/disagreements")
    press(tab.page, "r")
    tab.page.keyboard.type("half a reason")
    press(tab.page, "Escape", "n")
    tab.page.locator("#dispute-title", has_text="Going back").wait_for()
    assert tab.page.locator("#reason").input_value() == ""
    press(tab.page, "n")
    tab.page.locator("#dispute-title", has_text="Framing the question").wait_for()
    assert tab.page.locator("#reason").input_value() == "half a reason"
