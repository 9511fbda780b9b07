"""Accounts, sessions, tokens and the audit log, through the pages."""

import csv
import io
from re import search

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store import audit
from store.engine import reading, transaction
from store.people_tables import ApiToken, ResetToken
from tests.builders import PASSWORD
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World


def secret(html: str) -> str:
    """What a page shows once."""
    found = search(r'<p class="command" tabindex="0"><code>([^<]+)</code>', html)
    assert found, html[:2000]
    return found[1]


def person_id(visitor: Visitor, name: str) -> str:
    """The number of somebody, from the page."""
    row = visitor.get("/people").text.split(f'<th scope="row"><bdi>{name}</bdi>')[1]
    found = search(r"/people/(\d+)/role", row)
    assert found
    return found[1]


def test_somebody_is_added_and_chooses_a_password_once(
    sign_in: SignIn, visitor: Visitor, world_engine: sa.Engine
) -> None:
    """The token stands in the database as a hash only, works once, and is shown once."""
    cora = sign_in("Cora")
    token = secret(cora.post("/people", {"name": "Dora", "role": "annotator"}).text)
    assert token not in cora.get("/people").text
    with reading(world_engine) as session:
        assert token not in str(session.execute(sa.select(ResetToken)).scalars().all())
    assert (
        visitor.client.post("/sign-in", data={"name": "Dora", "password": "!"}).status_code == 403
    )
    chosen = {"token": token, "password": "a long enough one"}
    assert visitor.client.post("/password", data={**chosen, "password": "short"}).status_code == 422
    assert visitor.client.post("/password", data=chosen).url.path == "/sign-in"
    assert visitor.client.post("/password", data=chosen).status_code == 422
    fields = {"name": "Dora", "password": chosen["password"]}
    assert "What is next" in visitor.client.post("/sign-in", data=fields).text


def test_a_new_token_takes_the_place_of_the_last_and_ends_sessions_when_used(
    sign_in: SignIn, visitor: Visitor
) -> None:
    """Until then the old password works: a curator's mistake shuts nobody out."""
    cora, ada = sign_in("Cora"), sign_in("Ada")
    number = person_id(cora, "Ada")
    first = secret(cora.post(f"/people/{number}/reset", {}).text)
    second = secret(cora.post(f"/people/{number}/reset", {}).text)
    assert ada.get("/", follow_redirects=False).status_code == 200
    choose = {"token": first, "password": "another long one"}
    assert visitor.client.post("/password", data=choose).status_code == 422
    assert visitor.client.post("/password", data={**choose, "token": second}).status_code == 200
    assert ada.get("/", follow_redirects=False).status_code == 303


def test_roles_change_and_the_last_curator_stays(sign_in: SignIn) -> None:
    """Nobody may leave the project without one."""
    cora, ada = sign_in("Cora"), sign_in("Ada")
    number = person_id(cora, "Ada")
    own = person_id(cora, "Cora")
    assert cora.post(f"/people/{own}/role", {"role": "annotator"}).status_code == 422
    assert cora.post(f"/people/{own}/active", {"active": "no"}).status_code == 422
    cora.post(f"/people/{number}/role", {"role": "curator"})
    assert ada.get("/people").status_code == 200
    assert cora.post(f"/people/{own}/role", {"role": "annotator"}).status_code in (200, 403)
    assert sign_in("Cora").get("/people").status_code == 403
    ada.post(f"/people/{own}/active", {"active": "no"})
    assert cora.get("/", follow_redirects=False).status_code == 303
    assert ada.post(f"/people/{own}/role", {"role": "emperor"}).status_code == 422
    assert ada.post("/people/999/role", {"role": "annotator"}).status_code == 404


def test_a_session_is_ended_from_outside_by_its_person_or_a_curator(sign_in: SignIn) -> None:
    """By nobody else, even if they know its number; which is no cookie."""
    ada, elsewhere, cora, rhea = (sign_in(name) for name in ("Ada", "Ada", "Cora", "Rhea"))
    rows = ada.get("/account").text.split("<tr>")[2:]
    number = {
        "this one" in row: row.split('name="session" value="')[1].split('"')[0] for row in rows
    }
    own, other = number[True], number[False]
    assert rhea.post("/account/sessions/end", {"session": other}).status_code == 404
    elsewhere.client.cookies.clear()
    elsewhere.client.cookies.set("mralign_session", other)
    assert elsewhere.get("/", follow_redirects=False).status_code == 303
    ada.post("/account/sessions/end", {"session": other})
    assert ada.get("/account").text.count('name="session"') == 1
    cora.post("/people/sessions/end", {"session": own})
    assert ada.get("/", follow_redirects=False).status_code == 303


