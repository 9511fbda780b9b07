"""Who prefers the page is answered with it; everybody else is sent there."""

from typing import Any

from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from tests.builders import PASSWORD
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World
from webapp.serving.forwarding import Forwarding

PAGE_PLEASE = {"Prefer": "return=representation"}


def rename(visitor: Visitor, world: World, **options: Any) -> Any:
    """Rename the first cluster; the answer as it came."""
    card = f"/versions/{world.version_id}/clusters/c0"
    token = visitor.client.get("/keys").text.split('csrf_token" value="')[1].split('"')[0]
    form = {"csrf_token": token, "revision": "1", "name": "Asking", **options.pop("form", {})}
    return visitor.client.post(f"{card}/rename", data=form, follow_redirects=False, **options)


def test_the_page_comes_with_its_address(sign_in: SignIn, world: World) -> None:
    """It is the page that the redirect would have led to, whole, with every header."""
    ada = sign_in("Ada")
    answer = rename(ada, world, headers=PAGE_PLEASE)
    address = f"/versions/{world.version_id}/clusters/c0?done=2"
    assert answer.status_code == 200 and answer.headers["content-location"] == address
    assert answer.headers["preference-applied"] == "return=representation"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "Asking" in answer.text and "renamed a cluster" in answer.text
    shown = ada.get(address)
    assert "content-location" not in shown.headers
    assert [line for line in shown.text.splitlines() if "<h1" in line] == [
        line for line in answer.text.splitlines() if "<h1" in line
    ]


def test_who_asks_for_nothing_is_redirected(sign_in: SignIn, world: World) -> None:
    """A browser without a script, and programs."""
    answer = rename(sign_in("Ada"), world)
    assert answer.status_code == 303 and answer.headers["location"].endswith("c0?done=2")


def test_a_refusal_is_what_it_was(sign_in: SignIn, world: World) -> None:
    """Nothing is followed where nothing was done."""
    ada = sign_in("Ada")
    conflict = rename(ada, world, headers=PAGE_PLEASE, form={"revision": "9"})
    assert conflict.status_code == 409 and "content-location" not in conflict.headers
    forged = rename(ada, world, headers=PAGE_PLEASE, form={"csrf_token": "another"})
    assert forged.status_code == 403


def test_a_cookie_is_never_swallowed(visitor: Visitor, world: World) -> None:
    """Signing in sets one: the redirect that carries it goes out."""
    form = {"name": "Ada", "password": PASSWORD}
    answer = visitor.client.post("/sign-in", data=form, headers=PAGE_PLEASE, follow_redirects=False)
    assert answer.status_code == 303 and "set-cookie" in answer.headers


def test_another_site_is_never_asked() -> None:
    """An address that is not ours goes out as it came."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"location", b"//elsewhere/x")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(Forwarding(inner))
    answer = client.post("/x", headers=PAGE_PLEASE, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "//elsewhere/x"
