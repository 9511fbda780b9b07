"""The map in a browser: by mouse, by keyboard, and without a script."""

from re import search
from typing import Any

from store.engine import reading
from taxonomy.review.curation import ReviewState, get_review_state
from tests.browser.conftest import Tab, Tabs, violations
from tests.browser.test_review import press
from tests.worlds import CLUSTERS, HOSTILE_TEXTS

LABELS = sum(len(texts) for _, _, texts, *_ in CLUSTERS) + len(HOSTILE_TEXTS)


def open_map(tabs: Tabs, name: str = "Ada", **options: Any) -> Tab:
    """The map, drawn."""
    tab = tabs.open(**options)
    tab.sign_in(name)
    tab.open(f"/versions/{tab.site.world.version_id}/map")
    tab.page.locator(f"[data-ready='{LABELS}']").wait_for()
    tab.page.locator("[data-map]").scroll_into_view_if_needed()
    return tab


def state_of(tab: Tab) -> ReviewState:
    """The review as the store has it."""
    with reading(tab.site.engine) as session:
        return get_review_state(session, tab.site.world.version_id)


def categories(tab: Tab, texts: tuple[str, ...]) -> set[tuple[str | None, str]]:
    """What the store says of labels."""
    labels = state_of(tab).views.labels.values()
    return {(label.category, label.origin) for label in labels if label.text in texts}


def selected(tab: Tab) -> set[str]:
    """The labels that the list of the selection shows, once it has caught up."""
    count = tab.page.locator("[data-map]").get_attribute("data-selected")
    rows = tab.page.locator(f"[data-map-rows][data-count='{count}'] tr")
    rows.first.wait_for()
    return set(rows.locator("label").all_inner_texts())


def spot(tab: Tab, words: str) -> tuple[float, float]:
    """Where a label is: the search goes to it, and the map tells of it there."""
    page = tab.page
    page.locator("[data-map]").scroll_into_view_if_needed()
    page.locator("#q").fill(words)
    page.keyboard.press("Enter")
    tip = page.locator("[data-map-tip]")
    tip.get_by_text(words).wait_for()
    box, over = tip.bounding_box(), page.locator("[data-map]").bounding_box()
    page.locator("#q").fill("")
    right = over["x"] + over["width"]
    aside = (box["x"] - 14, *range(int(box["x"]), int(right), 5))  # beside it, or under it
    for x in aside:
        for y in (box["y"] + box["height"] + 12, box["y"] - 14):
            page.mouse.move(x, y)
            if tip.is_visible() and words in tip.inner_text():
                return x, y
    raise AssertionError(f"the map does not have {words} where it says")


def lasso(page: Any, points: list[tuple[float, float]], key: str = "") -> None:
    """Draw a line through the points with the mouse, a key held."""
    if key:
        page.keyboard.down(key)
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    if key:
        page.keyboard.up(key)


def round_about(x: float, y: float) -> list[tuple[float, float]]:
    """A frame round a place and the labels of its cluster."""
    return [(x - 40, y - 25), (x + 40, y - 25), (x + 40, y + 25), (x - 40, y + 25)]


def test_labels_are_drawn_round_and_moved_by_mouse(tabs: Tabs) -> None:
    """Shift adds, Alt takes out; a command is committed, undone, and the map follows."""
    tab = open_map(tabs)
    page = tab.page
    scope, wrap = spot(tab, "scoping"), spot(tab, "wrapping up")
    lasso(page, round_about(*scope))
    framing = set(CLUSTERS[0][2])
    assert selected(tab) == framing
    lasso(page, round_about(*wrap), "Shift")
    assert selected(tab) == framing | set(CLUSTERS[8][2])
    lasso(page, round_about(*scope), "Alt")
    assert selected(tab) == set(CLUSTERS[8][2])
    assert page.locator("[data-map-count]").inner_text().startswith("2 labels selected")
    page.locator("[data-map-rows]").get_by_label("wrapping up").uncheck()
    page.get_by_text("1 label selected").wait_for()
    page.locator("button[value=evaluation]").click()
    page.get_by_role("status").get_by_text("put 1 label in evaluation").wait_for()
    assert categories(tab, ("final answer",)) == {("evaluation", "reviewed")}
    assert selected(tab) == set(), "what was decided about is let go"
    page.mouse.move(*spot(tab, "final answer"))
    page.locator("[data-map-tip]").get_by_text("Evaluation").wait_for()
    press(page, "Escape", "u")
    page.get_by_role("status").get_by_text("took back: put 1 label").wait_for()
    assert categories(tab, ("final answer",)) == {("summarization", "cluster")}


