"""A study end to end by keyboard: two people blind, agreement, adjudication, export."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from annotator.plans import Plan, create_study
from annotator.studies import CONSENSUS, PERSON
from mralign import agreement, study
from store import annotations, studies
from store.engine import reading, transaction
from store.people import get_person
from tests.browser.conftest import Site, Tab, Tabs
from tests.browser.test_review import press, sign_in_by_keyboard
from tests.worlds import THOUGHTS

SEGMENTS = len(THOUGHTS)


def make_study(site: Site, *, proposals: bool) -> int:
    """A study of all three traces, a stratum each, by Ada and Rhea."""
    with transaction(site.engine) as session:
        plan = Plan("double", ("Ada", "Rhea"), per_stratum=1, proposals=proposals)
        return create_study(session, plan, by=get_person(session, "Cora"))[0].id


def settle_page(page: Any) -> None:
    """Wait until the page has taken its place and its keys are heard."""
    page.locator("[data-segment][aria-current]").wait_for()


def begin(tab: Tab, name: str) -> Any:
    """Sign in, and come to the first trace by keys."""
    sign_in_by_keyboard(tab, name)
    press(tab.page, "g", "s")
    tab.page.get_by_role("heading", name="Studies", exact=True).wait_for()
    press(tab.page, "j", "Enter")
    tab.page.get_by_role("heading", name="double").wait_for()
    press(tab.page, "Enter")
    settle_page(tab.page)
    return tab.page


def said(site: Site, study_id: int, source: str) -> dict[int, list[list[str]]]:
    """The categories that a source put on each segment of each trace."""
    with reading(site.engine) as session:
        run = studies.get_study(session, study_id).run_id
        return {
            trace: [[key for key, _ in step.labels] for step in steps]
            for trace, steps in annotations.list_label_sets(session, run, source)
        }


def label_all(tab: Tab, name: str, letter: str) -> None:
    """Label three traces by keys: the letter, two categories, none, and self-verification."""
    page = begin(tab, name)
    for trace in range(3):
        page.get_by_text(f"{trace + 1} of 3").wait_for()
        settle_page(page)
        press(page, "Enter")
        page.get_by_text("Choose a category, or 0 for none.").first.wait_for()
        press(page, letter, "+", "Enter", "b", "e", "Enter", "0", "Enter")
        for _ in range(SEGMENTS - 3):
            press(page, "s", "Enter")
        press(page, "Enter")
    page.get_by_role("heading", name="double").wait_for()


def test_two_people_label_blind_and_a_curator_settles(
    tabs: Tabs, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys only, from the first trace to the export; the terminal has the same figures."""
    number = make_study(site, proposals=False)
    label_all(tabs.open(), "Ada", "f")
    label_all(tabs.open(), "Rhea", "r")
    expected = [["framing"], ["backtracking", "evaluation"], []] + 4 * [["self_verification"]]
    assert set(map(str, said(site, number, PERSON + "Ada").values())) == {str(expected)}
    tab = tabs.open()
    sign_in_by_keyboard(tab, "Cora")
    tab.open(f"/studies/{number}")
    compare_with_terminal(tab.page, site, number, monkeypatch)
    settle_by_keys(tab.page)
    assert all(steps[0] == ["retrieval"] for steps in said(site, number, CONSENSUS).values())
    with tab.page.expect_download() as download:
        press(tab.page, "e")
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert len(lines) == 12 and {line["stratum"] for line in lines} == {
        "positive, no hit gap", "negative, hit gap", "no polarity, no hit gap"
    }  # fmt: skip
    out = tmp_path / "study.jsonl"
    CliRunner().invoke(study.app, ["export", "double", "--out", str(out)], catch_exceptions=False)
    assert [json.loads(line) for line in out.read_text("utf-8").splitlines()] == lines


def settle_by_keys(page: Any) -> None:
    """Take what the second person said, wherever the two differ."""
    press(page, "a")
    for left in (3, 2, 1):
        page.get_by_text(f"{left} left").wait_for()
        settle_page(page)
        assert page.locator("[data-segment]").count() == 1, "all else they agree on"
        press(page, "2", "Enter", "Enter")
    page.get_by_text("3 of 3 traces settled").wait_for()


def compare_with_terminal(
    page: Any, site: Site, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every figure of the page is the one that `mralign agreement` gives."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", str(site.engine.url))
    words = ["--between", "person:Ada", "--and", "person:Rhea", "--json"]
    result = CliRunner().invoke(agreement.app, words, catch_exceptions=False)
    over = json.loads(result.output)["over"]
    rows = page.locator(".figures tbody tr").all_inner_texts()
    names = ["strict", "entailment", "kappa_strict", "kappa_entailment",
             "kappa_entailment_strict_chance", "alpha_masi", "ac1"]  # fmt: skip
    for row, name in zip(rows[:7], names, strict=True):
        for kind in ("categories", "macro-strategies"):
            figure = over[kind][name]
            assert f"{figure['value']:.3f}" in row and f"{figure['low']:.3f}" in row, (row, name)
    distance = over["categories"]["mean_l1_percent"]
    assert f"{distance['percent']:.2f}" in rows[7] and f"{distance['high']:.2f}" in rows[7]


def test_presses_a_segment(tabs: Tabs, site: Site) -> None:
    """One where the proposal is right; at most four where it is wrong; undo takes one back."""
    number = make_study(site, proposals=True)
    page = begin(tabs.open(), "Ada")
    first = page.locator("[data-segment='0'] [data-given]").inner_text()
    press(page, "Enter")
    press(page, "x", "t", "Enter")
    press(page, "0", "Enter", "u")
    page.get_by_text("Taken back.").first.wait_for()
    for _ in range(SEGMENTS - 2):
        press(page, "Enter")
    page.get_by_text("Every segment is labelled").first.wait_for()
    press(page, "Enter")
    page.get_by_text("2 of 3").wait_for()
    steps = next(iter(said(site, number, PERSON + "Ada").values()))
    assert steps[1] == ["categorization", "explanation"] and len(steps) == SEGMENTS
    assert steps[0][0][:4].casefold() == first.strip().casefold()[:4]


def test_labels_without_a_script(tabs: Tabs, site: Site) -> None:
    """A form a segment, and a button that finishes the trace."""
    number = make_study(site, proposals=True)
    tab = tabs.open(java_script_enabled=False)
    tab.sign_in("Ada")
    tab.open(f"/studies/{number}/label")
    for place in range(SEGMENTS):
        tab.page.get_by_role("button", name=f"Keep the labels of segment {place + 1}").click()
    tab.page.locator("#c0-1").select_option("analogy")
    tab.page.get_by_role("button", name="Keep the labels of segment 1", exact=True).click()
    tab.page.get_by_role("button", name="Finish the trace").click()
    tab.page.get_by_text("2 of 3").wait_for()
    steps = next(iter(said(site, number, PERSON + "Ada").values()))
    assert len(steps) == SEGMENTS and "analogy" in steps[0] and len(steps[0]) == 2
