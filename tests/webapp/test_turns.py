"""Turns: one after the other, first come first served, readers apart from writers."""

import asyncio

import pytest
from fastapi import FastAPI

from tests.webapp.conftest import SignIn, run_apart
from tests.worlds import World
from webapp.serving.turns import Turns


async def work(turns: Turns, done: list[str], name: str, *, writing: bool) -> None:
    """Take a turn, and let others try while it lasts."""
    async with turns.next(writing=writing):
        done.append(f"{name} begins")
        await asyncio.sleep(0)
        done.append(f"{name} ends")


def test_turns_come_in_the_order_of_asking() -> None:
    """Nobody begins before the one before has ended."""
    done: list[str] = []

    async def all_at_once() -> None:
        turns = Turns(1)
        names = ("first", "second", "third")
        await asyncio.gather(*(work(turns, done, name, writing=True) for name in names))

    run_apart(all_at_once())
    assert done == [
        "first begins", "first ends", "second begins", "second ends", "third begins", "third ends",
    ]  # fmt: skip


def test_a_reader_does_not_wait_for_a_writer() -> None:
    """A writer that waits for another process holds up no page."""
    done: list[str] = []

    async def both() -> None:
        turns = Turns(1)
        async with turns.next(writing=True):
            await work(turns, done, "reader", writing=False)

    run_apart(both())
    assert done == ["reader begins", "reader ends"]


def test_a_turn_ends_with_an_error() -> None:
    """A page that fails does not stop the ones after it."""

    done: list[str] = []

    async def fail_then_work() -> None:
        turns = Turns(1)
        try:
            async with turns.next(writing=False):
                raise RuntimeError
        except RuntimeError:
            await work(turns, done, "next", writing=False)

    run_apart(fail_then_work())
    assert done == ["next begins", "next ends"]


class NoTurns(Turns):
    """Nobody may hold others up."""

    def next(self, *, writing: bool) -> asyncio.Semaphore:
        """Refuse."""
        raise RuntimeError("it took a turn")


@pytest.mark.parametrize(
    "address",
    ["/versions/{0}/whatif?do=assign&anchor=c0&category=retrieval",
     "/versions/{0}/whatif/overall.svg?do=assign&anchor=c0&category=retrieval", "/transitions",
     "/transitions/compare?first=polarity%3Dnegative&second=polarity%3Dpositive",
     "/transitions/moves?from=start&to=framing", "/transitions/cells.csv",
     "/studies/1", "/studies/1/export"],
)  # fmt: skip
def test_what_takes_seconds_takes_no_turn(
    app: FastAPI, sign_in: SignIn, world: World, address: str
) -> None:
    """Whoever asks for little meanwhile does not wait for it."""
    cora = sign_in("Cora")
    cora.post("/studies", {"name": "July", "person": ["Ada", "Rhea"], "facet": ["polarity"],
                           "overlap": "2", "per_stratum": "2", "seed": "1", "version": "v0",
                           "decision": "abc"}, page="/studies")  # fmt: skip
    app.state.turns = NoTurns(1)
    assert cora.get(address.format(world.version_id)).status_code == 200
    assert cora.get("/queue").status_code == 500, "all other pages do"
