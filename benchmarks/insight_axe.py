"""What axe-core finds on every page and dialog, in both schemes and at two widths.

python -m benchmarks.insight --only axe
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from sqlmodel import Session, col

from benchmarks import annotated, seeding
from benchmarks.browser import Tab, tab
from benchmarks.furnishing import People, furnish
from benchmarks.review_server import seeded_engine, server
from benchmarks.screens import EMPTY, Reader, list_screens
from store import people, schema
from store.engine import get_engine, transaction
from store.states import Role
from store.tables import Person

MOVES = 1_200  # enough annotated traces for every page to have something to show
NAMES = ("reviewer 0", "reviewer 1", "reviewer 2")
LOOKS = tuple((scheme, width) for scheme in ("light", "dark") for width in (1280, 390))
UNFOLD = """() => {
  for (const one of document.querySelectorAll("main details:not([open])")) one.open = true;
  for (const one of document.querySelectorAll("main [aria-expanded=false]")) one.click();
}"""


def measure_axe(folder: Path) -> dict[str, float]:
    """The rules that are broken, over all pages and dialogs, in every look."""
    url = f"sqlite:///{folder / 'axe.sqlite3'}"
    values = prepare(url, folder)
    found: list[str] = []
    with server(url) as (address, _):
        readers = [Reader(address, name, seeding.PASSWORD) for name in NAMES[:2]]
        screens = list_screens(readers, values)
        for place, name in enumerate(NAMES[:2]):
            own = [path for owner, path in screens if owner == place]
            with tab(address) as opened:
                opened.sign_in(name)
                found += [line for look in LOOKS for line in look_at(opened, own, *look)]
                found += act(opened.page, address, values) if not place else []
    found += look_at_nothing(f"sqlite:///{folder / 'empty.sqlite3'}")
    for line in dict.fromkeys(found):
        print(line)
    pages = len(screens) + len(EMPTY)
    return {"axe_violations": len(found), "axe_pages": pages, "axe_looks": len(LOOKS)}


def prepare(url: str, folder: Path) -> dict[str, str]:
    """A review of the paper's size with rows in every state; what can stand in an address."""
    engine, seeded = seeded_engine(url, len(NAMES))
    with transaction(engine) as session:
        annotated.annotate(session, seeded, MOVES)
        demote(session, NAMES[1:])
    return furnish(engine, People(*NAMES), folder / "export")


def demote(session: Session, names: Sequence[str]) -> None:
    """Let these only review and label, so that they do it blind."""
    own = sa.update(Person).where(col(Person.name).in_(names))
    session.execute(own.values(role=Role.ANNOTATOR))


def look_at_nothing(url: str) -> list[str]:
    """What axe finds on the pages of a project without a row."""
    engine = get_engine(url)
    schema.upgrade(engine)
    with transaction(engine) as session:
        hashed = people.hash_password(seeding.PASSWORD)
        people.add_person(session, NAMES[0], Role.CURATOR, hashed)
    with server(url) as (address, _), tab(address) as opened:
        opened.sign_in(NAMES[0])
        return [line for look in LOOKS for line in look_at(opened, EMPTY, *look)]


def look_at(opened: Tab, paths: Sequence[str], scheme: str, width: int) -> list[str]:
    """What axe finds on these pages and their dialogs, in one look."""
    page = opened.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    found = []
    for path in paths:
        page.goto(opened.address + path)
        found += [f"{path} {scheme} {width}: {line}" for line in inspect(page)]
    return found


def act(page: Any, address: str, values: Mapping[str, str]) -> list[str]:
    """What axe finds after a deed: a secret that is shown once, a choice, what if."""
    found = []
    for name, path, field, button in (
        ("a new account", "/people", "Name", "Add"),
        ("a new token", "/account", "What it is for", "Make a token"),
    ):
        page.goto(address + path)
        page.get_by_label(field, exact=True).fill("somebody new")
        page.get_by_role("button", name=button, exact=True).click()
        page.locator(".secret").wait_for()
        found += [f"{name}: {line}" for line in violations(page)]
    page.goto(f"{address}/studies/{values['study_id']}/adjudicate/{values['adjudicated']}")
    page.locator("[data-segment][aria-current]").wait_for()
    page.keyboard.press("2")
    found += [f"a choice: {line}" for line in violations(page)]
    page.goto(f"{address}/versions/{values['version_id']}/clusters/{values['other']}")
    page.keyboard.press("2")
    page.keyboard.press("w")
    page.get_by_role("heading", name="What if").first.wait_for()
    return found + [f"what if: {line}" for line in violations(page)]


def inspect(page: Any) -> list[str]:
    """What axe finds on a page with everything unfolded, then on each of its dialogs."""
    page.evaluate(UNFOLD)
    found = violations(page)
    for opener in page.locator("[data-dialog]:visible").all()[:1]:
        opener.click()
        found += [f"beside it, {line}" for line in _in_dialog(page, "#beside")]
    if page.locator("#keys").count():
        page.locator("main").focus()
        page.keyboard.press("?")
        found += [f"its keys, {line}" for line in _in_dialog(page, "#keys")]
    return found


def _in_dialog(page: Any, name: str) -> list[str]:
    """What axe finds in a dialog that is about to open; what lies under it is out of reach."""
    page.locator(f"{name}[open]").wait_for()
    found = violations(page, name)
    page.keyboard.press("Escape")
    return found


def violations(page: Any, part: str | None = None) -> list[str]:
    """The rules that axe finds broken on a page or a part, with the first elements that do."""
    broken = Axe().run(page, part).response["violations"]
    return [f"{rule['id']}: {[node['html'][:90] for node in rule['nodes'][:2]]}" for rule in broken]
