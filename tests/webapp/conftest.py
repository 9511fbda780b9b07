"""What the tests of the pages share: a project, the application on it, and people signed in."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from re import search
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from store.engine import get_engine
from tests.builders import PASSWORD
from tests.worlds import World, copy_world
from webapp.app import create_app


@pytest.fixture(scope="session")
def world_template(sqlite_template: Path) -> tuple[Path, World]:
    """A file with a small project, to copy."""
    path = sqlite_template.with_name("webapp-world.sqlite3")
    return path, copy_world(sqlite_template, path)


@pytest.fixture
def world_engine(sqlite_url: str) -> Iterator[sa.Engine]:
    """The engine of a migrated database: empty, unless the test asks for `world` too."""
    engine = get_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def world(world_template: tuple[Path, World], world_engine: sa.Engine) -> World:
    """A small project in the database of `world_engine`."""
    path, world = world_template
    shutil.copy(path, str(world_engine.url.database))
    return world


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
Result = TypeVar("Result")


def run_apart(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end in a thread of its own: a browser of other tests holds a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


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
