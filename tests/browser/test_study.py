"""A study end to end by keyboard: two people blind, agreement, adjudication, export."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from annotator.agreement.plans import Plan, create_study
from annotator.agreement.studies import CONSENSUS, PERSON
from mralign import agreement, study
from store import annotations, studies
from store.engine import reading, transaction
from store.people import get_person
from store.states import Polarity, ThinkingMode
from tests import builders
from tests.browser.conftest import Site, Tab, Tabs
from tests.browser.test_review import press, sign_in_by_keyboard
from tests.worlds import THOUGHTS
from webapp.studies.comparing import OVER

SEGMENTS = len(THOUGHTS)
PER_STRATUM = 25
ORDER = ("framing", "retrieval", "causal_reasoning", "self_verification", "comparison",
         "evaluation", "summarization")  # fmt: skip


def make_study(site: Site, *, proposals: bool, per_stratum: int = 1, polar: bool = False) -> int:
    """A study by Ada and Rhea; by default of all three traces, a stratum each."""
    with transaction(site.engine) as session:
        plan = Plan(
            "double", ("Ada", "Rhea"), per_stratum=per_stratum, proposals=proposals, polar=polar
        )
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


def add_sample(site: Site) -> None:
    """Traces of 5 or 6 segments, enough of each polarity with and without a hit gap."""
    with transaction(site.engine) as session:
        for number in range(4 * PER_STRATUM):
            question = builders.add_question(session, f"Which of the {number} towns is meant?")
            pieces = [f"Step {n}: {THOUGHTS[n % 5]}" for n in range(5 + (number % 5 == 0))]
            on, off = (
                builders.add_trace(
                    session, question, some, external_id=f"{mode}-{number}", mode=mode
                )[0]
                for mode, some in ((ThinkingMode.ON, pieces), (ThinkingMode.OFF, []))
            )
            polarity = tuple(Polarity)[number % 2]
            builders.add_pair(session, on, off, polarity, hit_gap=number % 4 > 1)


def words_of(name: str, position: int, trace: int) -> tuple[str, ...]:
    """What somebody says of a segment; the second differs on some segments of each third trace."""
    said = ORDER[position % len(ORDER)]
    if name == "Ada" or trace % 3 or position % 2:
        return (said,)
    other = {"framing": "backtracking", "causal_reasoning": "chaining"}.get(said, "analogy")
    return (other,) if (trace + position) % 4 else (said, other)


@dataclass
class Labeler:
    """Somebody at the keyboard, blind."""

    name: str
    tab: Tab
    letters: dict[str, str] = field(default_factory=dict)
    presses: int = 0

    def label(self, place: int) -> None:
        """Type all labels of the trace at this place, as fast as keys go, and on to the next."""
        page = self.tab.page
        page.get_by_text(f"{place + 1} of {4 * PER_STRATUM}").first.wait_for()
        settle_page(page)
        self.letters = self.letters or dict(
            page.locator("[data-letter]").evaluate_all(
                "all => all.map(one => [one.dataset.category, one.dataset.letter])"
            )
        )
        trace = int(page.url.rpartition("/")[2])
        keys = ""
        for position in range(page.locator("[data-segment]").count()):
            keys += "".join(self.letters[key] for key in words_of(self.name, position, trace))
            keys += ("+" if position == 1 else "") + "\n"
        page.keyboard.type(keys + "\n")
        self.presses += len(keys) + 1


def test_two_people_label_blind_and_a_curator_settles(
    tabs: Tabs, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 strata of 25 traces, keys only, from the first label to the export.

    The agreement page fills as they go; the terminal has the same figures, number by number.
    """
    add_sample(site)
    number = make_study(site, proposals=False, per_stratum=PER_STRATUM, polar=True)
    people = [Labeler(name, tabs.open()) for name in ("Ada", "Rhea")]
    for one in people:
        begin(one.tab, one.name)
    tab = tabs.open()
    sign_in_by_keyboard(tab, "Cora")
    for place in range(4 * PER_STRATUM):
        for one in people:
            one.label(place)
        if place == 4:
            tab.open(f"/studies/{number}")
            early = tab.page.locator("#agreement-title ~ .note").first.inner_text()
    for one in people:
        one.tab.page.get_by_role("heading", name="double", exact=True).wait_for()
    assert min(one.presses for one in people) > 2 * 4 * PER_STRATUM * 5
    tab.open(f"/studies/{number}")
    late = tab.page.locator("#agreement-title ~ .note").first.inner_text()
    assert [" 100 traces" in text for text in (early, late)] == [False, True], (early, late)
    compare_with_terminal(tab, number, tmp_path, monkeypatch)
    decided = settle_by_keys(tab.page)
    assert decided > 20
    check_export(tab, number, decided, tmp_path)


