"""Every page and dialog in a browser: what axe finds, what is refused, and who else is asked."""

from pathlib import Path

from benchmarks import seeding
from benchmarks.browser import tab
from benchmarks.insight_axe import NAMES, inspect, prepare, violations
from benchmarks.review_server import server
from benchmarks.screens import Reader, list_screens

WIDTHS = (1280, 390)


def measure_soundness(folder: Path) -> dict[str, float]:
    """Violations, reports and requests over all pages, in two widths, with their dialogs."""
    url = f"sqlite:///{folder / 'sound.sqlite3'}"
    values = prepare(url, folder)
    with server(url) as (address, _), tab(address) as opened:
        readers = [Reader(address, name, seeding.PASSWORD) for name in NAMES[:2]]
        paths = [path for place, path in list_screens(readers, values) if not place]
        opened.open("/sign-in")
        found = [f"/sign-in: {line}" for line in violations(opened.page)]
        opened.sign_in(NAMES[0])
        for width in WIDTHS:
            opened.page.set_viewport_size({"width": width, "height": 900})
            for path in paths:
                opened.open(path)
                found += [f"{path}: {line}" for line in inspect(opened.page)]
    for line in dict.fromkeys([*found, *opened.refused, *opened.foreign]):
        print(line)
    return {
        "axe_violations": len(found),
        "csp_reports": len(opened.refused),
        "external_requests": len(opened.foreign),
        "third_party_bytes": opened.foreign_bytes,
        "pages_checked": len(paths),
    }
