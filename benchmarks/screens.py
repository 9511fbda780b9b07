"""Every page of the application by an example address, made from its routes.

A new page is found by itself; one whose address has a part that no example is known for, or whose
example leads nowhere, is an error that says where to add one.
"""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from fastapi.routing import APIRoute

from webapp.app import SCREENS
from webapp.overview.listings import LISTS

PAGE = "text/html"
COMPARED = "first=polarity%3Dnegative&second=polarity%3Dpositive"
# By route: addresses in the place of the route's own one, or beside it, for further states of a
# page. The words in braces are those that `furnishing.furnish` gives values for.
EXAMPLES: Mapping[str, Sequence[str]] = {
    "/counts/{name}": tuple(f"/counts/{name}" for name in LISTS),
    "/runs/{run_id}": ("/runs/{run_id}", "/runs/{export_run}", "/runs/{annotate_run}",
                       "/runs/{evaluate_run}", "/runs/{cluster_run}"),
    "/runs": ("/runs", "/runs?kind=train"),
    "/transitions/moves": ("/transitions/moves?from=start&to=framing",),
    "/transitions/compare": ("/transitions/compare", f"/transitions/compare?{COMPARED}"),
    "/transitions/compare/moves": (
        f"/transitions/compare/moves?{COMPARED}&from=start&to=framing",
    ),
    "/counts/agreement/units": ("/counts/agreement/units?from=framing&to=framing",),
    "/studies/{study_id}/units": ("/studies/{done_study}/units?from=framing&to=framing",),
    "/traces/{trace_id}": ("/traces/{trace_id}",
                           "/traces/{trace_id}?export={export_id}&colour=weight"),
    "/traces": ("/traces", "/traces?polarity=positive", "/traces?q=nothing+is+like+this"),
    "/studies/{study_id}": ("/studies/{study_id}", "/studies/{done_study}"),
    "/studies/{study_id}/label/{trace_id}": ("/studies/{study_id}/label/{unlabelled}",
                                             "/studies/{study_id}/label/{adjudicated}"),
    "/studies/{study_id}/adjudicate/{trace_id}": ("/studies/{study_id}/adjudicate/{adjudicated}",),
    "/versions/{version_id}": ("/versions/{version_id}", "/versions/{frozen_id}",
                               "/versions/{in_review_id}", "/versions/{approved_id}"),
    "/versions/{version_id}/reclusterings/{run_id}": (
        "/versions/{version_id}/reclusterings/{other_clusters}",
    ),
    "/weights/{export_id}/traces/{trace_id}/segments/{segment}": (
        "/weights/{export_id}/traces/{trace_id}/segments/1",
    ),
    "/versions/{version_id}/diff": ("/versions/{version_id}/diff?before={frozen_id}",),
    "/versions/{version_id}/disagreements": tuple(
        f"/versions/{{version_id}}/disagreements?place={place}" for place in range(3)
    ),
    "/versions/{version_id}/clusters/{anchor}": (
        "/versions/{version_id}/clusters/{anchor}",
        "/versions/{version_id}/clusters/{other}?divided=true",
        "/versions/{frozen_id}/clusters/{anchor}",
    ),
    "/versions/{version_id}/whatif": (
        "/versions/{version_id}/whatif",
        "/versions/{version_id}/whatif?do=assign&anchor={other}&category=retrieval",
        "/versions/{version_id}/whatif?do=retire&key={key}&category=retrieval",
    ),
}  # fmt: skip
# The files and pictures among the routes, where the route's own address is none.
FILES: Mapping[str, Sequence[str]] = {
    "/counts/agreement/confusion/{name}.svg": (),  # of two annotators, which the seed has not
    "/runs/{run_id}/charts/{name}.svg": ("/runs/{run_id}/charts/loss.svg",),
    "/runs/{run_id}/events": ("/runs/{run_id}/events",),
    "/runs/{run_id}/files/{name:path}": (
        "/runs/{export_run}/files/train.jsonl",
        "/runs/{export_run}/files/manifest.json",
    ),
    "/runs/{run_id}/report": (),
    "/studies/{study_id}/confusion/{name}.svg": ("/studies/{done_study}/confusion/categories.svg",),
    "/transitions/compare/cells.csv": (f"/transitions/compare/cells.csv?{COMPARED}",),
    "/transitions/compare/differences.json": (f"/transitions/compare/differences.json?{COMPARED}",),
    "/transitions/compare/{name}.svg": (f"/transitions/compare/heatmap.svg?{COMPARED}",),
    "/transitions/{name}.svg": ("/transitions/p.svg", "/transitions/delta.svg"),
    "/versions/{version_id}/whatif/{name}.svg": (),  # `benchmarks.insight --only pages` times it
}
# What a second reader sees otherwise: blind, with less to do, or refused.
OTHERWISE = (
    "/",
    "/people",
    "/studies",
    "/studies/{study_id}",
    "/versions/{version_id}/queue",
    "/versions/{version_id}/board",
    "/versions/{version_id}/clusters/{anchor}",
    "/versions/{version_id}/history",
    "/versions/{version_id}",
    "/counts/nothing",
)
# What a project without a row shows.
EMPTY = ("/", "/queue", "/traces", "/transitions", "/runs", "/studies", "/counts/labels",
         "/counts/agreement", "/audit")  # fmt: skip