def test_a_cluster_is_found_moved_and_taken_back_by_keyboard(tabs: Tabs) -> None:
    """Search, Enter, the whole cluster, a letter, undo."""
    tab = open_map(tabs)
    page = tab.page
    press(page, "/")
    page.keyboard.type("recall of")
    page.get_by_text(f"1 of {LABELS} labels found").wait_for()
    press(page, "Enter", "Escape", ".")
    assert selected(tab) == set(CLUSTERS[1][2])
    letter = page.locator("button[value=analogy]").get_attribute("data-key")
    page.locator("[data-map]").focus()
    press(page, letter)
    page.get_by_role("status").get_by_text("put 2 labels in analogy").wait_for()
    assert categories(tab, CLUSTERS[1][2]) == {("analogy", "reviewed")}
    assert page.locator("[data-map]:focus").count() == 1, "one goes on from there"
    press(page, "u")
    page.get_by_role("status").get_by_text("took back").wait_for()


def test_labels_are_selected_by_arrows_and_rings(tabs: Tabs) -> None:
    """From label to label; a ring grows and shrinks; the selection becomes a cluster."""
    tab = open_map(tabs)
    page = tab.page
    page.locator("[data-map]").focus()
    press(page, "ArrowRight")
    first = page.locator("#said").inner_text()
    press(page, " ")
    assert len(selected(tab)) == 1
    press(page, "Shift+ArrowLeft")
    assert page.locator("#said").inner_text() != first
    assert len(selected(tab)) == 2
    press(page, "Escape", "ArrowRight", *["]"] * 14)
    grown = selected(tab)
    press(page, *["["] * 6)
    assert selected(tab) < grown
    press(page, ",")
    assert len(selected(tab)) >= len(grown & selected(tab)) > 0
    press(page, "s")
    page.keyboard.type("Gathered")
    many = len(selected(tab))
    press(page, "Enter")
    page.get_by_role("status").get_by_text(f"split {many} label").wait_for()
    assert "Gathered" in {group.name for group in state_of(tab).groups}


def test_a_command_without_a_selection_asks_for_one(tabs: Tabs) -> None:
    """Nothing is sent; with the ring round a label the command is about that one."""
    tab = open_map(tabs)
    page = tab.page
    page.locator("[data-map]").focus()
    press(page, "x")
    page.locator("#said").get_by_text("Select labels first").wait_for(state="attached")
    assert state_of(tab).revision == 1
    press(page, "ArrowLeft", "f")
    page.get_by_role("status").get_by_text("flagged a cluster").wait_for()


def test_colours_and_their_legend(tabs: Tabs) -> None:
    """Each way to colour has its groups with counts; one that is off can not be selected."""
    tab = open_map(tabs)
    page = tab.page
    legend = page.locator("[data-map-legend]")
    for key, group in (
        ("2", "Going back"),
        ("3", "up to 20 %"),
        ("4", "not reviewed"),
        ("1", "Framing"),
    ):
        press(page, key)
        legend.get_by_role("button", name=group).wait_for()
        total = 0
        for text in legend.locator(".count").all_inner_texts():
            total += int(text.replace(",", ""))
        assert total == LABELS
    place = spot(tab, "scoping")
    off = legend.get_by_role("button", name="Framing")
    off.click()
    assert off.get_attribute("aria-pressed") == "false"
    page.locator("[data-map]").scroll_into_view_if_needed()
    lasso(page, round_about(*place))
    assert not selected(tab) & set(CLUSTERS[0][2])
    off.click()
    lasso(page, round_about(*spot(tab, "scoping")))
    assert selected(tab) >= set(CLUSTERS[0][2])


