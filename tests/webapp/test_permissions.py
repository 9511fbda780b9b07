"""Every route for every role: the table of roles and actions is what holds."""

from collections.abc import Iterator
from re import sub
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from store.states import Role
from tests.webapp.conftest import SignIn, Visitor
from webapp.app import SCREENS, action_of, require_actions
from webapp.serving.permissions import PERMISSIONS, PUBLIC, Action, may

PEOPLE = {Role.ANNOTATOR: "Ada", Role.RESEARCHER: "Rhea", Role.CURATOR: "Cora"}
ALWAYS_REFUSED = {401, 403}


def routes() -> Iterator[tuple[str, str, Action]]:
    """The method, an address and the action of every route."""
    values = {"version_id": "1", "trace_id": "1", "run_id": "1", "anchor": "c0", "key": "framing",
              "study_id": "1", "export_id": "1", "segment": "0"}  # fmt: skip
    for screen in SCREENS:
        for route in screen.router.routes:
            assert isinstance(route, APIRoute)
            address = sub(r"\{(\w+)\}", lambda name: values.get(name[1], "p"), route.path)
            for method in route.methods:
                yield method, address, action_of(route)


def send(visitor: Visitor, method: str, address: str) -> Any:
    """A request that changes nothing: a form without the fields that it needs."""
    if method == "GET":
        return visitor.get(address, follow_redirects=False)
    return visitor.post(address, {"revision": "0", "name": "", "reason": ""}, page="/keys")


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_what_the_table_gives_it(role: Role, sign_in: SignIn) -> None:
    """A refused action is a 403 before anything is read; an allowed one is neither 401 nor 403."""
    wrong = []
    visitor = sign_in(PEOPLE[role])
    for method, address, action in routes():
        if action in (Action.SIGN_OUT, Action.ENTER):
            continue
        status = send(visitor, method, address).status_code
        if (status == 403) == may(role, action) or status == 401 or status >= 500:
            wrong.append((method, address, action, status))
    assert wrong == []


def test_nobody_gets_only_what_is_public(visitor: Visitor) -> None:
    """A page sends whoever is not signed in to the sign-in page; a form is refused."""
    for method, address, action in routes():
        answer = send(visitor, method, address)
        if action in PUBLIC:
            assert answer.status_code not in {401}, address
        elif method == "GET":
            assert answer.status_code == 303, address
            assert answer.headers["location"].startswith("/sign-in?next="), address
        else:
            assert answer.status_code == 401, address


def test_every_action_is_used_and_given_to_somebody() -> None:
    """The table has no row that nothing asks for."""
    declared = {action for _, _, action in routes()}
    given = frozenset().union(*PERMISSIONS.values())
    assert declared == set(Action) == given


def test_roles_only_add() -> None:
    """A curator may do what a researcher may, and a researcher what an annotator may."""
    annotator, researcher, curator = (PERMISSIONS[role] for role in Role)
    assert annotator < researcher < curator
    assert not may(Role.RESEARCHER, Action.FREEZE)


def test_a_route_that_declares_nothing_is_refused() -> None:
    """A screen cannot be added without saying who may use it."""
    router = APIRouter()
    router.add_api_route("/open", lambda: None)
    with pytest.raises(LookupError, match="/open"):
        require_actions(router)


def test_only_the_routes_and_our_files_are_served(app: FastAPI, visitor: Visitor) -> None:
    """No schema, no documentation with files of others."""
    for address in ("/docs", "/redoc", "/openapi.json"):
        assert visitor.get(address).status_code == 404