def settle_by_keys(page: Any) -> int:
    """Take what the second person said, wherever the two differ; how many traces that were."""
    differing = page.get_by_text("Adjudicate").inner_text()
    traces = int(differing.split()[1])
    press(page, "a")
    for left in range(traces, 0, -1):
        page.get_by_text(f"{left} left").first.wait_for()
        settle_page(page)
        page.keyboard.type("2\n" * page.locator("[data-segment]").count() + "\n")
    page.get_by_text("100 of 100 traces settled").wait_for()
    return traces


def check_export(tab: Tab, number: int, decided: int, tmp_path: Path) -> None:
    """All that was said, by stratum, and what was decided is what the second person said."""
    consensus = said(tab.site, number, CONSENSUS)
    second = said(tab.site, number, PERSON + "Rhea")
    assert consensus == second and len(consensus) == 4 * PER_STRATUM
    with tab.page.expect_download() as download:
        press(tab.page, "e")
    lines = [json.loads(line) for line in Path(download.value.path()).read_text().splitlines()]
    assert len(lines) == 3 * 4 * PER_STRATUM + decided
    strata = Counter(line["stratum"] for line in lines if line["settled"])
    assert len(strata) == 4 and min(strata.values()) >= 3 * PER_STRATUM
    out = tmp_path / "study.jsonl"
    CliRunner().invoke(study.app, ["export", "double", "--out", str(out)], catch_exceptions=False)
    assert [json.loads(line) for line in out.read_text("utf-8").splitlines()] == lines


FIGURES = ["strict", "entailment", "kappa_strict", "kappa_entailment",
           "kappa_entailment_strict_chance", "alpha_masi", "ac1"]  # fmt: skip


def compare_with_terminal(
    tab: Tab, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every number of the page, and its heatmap, is what `mralign agreement` gives."""
    monkeypatch.setenv("MRALIGN_DATABASE_URL", str(tab.site.engine.url))
    svg = tmp_path / "confusion.svg"
    words = ["--between", "person:Ada", "--and", "person:Rhea", "--json", "--svg", str(svg)]
    result = CliRunner().invoke(agreement.app, words, catch_exceptions=False)
    over = json.loads(result.output)["over"]
    page = tab.page
    while page.get_by_text("is being drawn").count():
        page.reload()
    cells = [row.locator("td").all_inner_texts() for row in page.locator(".figures tbody tr").all()]
    expected = [
        [f"{over[OVER[0]][name]['n']:,}",
         *(shown(over[kind][name], "value", 3) for kind in OVER)] for name in FIGURES
    ]  # fmt: skip
    distances = [over[kind]["mean_l1_percent"] for kind in OVER]
    expected.append(
        [f"{distances[0]['traces']} traces", *(shown(d, "percent", 2) for d in distances)]
    )
    assert cells == expected
    address = page.locator("figure a[download]").first.get_attribute("href")
    image = page.request.get(tab.site.address + address).text()
    assert image == svg.read_text("utf-8").replace("person:", "")


def shown(figure: dict[str, Any], name: str, places: int) -> str:
    """A figure with its interval, as the page writes it."""
    value, low, high = (f"{figure[key]:.{places}f}" for key in (name, "low", "high"))
    return f"{value} [{low}, {high}]"


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
