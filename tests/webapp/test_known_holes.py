"""Holes that other annotation tools shipped: each is tried here, and is not there.

Secret in the source (CVE-2023-43791), filters that reach through relations (CVE-2023-47117),
requests to addresses that a user names (CVE-2023-47116), markup in labels (CVE-2024-26152),
other people's things by their numbers (CVE-2026-22033).
"""

import ast
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from store.engine import reading
from store.tables import Person
from tests.webapp.conftest import SignIn
from tests.worlds import HOSTILE, World

ROOT = Path(__file__).parents[2]
FETCHERS = {"requests", "httpx", "urllib3", "aiohttp", "socket", "ftplib", "smtplib"}


def imports(path: Path) -> set[str]:
    """The modules that a file imports, whole names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_no_secret_stands_in_the_source() -> None:
    """A session is a random number that the database knows; nothing is signed with a key."""
    pattern = re.compile(r"(?i)(secret_key|signing_key|jwt|hmac)\s*[=(]")
    for room in ("webapp", "store"):
        for path in (ROOT / room).rglob("*.py"):
            assert not pattern.search(path.read_text("utf-8")), path
            assert not imports(path) & {"jwt", "itsdangerous", "hmac"}, path


def test_the_pages_ask_no_address() -> None:
    """Whatever a form or a trace names: the pages hold nothing that could fetch it."""
    for path in (ROOT / "webapp").rglob("*.py"):
        names = imports(path)
        assert not {name.split(".")[0] for name in names} & FETCHERS, path
        assert "urllib.request" not in names, path


@pytest.mark.parametrize(
    "query",
    [
        "password_hash=x",
        "person__password_hash__startswith=a",
        "filter=password_hash",
        "sort=password_hash",
        "sort=labels__person__password_hash",
        "show=__class__",
        "actor__password_hash=a",
        "action=%27%20OR%201=1--",
    ],
)
def test_a_filter_reaches_nothing_but_what_it_names(
    sign_in: SignIn, world: World, world_engine: sa.Engine, query: str
) -> None:
    """A parameter that no page knows changes nothing, and none leads through a relation."""
    cora = sign_in("Cora")
    with reading(world_engine) as session:
        hashes = [row[0] for row in session.execute(sa.select(Person.password_hash)).all()]  # type: ignore[call-overload]
    for address in (f"/versions/{world.version_id}/clusters", "/people", "/audit", "/traces"):
        html = cora.get(f"{address}?{query}").text
        assert not any(value in html for value in hashes), address


def test_markup_in_a_label_a_name_and_a_reason_is_text(sign_in: SignIn, world: World) -> None:
    """Wherever people's words come out again, the new pages included."""
    cora = sign_in("Cora")
    version = f"/versions/{world.version_id}"
    card = f"{version}/clusters/c10"
    cora.post("/people", {"name": HOSTILE, "role": "annotator"})
    cora.post("/account/tokens", {"name": HOSTILE, "role": "annotator"}, page="/account")
    cora.post(f"{card}/remark", {"kind": "comment", "text": HOSTILE}, page=card)
    cora.post(f"{version}/guidelines", {"overlap": "1", "guidelines": HOSTILE}, page=version)
    addresses = ("/people", "/account", "/audit", card, f"{card}?divided=true")
    for address in (*addresses, f"{version}/guidelines", f"{version}/history"):
        html = cora.get(address).text
        assert HOSTILE not in html and "&lt;script&gt;" in html, address


def test_other_peoples_things_are_not_reached_by_their_numbers(
    sign_in: SignIn, world: World
) -> None:
    """Tokens, sessions, verdicts, keys: what a number names must be one's own."""
    ada, rhea = sign_in("Ada"), sign_in("Rhea")
    rhea.post("/account/tokens", {"name": "hers", "role": "annotator"}, page="/account")
    assert ada.post("/account/tokens/1/revoke", {}).status_code == 404
    assert "hers" in rhea.get("/account").text and "hers" not in ada.get("/account").text
    theirs = rhea.get("/account").text.split('name="session" value="')[1].split('"')[0]
    assert ada.post("/account/sessions/end", {"session": theirs}).status_code == 404
    assert ada.post(f"/versions/{world.version_id}/undo", {"act": "1"}).status_code in (404, 422)
    notice = ada.get(f"/versions/{world.version_id}/queue?done=-1").text
    assert 'class="notice"' not in notice


def test_a_version_with_another_versions_event_is_not_found(sign_in: SignIn, world: World) -> None:
    """An event's number alone undoes nothing elsewhere."""
    cora = sign_in("Cora")
    page = f"/versions/{world.version_id}"
    assert cora.post(f"{page}/undo", {"event": "1"}, page=page).status_code == 404
