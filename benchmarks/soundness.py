"""Every page and dialog in a browser: what axe finds, what is refused, and who else is asked."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from fastapi.routing import APIRoute

from benchmarks.browser import Tab, tab
from benchmarks.review_server import seeded_engine, server
from webapp.app import SCREENS

# A value of every part that an address may have.
PARTS = {"version_id": "1", "anchor": "c0", "trace_id": "1", "run_id": "1", "person_id": "1"}
WIDTHS = (1280, 390)


def addresses() -> list[str]:
    """One address of each page; files and parts of pages have a dot in theirs."""
    routes = [route for screen in SCREENS for route in screen.router.routes]
    paths = [r.path for r in routes if isinstance(r, APIRoute) and "GET" in (r.methods or ())]
    known = [path for path in paths if "." not in path and path != "/health"]
    return [filled for path in dict.fromkeys(known) if "{" not in (filled := fill(path))]


def fill(path: str) -> str:
    """The address with values in it, as far as they are known."""
    for name, value in PARTS.items():
        path = path.replace(f"{{{name}}}", value)
    return f"{path}?before=1" if path.endswith("/diff") else path


def measure_soundness(folder: Path) -> dict[str, float]:
    """Violations, reports and requests over all pages, in two widths, with their dialogs."""
    url = f"sqlite:///{folder / 'sound.sqlite3'}"
    seeded_engine(url, 1)
    found: list[str] = []
    with server(url) as (address, _), tab(address) as opened:
        opened.open("/sign-in")
        found += violations(opened)
        opened.sign_in("reviewer 0")
        for width in WIDTHS:
            opened.page.set_viewport_size({"width": width, "height": 900})
            for path in addresses():
                found += look_at(opened, path)
        found += look_beside(opened)
    for line in dict.fromkeys([*found, *opened.refused, *opened.foreign]):
        print(line)
    return {
        "axe_violations": len(found),
        "csp_reports": len(opened.refused),
        "external_requests": len(opened.foreign),
        "third_party_bytes": opened.foreign_bytes,
        "pages_checked": len(addresses()),
    }


def look_at(opened: Tab, path: str) -> list[str]:
    """What axe finds on a page, and on it with the dialog of its keys."""
    answer = opened.page.goto(opened.address + path)
    if answer is None or answer.status not in (200, 404):
        raise RuntimeError(f"expected {path} to answer, got {answer and answer.status}")
    found = violations(opened)
    opened.page.keyboard.press("?")
    if opened.ask("Boolean(document.querySelector('dialog[open]'))"):
        found += violations(opened)
    return [f"{path}: {line}" for line in found]


def look_beside(opened: Tab) -> list[str]:
    """What axe finds on the guidelines that open beside a card."""
    opened.open("/versions/1/clusters/c0")
    opened.page.keyboard.press("h")
    opened.page.locator("dialog[open]").wait_for()
    return [f"guidelines: {line}" for line in violations(opened)]


def violations(opened: Tab) -> list[str]:
    """The rules that axe finds broken, with the first elements that break them."""
    broken = Axe().run(opened.page).response["violations"]
    return [f"{rule['id']}: {[node['html'][:90] for node in rule['nodes'][:2]]}" for rule in broken]
