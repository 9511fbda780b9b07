"""Forms from elsewhere, forged sessions, guessed passwords, links that lead away."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store import people
from store.engine import transaction
from tests.builders import PASSWORD
from tests.webapp.conftest import SignIn, Visitor
from tests.worlds import World
from webapp.dependencies import SESSION_COOKIE
from webapp.routes.sign_in import local_path
from webapp.serving.headers import HEADERS
from webapp.serving.limits import AttemptLimit


def test_every_answer_has_the_headers(visitor: Visitor, sign_in: SignIn, world: World) -> None:
    """Pages, failures, files and images alike."""
    cora = sign_in("Cora")
    for address in ("/sign-in", "/nothing", "/health", "/static/app.css"):
        answer = visitor.get(address)
        missing = {name for name in HEADERS if name not in answer.headers}
        assert missing == set(), address
    page = cora.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy and page.headers["cache-control"] == "no-store"
    assert "script-src" not in cora.get("/transitions/p.svg").headers["content-security-policy"]


def test_no_page_has_a_script_or_a_style_inside(sign_in: SignIn, world: World) -> None:
    """The policy would refuse them, so none may be there."""
    cora = sign_in("Cora")
    for address in ("/", f"/versions/{world.version_id}/clusters/c0", "/transitions", "/runs"):
        html = cora.get(address).text
        assert "<style" not in html and " style=" not in html and " onclick=" not in html
        assert html.count("<script") == html.count('<script type="module" src="/static/')


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
def test_a_form_from_elsewhere_is_refused(
    sign_in: SignIn, world: World, headers: dict[str, str]
) -> None:
    """Even one that holds the right token."""
    cora = sign_in("Cora")
    token = cora.client.get("/keys").text.split('csrf_token" value="')[1].split('"')[0]
    answer = cora.client.post(
        f"/versions/{world.version_id}/undo",
        data={"csrf_token": token, "revision": "1"},
        headers=headers,
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_a_form_without_the_token_is_refused(sign_in: SignIn, world: World, token: str) -> None:
    """A cookie alone decides nothing."""
    cora = sign_in("Cora")
    address = f"/versions/{world.version_id}/submit"
    fields = {"csrf_token": token, "revision": "1", "reason": "x"}
    assert cora.client.post(address, data=fields).status_code == 403


def test_another_persons_token_is_refused(sign_in: SignIn, world: World) -> None:
    """Each session has its own."""
    ada, cora = sign_in("Ada"), sign_in("Cora")
    token = ada.client.get("/keys").text.split('csrf_token" value="')[1].split('"')[0]
    fields = {"csrf_token": token, "revision": "1", "reason": "x"}
    answer = cora.client.post(f"/versions/{world.version_id}/submit", data=fields)
    assert answer.status_code == 403


def test_a_form_of_an_earlier_session_is_offered_again(sign_in: SignIn, world: World) -> None:
    """What was typed before the session ended is not lost; it needs one more confirmation."""
    rhea = sign_in("Rhea")
    fields = {"csrf_token": "of before", "revision": "1", "reason": "a long text"}
    answer = rhea.client.post(f"/versions/{world.version_id}/submit", data=fields)
    assert answer.status_code == 403 and "a long text</textarea>" in answer.text
    assert "of before" not in answer.text


def test_the_cookie_is_out_of_reach(app: FastAPI, world: World) -> None:
    """Scripts cannot read it, other sites do not send it, and https keeps it to itself."""
    fields = {"name": "Ada", "password": PASSWORD, "next": "/"}
    for scheme, secure in (("http", False), ("https", True)):
        client = TestClient(app, base_url=f"{scheme}://testserver")
        answer = client.post("/sign-in", data=fields, follow_redirects=False)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        assert ("Secure" in cookie) is secure


def test_signing_out_ends_the_session(sign_in: SignIn) -> None:
    """The token is worth nothing afterwards, even to whoever copied it."""
    ada = sign_in("Ada")
    token = ada.client.cookies[SESSION_COOKIE]
    ada.post("/sign-out", {})
    ada.client.cookies.set(SESSION_COOKIE, token)
    assert ada.get("/", follow_redirects=False).status_code == 303


def test_a_deactivated_person_is_out_at_once(sign_in: SignIn, world_engine: sa.Engine) -> None:
    """With their open session, and at the sign-in page."""
    ada = sign_in("Ada")
    with transaction(world_engine) as session:
        people.set_active(session, "Ada", False)
    assert ada.get("/", follow_redirects=False).status_code == 303
    answer = ada.client.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["Ada", "nobody", "a\x00b", "x" * 500, ""])
def test_a_wrong_password_says_no_more_than_that(visitor: Visitor, name: str) -> None:
    """Whether the name exists stays unsaid."""
    answer = visitor.client.post("/sign-in", data={"name": name, "password": "wrong wrong wrong"})
    assert answer.status_code == 403
    assert "do not go together" in answer.text


def test_guessing_is_slowed_down(visitor: Visitor) -> None:
    """After five wrong passwords even the right one has to wait; other names do not."""
    for _ in range(5):
        visitor.client.post("/sign-in", data={"name": "Ada", "password": "wrong"})
    answer = visitor.client.post("/sign-in", data={"name": "Ada", "password": PASSWORD})
    assert answer.status_code == 429 and "Wait" in answer.text
    answer = visitor.client.post("/sign-in", data={"name": "Cora", "password": PASSWORD})
    assert answer.status_code == 200


def test_the_limit_ends_with_its_window() -> None:
    """The sixth attempt waits until the first is old enough."""
    now = [0.0]
    limit = AttemptLimit(attempts=2, window_s=10.0, clock=lambda: now[0])
    key = ("ada", "127.0.0.1")
    assert [limit.try_once(key), limit.try_once(key)] == [0, 0]
    now[0] = 4.0
    assert limit.try_once(key) == 6
    now[0] = 10.0
    assert limit.try_once(key) == 0


def test_the_right_password_begins_the_count_anew() -> None:
    """Whoever mistyped twice is not shut out later."""
    limit = AttemptLimit(attempts=2, window_s=10.0, clock=lambda: 0.0)
    key = ("ada", "127.0.0.1")
    limit.try_once(key)
    limit.forget(key)
    assert [limit.try_once(key), limit.try_once(key)] == [0, 0]


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "/ok\r\nSet-Cookie: x=y",
        "\\\\elsewhere",
        "",
        "elsewhere",
    ],
)
def test_signing_in_leads_nowhere_else(address: str) -> None:
    """Only paths of this site are followed."""
    assert local_path(address) == "/"


def test_signing_in_leads_back_to_the_page(visitor: Visitor, world: World) -> None:
    """With its query."""
    answer = visitor.get("/runs?kind=label")
    assert answer.url.path == "/sign-in"
    assert 'name="next" value="/runs?kind=label"' in answer.text


def test_too_large_a_form_is_refused(sign_in: SignIn, world: World) -> None:
    """A megabyte is more than any form holds."""
    cora = sign_in("Cora")
    answer = cora.client.post("/sign-out", data={"csrf_token": "x" * 1_100_000})
    assert answer.status_code == 413


def test_an_upload_is_refused(sign_in: SignIn) -> None:
    """No form of ours sends a file."""
    cora = sign_in("Cora")
    answer = cora.client.post("/sign-out", files={"file": b"x"})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"]
)
def test_files_outside_the_folder_stay_there(visitor: Visitor, path: str) -> None:
    """Only our own style sheets and modules are files to be had."""
    assert visitor.get(path).status_code == 404