def test_a_token_acts_with_its_role_and_no_more(
    app: FastAPI, sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """It needs no form token, does nothing that takes a browser, and falls with its person."""
    rhea, cora = sign_in("Rhea"), sign_in("Cora")
    made = rhea.post("/account/tokens", {"name": "export", "role": "researcher"}, page="/account")
    token = secret(made.text)
    assert token not in rhea.get("/account").text
    with reading(world_engine) as session:
        assert token not in str(session.execute(sa.select(ApiToken)).scalars().all())
    program = TestClient(app, headers={"Authorization": f"Bearer {token}"})
    version = f"/versions/{world.version_id}"
    assert program.get(f"{version}/map/state").status_code == 200
    named = {"name": "By a program", "revision": "1"}
    assert program.post(f"{version}/clusters/c0/rename", data=named).status_code == 200
    assert program.post(f"{version}/approve", data={"revision": "2"}).status_code == 403
    for address in ("/account", "/people"):
        assert program.get(address).status_code == 403
    more = rhea.post("/account/tokens", {"name": "x", "role": "curator"}, page="/account")
    assert more.status_code == 422
    cora.post(f"/people/{person_id(cora, 'Rhea')}/role", {"role": "annotator"})
    assert program.post(f"{version}/submit", data={"revision": "2"}).status_code == 403
    number = search(r"/account/tokens/(\d+)/revoke", rhea.get("/account").text)
    assert number
    ada = sign_in("Ada")
    assert ada.post(f"/account/tokens/{number[1]}/revoke", {}).status_code == 404
    rhea.post(f"/account/tokens/{number[1]}/revoke", {}, page="/account")
    refused = program.get(f"{version}/map/state")
    assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"


def test_the_audit_log_is_filtered_and_goes_on_by_key(
    sign_in: SignIn, world_engine: sa.Engine
) -> None:
    """Newest first, a page at a time, wherever it stands."""
    with transaction(world_engine) as session:
        for number in range(70):
            audit.record(session, None, "test deed", f"thing {number:02}", number=number)
    cora = sign_in("Cora")
    page = cora.get("/audit?action=test+deed")
    assert page.text.count("<td>test deed</td>") == 50
    later = search(r'<nav class="pager"[^>]*><a href="([^"]+)"', page.text)
    assert later
    rest = cora.get("/audit" + later[1].replace("&amp;", "&")).text
    assert rest.count("<td>test deed</td>") == 20 and "thing 00" in rest
    assert cora.get("/audit?q=thing+07").text.count("<td>test deed</td>") == 1
    assert "Nothing is like that" in cora.get("/audit?q=%25").text
    assert sign_in("Rhea").get("/audit").status_code == 403


def test_an_export_runs_in_no_spreadsheet(sign_in: SignIn, world_engine: sa.Engine) -> None:
    """What looks like a formula begins with an apostrophe, and nothing breaks out of its cell."""
    hostile = '=HYPERLINK("http://x","y")'
    with transaction(world_engine) as session:
        audit.record(session, None, "test deed", hostile, note='+1","x')
        audit.record(session, None, "test deed", "  @SUM(1)")
    text = sign_in("Cora").get("/audit.csv?action=test+deed").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["subject"] for row in rows] == ["'  @SUM(1)", f"'{hostile}"]
    assert rows[1]["detail"] == 'note=+1","x'


@pytest.mark.parametrize("table", ["review_event", "audit_entry"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET id = id + 1000", "DELETE FROM {}"])
def test_the_database_itself_keeps_the_logs(engine: sa.Engine, table: str, verb: str) -> None:
    """Even past the application, on both stores."""
    from tests.worlds import build_world

    build_world(engine)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(verb.format(table)))


def test_no_route_writes_the_audit_log(app: FastAPI) -> None:
    """It is read in two places."""
    paths = {(path, method) for path, method in _routes(app) if "audit" in path}
    assert paths == {("/audit", "GET"), ("/audit.csv", "GET")}


def _routes(app: FastAPI) -> list[tuple[str, str]]:
    from webapp.app import SCREENS

    return [
        (route.path, method)
        for screen in SCREENS
        for route in screen.router.routes
        for method in route.methods  # type: ignore[attr-defined]
    ]


def test_a_password_is_guessed_no_faster_through_tokens(visitor: Visitor) -> None:
    """Attempts are counted there as well."""
    fields = {"token": "x", "password": PASSWORD}
    statuses = [visitor.client.post("/password", data=fields).status_code for _ in range(7)]
    assert statuses[-1] == 429