# No pages of ours: for programs, on to another page, or a document as it was written.
NO_PAGES = {"/health", "/sign-in", "/runs/{run_id}/report", "/runs/{run_id}/files/{name:path}"}


class NoExample(LookupError):
    """A page that cannot be opened: EXAMPLES or the furnished project lacks something."""


@dataclass
class Reader:
    """Somebody who asks for pages and looks at the head of the answers only."""

    address: str
    name: str
    password: str

    def __post_init__(self) -> None:
        self.cookie = ""
        fields = {"name": self.name, "password": self.password, "next": "/keys"}
        _, _, headers = self._ask("POST", "/sign-in", urlencode(fields))
        self.cookie = headers["set-cookie"].partition(";")[0]

    def head(self, path: str) -> tuple[int, str, str]:
        """The status, the kind and where it sends one on."""
        status, kind, headers = self._ask("GET", path)
        return status, kind, headers.get("location", "")

    def _ask(
        self, method: str, path: str, body: str | None = None
    ) -> tuple[int, str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=30)
        form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self.cookie}
        connection.request(method, path, body, form)
        answer = connection.getresponse()
        connection.close()  # a stream of events has no end
        return answer.status, answer.headers.get_content_type(), answer.headers


def list_routes() -> list[str]:
    """The routes that answer a GET."""
    routes = [route for screen in SCREENS for route in screen.router.routes]
    paths = (
        one.path for one in routes if isinstance(one, APIRoute) and "GET" in (one.methods or ())
    )
    return list(dict.fromkeys(paths))


def list_paths() -> list[str]:
    """The routes that can be opened, other than files."""
    return [path for path in list_routes() if "." not in path and path not in NO_PAGES]


def list_examples(path: str, values: Mapping[str, str]) -> list[str]:
    """The addresses of a route.

    Raises:
        NoExample: nothing is known for a part of it.
    """
    try:
        return [one.format_map(values) for one in EXAMPLES.get(path, (path,))]
    except KeyError as missing:
        raise NoExample(
            f"expected an example address of the page {path}, found none for {missing}; "
            "add one to EXAMPLES in benchmarks/screens.py, and rows for it to furnishing.py"
        ) from missing


def list_screens(readers: Sequence[Reader], values: Mapping[str, str]) -> list[tuple[int, str]]:
    """Every page: which reader may open it, and its address.

    Raises:
        NoExample: a page has no example, or nobody can open it.
    """
    found: dict[str, int] = {}
    for path in list_paths():
        for address in list_examples(path, values):
            found |= _open(readers, path, address)
    pages = [(place, address) for address, place in found.items()]
    return pages + [(1, address.format_map(values)) for address in OTHERWISE]


def list_answers(readers: Sequence[Reader], values: Mapping[str, str]) -> list[tuple[int, str]]:
    """Every address that answers a GET, pages, files and pictures: who may open it, and where.

    Raises:
        NoExample: a route has no example, or nobody can open it.
    """
    found: dict[str, int] = {}
    for path in list_routes():
        own = FILES.get(path)
        for address in list_examples(path, values) if own is None else own:
            address = address.format_map(values)
            allowed = (place for place, one in enumerate(readers) if one.head(address)[0] < 400)
            place = next(allowed, None)
            if place is None:
                raise NoExample(
                    f"expected {address} to answer for the route {path}; give an address that "
                    "exists in EXAMPLES or FILES of benchmarks/screens.py"
                )
            found[address] = place
    return [(place, address) for address, place in found.items()]


def _open(readers: Sequence[Reader], path: str, address: str) -> dict[str, int]:
    """The page that an address leads to, by the first who may open it; nothing for a file."""
    said = []
    for place, reader in enumerate(readers):
        status, kind, onward = reader.head(address)
        if status == 303:
            return {onward: place} if _open([reader], path, onward) else {}
        if 200 <= status < 300:
            return {address: place} if kind == PAGE else {}
        said.append(f"{status} for {reader.name}")
    raise NoExample(
        f"expected {address} to show the page {path}, got {', '.join(said)}; give an address that "
        "exists in EXAMPLES of benchmarks/screens.py, and rows for it in furnishing.py"
    )
