"""What the tests of the pages share: a project, the application on it, and people signed in."""

from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from re import search
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store.engine import get_engine
from tests.builders import PASSWORD
from tests.worlds import World, build_world
from webapp.app import create_app


@pytest.fixture
def world_engine(sqlite_url: str) -> sa.Engine:
    """The engine of an empty, migrated database."""
    return get_engine(sqlite_url)


@pytest.fixture
def world(world_engine: sa.Engine) -> World:
    """A small project."""
    return build_world(world_engine)


@pytest.fixture
def app(world_engine: sa.Engine, world: World) -> FastAPI:
    """The application on it."""
    return create_app(world_engine)


@dataclass
class Visitor:
    """A browser without a script."""

    client: TestClient

    def get(self, address: str, **options: Any) -> Any:
        """Open a page."""
        return self.client.get(address, **options)

    def post(self, address: str, fields: dict[str, Any], page: str = "/") -> Any:
        """Send a form with the token and the revision that stand on `page`."""
        hidden = {}
        html = self.client.get(page).text
        for name in ("csrf_token", "revision"):
            found = search(rf'name="{name}" value="([^"]*)"', html)
            if found:
                hidden[name] = unescape(found[1])
        return self.client.post(address, data={**hidden, **fields})


SignIn = Callable[[str], Visitor]


@pytest.fixture
def visitor(app: FastAPI) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(TestClient(app, base_url="http://testserver", raise_server_exceptions=False))


@pytest.fixture
def sign_in(app: FastAPI) -> SignIn:
    """Sign in by name: Ada is an annotator, Rhea a researcher, Cora a curator."""

    def signed_in(name: str) -> Visitor:
        client = TestClient(app, raise_server_exceptions=False)
        answer = client.post("/sign-in", data={"name": name, "password": PASSWORD, "next": "/"})
        assert answer.status_code == 200, answer.text
        return Visitor(client)

    return signed_in