def test_the_map_is_zoomed_and_moved(tabs: Tabs) -> None:
    """By wheel, by drag with Move pressed, by keys; 0 shows all of it again."""
    tab = open_map(tabs)
    page = tab.page
    before = spot(tab, "scoping")
    press(page, "Escape", "Escape", "+")
    x, y = spot(tab, "scoping")
    assert (x, y) != before
    press(page, "Escape", "0")
    assert spot(tab, "scoping") == before
    press(page, "Escape")
    page.get_by_role("button", name="Move").click()
    lasso(page, [(600, 500), (660, 540)])
    page.get_by_role("button", name="Move").click()
    x, y = spot(tab, "scoping")
    assert (round(x - before[0]), round(y - before[1])) == (60, 40)
    assert page.locator("[data-map]").get_attribute("data-selected") == "0"


def test_what_if_keeps_the_selection(tabs: Tabs) -> None:
    """One looks at what it would change, goes back, and has it still."""
    tab = open_map(tabs)
    page = tab.page
    lasso(page, round_about(*spot(tab, "scoping")))
    chosen = selected(tab)
    press(page, "w")
    page.get_by_role("heading", name="What if: Put 3 labels").wait_for()
    press(page, "w")
    page.locator("[data-ready]").wait_for()
    assert selected(tab) == chosen


def test_a_conflict_is_told(tabs: Tabs) -> None:
    """Who comes late reads what happened, and nothing is overwritten."""
    tab = open_map(tabs)
    page = tab.page
    lasso(page, round_about(*spot(tab, "scoping")))
    other = open_map(tabs, "Rhea")
    lasso(other.page, round_about(*spot(other, "scoping")))
    other.page.locator("button[value=retrieval]").click()
    other.page.get_by_role("status").get_by_text("put 3 labels in retrieval").wait_for()
    page.locator("button[value=evaluation]").click()
    page.get_by_text("put 3 labels in retrieval").wait_for()
    assert [line for line in tab.complaints if "409" not in line] == []
    tab.complaints.clear()
    assert categories(tab, CLUSTERS[0][2]) == {("retrieval", "reviewed")}


def test_the_map_without_a_script(tabs: Tabs) -> None:
    """The labels as a list: filtered, ticked, decided about."""
    tab = tabs.open(java_script_enabled=False)
    page = tab.page
    tab.sign_in("Ada")
    tab.open(f"/versions/{tab.site.world.version_id}/map")
    page.get_by_label("Find labels").fill("scoping")
    page.get_by_role("button", name="Filter").click()
    page.get_by_text(f"1 of {LABELS} labels").wait_for()
    page.get_by_role("checkbox", name="scoping").check()
    page.get_by_role("button", name="Evaluation").click()
    page.get_by_role("status").get_by_text("put 1 label in evaluation").wait_for()
    assert categories(tab, ("scoping",)) == {("evaluation", "reviewed")}
    assert search(r"q=scoping", page.url), "the list stays as it was filtered"
    page.get_by_role("checkbox", name="scoping").check()
    page.get_by_label("Name of a new cluster").fill("Apart")
    page.get_by_label("Name of a new cluster").press("Enter")
    page.get_by_role("status").get_by_text("split 1 label off as “Apart”").wait_for()


def test_axe_finds_nothing_while_labels_are_selected(tabs: Tabs) -> None:
    """In light and dark, on a phone and a wide screen."""
    for scheme, width in (("light", 390), ("dark", 2560)):
        tab = open_map(tabs, color_scheme=scheme, viewport={"width": width, "height": 1000})
        page = tab.page
        page.locator("[data-map]").focus()
        press(page, "ArrowLeft", ".", "4")
        assert selected(tab)
        assert violations(page) == []
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
