"""Every page, on a project and on an empty database."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store.engine import get_engine, transaction
from store.states import RunKind
from tests import builders
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World, build_world
from webapp import dependencies
from webapp.app import create_app
from webapp.serving.static_files import FOLDER, joined, static_url

PAGES = (
    "/",
    "/keys",
    "/account",
    "/people",
    "/audit",
    "/audit.csv",
    "/password",
    "/clusters",
    "/map",
    "/vocabulary",
    "/traces",
    "/transitions",
    "/transitions/p.svg",
    "/transitions/weights-negative.svg",
    "/transitions/graph.svg",
    "/transitions/cells.csv",
    "/transitions/matrices.json?level=macro",
    "/transitions/moves?from=start&to=framing",
    "/transitions/compare",
    "/transitions/compare?first=polarity%3Dnegative&second=polarity%3Dpositive&level=macro",
    "/runs",
)


def addresses(world: World) -> list[str]:
    """All addresses that show something."""
    version = f"/versions/{world.version_id}"
    return [
        *PAGES,
        version,
        f"/versions/{world.frozen_id}",
        f"{version}/clusters",
        f"{version}/clusters/c0",
        f"{version}/clusters/c10",
        f"{version}/map",
        f"{version}/map/places",
        f"{version}/map/state",
        f"{version}/map/texts",
        f"{version}/noise",
        f"{version}/history",
        f"{version}/guidelines",
        f"{version}/disagreements",
        f"{version}/vocabulary.ttl",
        f"{version}/vocabulary.csv",
        f"{version}/labels.csv",
        f"{version}/vocabulary.md",
        f"{version}/clusters/c0?divided=true",
        f"{version}/whatif",
        f"{version}/whatif?do=assign&anchor=c0&category=retrieval",
        f"{version}/whatif?do=retire&key=framing&category=retrieval",
        f"{version}/diff?before={world.frozen_id}",
        f"/traces/{world.trace_id}",
        f"/traces/{world.trace_id + 1}",
        f"/runs/{world.training_run_id}",
        f"/runs/{world.training_run_id}/charts/loss.svg",
        f"/runs/{world.training_run_id}/items",
        f"/runs/{world.training_run_id}/run.json",
    ]


def test_every_page_is_shown(engine: sa.Engine) -> None:
    """On both stores; nothing that a template needs is missing."""
    world = build_world(engine)
    cora = TestClient(create_app(engine))
    cora.post("/sign-in", data={"name": "Cora", "password": builders.PASSWORD})
    answers = {address: cora.get(address).status_code for address in addresses(world)}
    assert answers == dict.fromkeys(answers, 200)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/versions/999", 404),
        ("/versions/0", 404),
        ("/versions/99999999999999999999", 404),
        ("/versions/x", 404),
        ("/versions/1/clusters/nothing", 404),
        ("/versions/1/clusters/%3Cscript%3E", 404),
        ("/traces/999", 404),
        ("/traces/1?from=-1", 422),
        ("/runs/999", 404),
        ("/runs/1/charts/loss.svg", 404),
        ("/transitions/secrets.svg", 404),
        ("/versions/2/diff", 422),
        ("/versions/2/clusters?page=0", 422),
        ("/nothing", 404),
    ],
)
def test_what_is_not_there_has_a_page(
    sign_in: SignIn, world: World, address: str, status: int
) -> None:
    """It says so, and shows no trace of the program."""
    answer = sign_in("Ada").get(address)
    assert answer.status_code == status
    assert 'role="alert"' in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("", "Framing the question"),
        ("?sort=name", "&lt;script&gt;"),
        ("?sort=-name", "Weighing candidates"),
        ("?sort=instances", "&lt;script&gt;"),
        ("?sort=nonsense", "Framing the question"),
        ("?q=sanity", "Checking oneself"),
        ("?q=GOING", "Going back"),
        ("?show=uncategorised", "Rare odds and ends"),
    ],
)
def test_the_list_is_filtered_and_sorted(
    sign_in: SignIn, world: World, query: str, first: str
) -> None:
    """By name or label, by what is left to do, by any column."""
    html = sign_in("Ada").get(f"/versions/{world.version_id}/clusters{query}").text
    assert html.split("<tbody>")[1].split("<bdi>")[1].startswith(first)


def test_traces_are_found_and_filtered(sign_in: SignIn, world: World) -> None:
    """Wildcards of the database are letters like any other."""
    ada = sign_in("Ada")
    assert "q1-on" in ada.get("/traces?q=Blade").text
    assert "No trace is like that" in ada.get("/traces?q=%25").text
    positive = ada.get("/traces?polarity=positive").text
    assert "q0-on" in positive and "q1-on" not in positive


def test_lists_go_on_from_where_they_stopped(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """By key, so that a page costs the same wherever it stands."""
    with transaction(world_engine) as session:
        question = builders.add_question(session, "many")
        for number in range(60):
            builders.add_trace(session, question, ("x",), external_id=f"many-{number:02}")
            builders.add_run(session, RunKind.PAIR)
    ada = sign_in("Ada")
    pages = [ada.get("/traces").text]
    for _ in range(2):
        pages.append(ada.get("/traces" + link_to_next(pages[-1])).text)
    seen = [page.count('href="/traces/') for page in pages]
    assert seen == [30, 30, 6] and 'rel="next"' not in pages[2]
    runs = ada.get("/runs?kind=pair").text
    assert ada.get("/runs" + link_to_next(runs)).text.count('href="/runs/') == 10


def link_to_next(html: str) -> str:
    """Where the link to the next page leads."""
    return unescape(html.split('" rel="next"')[0].rpartition('href="')[2])


def test_health_needs_no_one(visitor: Visitor) -> None:
    """A watcher has no account."""
    answer = visitor.get("/health")
    assert answer.status_code == 200 and answer.json()["status"] == "ok"


def test_a_database_without_a_schema_says_what_to_do(tmp_path: Path) -> None:
    """On every page, and for a watcher."""
    client = TestClient(create_app(get_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}")))
    answer = client.get("/health")
    assert answer.status_code == 503 and "mralign db upgrade" in answer.text


def test_a_fault_of_ours_shows_a_number_and_no_more(
    app: FastAPI, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is in the log."""
    ada = sign_in("Ada")

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(dependencies, "read_review", fail)
    answer = ada.get("/versions/1/clusters")
    assert answer.status_code == 500
    assert "secret" not in answer.text and "fault of mralign" in answer.text
    assert "content-security-policy" in answer.headers


