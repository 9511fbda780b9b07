"""A form that arrives twice is obeyed once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store.engine import reading
from store.reviews import list_events
from tests.builders import PASSWORD
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World, build_world
from webapp.app import create_app


def kinds(engine: sa.Engine, world: World) -> list[str]:
    """What happened on the version."""
    with reading(engine) as session:
        return [event.kind for event in list_events(session, world.version_id)]


def test_a_form_sent_again_does_no_more(
    sign_in: SignIn, world: World, world_engine: sa.Engine
) -> None:
    """It answers what it answered; another form, or another person, is not the same."""
    ada, rhea = sign_in("Ada"), sign_in("Rhea")
    card = f"/versions/{world.version_id}/clusters/c0"
    form = {"decision": "n1", "revision": "1", "name": "Asking"}
    first = ada.post(f"{card}/rename", form, page=card)
    again = ada.post(f"{card}/rename", form, page="/keys")
    assert first.url == again.url and kinds(world_engine, world) == ["start", "rename"]
    assert ada.post(f"{card}/rename", {**form, "name": "B"}, page="/keys").status_code == 409
    other = rhea.post(f"{card}/rename", {**form, "revision": "2"}, page="/keys")
    assert other.status_code == 200 and len(kinds(world_engine, world)) == 3
    undo = {"decision": "n2", "revision": "3", "from": "c0"}
    for _ in range(3):
        ada.post(f"/versions/{world.version_id}/undo", undo, page="/keys")
    assert kinds(world_engine, world).count("undo") == 1


def test_a_refused_form_leaves_no_receipt(sign_in: SignIn, world: World) -> None:
    """What was wrong with it may have passed when it comes again."""
    ada = sign_in("Ada")
    card = f"/versions/{world.version_id}/clusters/c0"
    form = {"decision": "n1", "revision": "9", "name": "Asking"}
    assert ada.post(f"{card}/rename", form, page="/keys").status_code == 409
    assert ada.post(f"{card}/rename", form, page="/keys").status_code == 409


def test_sent_by_many_at_once_it_is_one(engine: sa.Engine) -> None:
    """On both stores: a retry may overtake what it repeats."""
    world = build_world(engine)
    app: FastAPI = create_app(engine)
    ada = Visitor(TestClient(app, raise_server_exceptions=False))
    ada.client.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
    token = ada.client.get("/keys").text.split('csrf_token" value="')[1].split('"')[0]
    form = {"decision": "n1", "revision": "1", "name": "Asking", "csrf_token": token}
    address = f"/versions/{world.version_id}/clusters/c0/rename"

    def send(_: int) -> Any:
        client = TestClient(app, cookies=dict(ada.client.cookies), raise_server_exceptions=False)
        return client.post(address, data=form, follow_redirects=False).status_code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(8)))
    assert kinds(engine, world) == ["start", "rename"]
    assert set(answers) <= {303, 409}, answers