def test_files_are_kept_only_under_an_address_that_names_their_content(visitor: Visitor) -> None:
    """A new version of a file has a new address."""
    kept = visitor.get(static_url("app.css"))
    asked = visitor.get("/static/app.css")
    assert "immutable" in kept.headers["cache-control"]
    assert asked.headers["cache-control"] == "no-cache"
    assert kept.headers["content-type"].startswith("text/css")
    assert kept.headers["content-encoding"] == "gzip" and kept.text == asked.text
    plain = visitor.get("/static/app.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == kept.text
    same = visitor.get("/static/app.css", headers={"if-none-match": plain.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert visitor.get("/static/nothing.css").status_code == 404


@pytest.mark.parametrize("name", ["page.js", "map.js"])
def test_a_module_comes_with_those_it_imports(visitor: Visitor, name: str) -> None:
    """In one file, the imported ones first and once, and no name of theirs means two things."""
    text = visitor.get(static_url(name)).text
    parts = {"page.js": ("keys", "flow", "drafts"), "map.js": ("map_points", "map_view")}[name]
    heads = [(FOLDER / f"{part}.js").read_text().split("\n")[0] for part in parts]
    assert all(text.count(head) == 1 for head in heads)
    assert not re.search(r"^(import|export) ", text, re.M)
    named = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.M)
    assert len(named) == len(set(named)) > 20


def test_joined_modules_that_import_each_other_come_once(tmp_path: Path) -> None:
    """A circle ends where it began."""
    (tmp_path / "one.js").write_text('import { b } from "./two.js";\nexport const a = 1;\n')
    (tmp_path / "two.js").write_text('import { a } from "./one.js";\nexport const b = 2;\n')
    assert joined(tmp_path / "one.js") == "const b = 2;\n\nconst a = 1;\n"


def test_pages_load_no_model_library(tmp_path: Path) -> None:
    """In a process of its own, after serving every page."""
    script = """
import sys
from starlette.testclient import TestClient
from store import schema
from store.engine import get_engine
from tests.builders import PASSWORD
from tests.worlds import build_world
from tests.webapp.test_app import addresses
from webapp import dependencies
from webapp.app import create_app

engine = get_engine(sys.argv[1])
schema.upgrade(engine)
world = build_world(engine)
client = TestClient(create_app(engine))
client.post("/sign-in", data={"name": "Cora", "password": PASSWORD})
assert all(client.get(address).status_code == 200 for address in addresses(world))
heavy = {"torch", "transformers", "sentence_transformers", "umap", "hdbscan", "openai", "sklearn"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{tmp_path / 'pages.sqlite3'}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
