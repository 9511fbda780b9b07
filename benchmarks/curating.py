"""A curator at the keyboard: eighty raw clusters to fifteen frozen categories, and back.

The machine was wrong about sixteen lanes; four clusters hold two meanings, five hold none, and six
have a name that does not fit. The curator knows, looks at the board only, and presses keys.
"""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.browser import Tab, tab
from benchmarks.review_server import seeded_engine, server
from benchmarks.seeding import CLUSTERS
from store.engine import get_engine, reading, transaction
from store.errors import NotFound
from store.states import VersionStatus
from store.taxonomies import get_version
from taxonomy.review.curation import get_review_state, undo
from taxonomy.versions.lifecycle import reopen
from taxonomy.vocabulary.presets import get_preset

WRONG, SPLITS, NOISE, RENAMES = 16, 4, 5, 6
BOARD = """JSON.stringify([...document.querySelectorAll('[data-lane]')].map((lane) => ({
  rows: [...lane.querySelectorAll('a[data-row]')].filter((row) => row.checkVisibility())
    .map((row) => row.getAttribute('href').split('/').pop()),
  accept: Boolean(lane.querySelector('[data-accept]')),
})))"""
FOCUS = "document.activeElement.getAttribute('href')?.split('/').pop() ?? ''"


@dataclass
class Knowledge:
    """What the curator knows: by anchor the true category, and what else is to be done first."""

    categories: dict[str, str]
    moves: set[str]
    splits: set[str]
    noise: set[str]
    renames: set[str]

    @classmethod
    def of(cls, keys: list[str]) -> "Knowledge":
        """Every fifth cluster is in the wrong lane; the others that need something are spread."""
        anchors = [f"c{number}" for number in range(CLUSTERS)]
        categories = {anchor: keys[place % len(keys)] for place, anchor in enumerate(anchors)}
        rest = [anchor for place, anchor in enumerate(anchors) if place % 5]
        chosen = rest[:: len(rest) // (SPLITS + NOISE + RENAMES)]
        splits, noise = chosen[:SPLITS], chosen[SPLITS : SPLITS + NOISE]
        renames = chosen[SPLITS + NOISE : SPLITS + NOISE + RENAMES]
        return cls(categories, set(anchors[::5][:WRONG]), set(splits), set(noise), set(renames))

    def proposals(self, keys: list[str]) -> list[str | None]:
        """What the machine proposed for each cluster: the truth, or its neighbour."""
        return [
            keys[(keys.index(key) + 1) % len(keys)] if anchor in self.moves else key
            for anchor, key in self.categories.items()
        ]

    def pending(self, anchor: str) -> bool:
        """Whether something is to be done about a cluster before its lane is accepted."""
        return anchor in self.moves | self.splits | self.noise | self.renames


def measure_curating(folder: Path) -> dict[str, float]:
    """The presses and clicks, and whether undoing all of it gives what was there before."""
    keys = [category.key for category in get_preset("mr-align-15")]
    known = Knowledge.of(keys)
    path = folder / "curating.sqlite3"
    url = f"sqlite:///{path}"
    engine, seeded = seeded_engine(url, 1, proposals=known.proposals(keys))
    before = projected(engine, seeded.version_id)
    with server(url) as (address, _), tab(address) as opened:
        opened.sign_in("reviewer 0")
        opened.open(f"/versions/{seeded.version_id}/board")
        arrange(opened, known)
        sign(opened)
        approved = folder / "approved.sqlite3"
        with sqlite3.connect(path) as source, sqlite3.connect(approved) as copy:
            source.backup(copy)
        freeze(opened, "v1")
        presses, clicks = opened.presses, opened.clicks
    require_frozen(engine, seeded.version_id, known)
    restored = undone(get_engine(f"sqlite:///{approved}"), seeded.version_id)
    return {
        "curator_presses": presses,
        "curator_clicks": clicks,
        "undo_all_restores": int(restored == before),
    }


def arrange(opened: Tab, known: Knowledge) -> None:
    """Deal with every exception, and accept each lane once nothing in it is left to do."""
    for _ in range(4 * CLUSTERS):
        lanes = [lane for lane in _board(opened) if lane["accept"]]
        if not lanes:
            return
        focus = opened.ask(FOCUS)
        rows = next((lane["rows"] for lane in lanes if focus in lane["rows"]), lanes[0]["rows"])
        waiting = [anchor for anchor in rows if known.pending(anchor)]
        if not waiting:
            opened.press("y")
        elif focus in waiting:
            deal_with(opened, known, focus)
        else:
            opened.press(_towards(rows, focus, waiting))
    raise RuntimeError("expected the board to be done by now; see which lanes are left")


def _board(opened: Tab) -> list[dict[str, Any]]:
    opened.page.locator("[data-lane]").first.wait_for()  # a board on its way is no empty board
    found: list[dict[str, Any]] = json.loads(opened.ask(BOARD))
    return found


def _towards(rows: list[str], focus: str, waiting: list[str]) -> str:
    """The key that brings the focus nearer to the nearest row with something to do."""
    if focus not in rows:
        return "j"
    at = rows.index(focus)
    nearest = min((rows.index(anchor) for anchor in waiting), key=lambda place: abs(place - at))
    return "j" if nearest > at else "k"


def deal_with(opened: Tab, known: Knowledge, anchor: str) -> None:
    """Move, split, mark or rename the cluster with the focus, and be on the board again."""
    if anchor in known.noise:
        opened.press("x")
        known.noise.discard(anchor)
    elif anchor in known.splits:
        opened.press("Enter", "d", "Enter", "g", "b")
        known.splits.discard(anchor)
    elif anchor in known.renames:
        opened.press("Enter", "i", "g", "b")
        known.renames.discard(anchor)
    else:
        button = f"button[data-move][value={known.categories[anchor]}]"
        opened.press(opened.ask(f"document.querySelector('{button}').dataset.move"))
        known.moves.discard(anchor)


def sign(opened: Tab) -> None:
    """Submit the version, and approve its rows, which approves it."""
    opened.press("g", "v", "r", "o", "k", "Tab", "Enter", "y")


def freeze(opened: Tab, name: str) -> None:
    """Say why, type the name, and freeze."""
    opened.press("r", "o", "k", "Tab", *name, "Enter")


def require_frozen(engine: sa.Engine, version_id: int, known: Knowledge) -> None:
    """Raise unless the version is frozen, and everything was dealt with as the curator knew."""
    with reading(engine) as session:
        state = get_review_state(session, version_id)
    left = known.moves | known.splits | known.noise | known.renames
    wrong = [
        group.anchor
        for group in state.groups
        if group.anchor in known.categories and group.category != known.categories[group.anchor]
    ]
    if state.status != VersionStatus.FROZEN or left or wrong:
        raise RuntimeError(f"{state.status.value}, left {sorted(left)}, in wrong lanes {wrong}")


def projected(engine: sa.Engine, version_id: int) -> tuple[object, ...]:
    """What reviewers see of a version, whatever its log says."""
    with reading(engine) as session:
        state = get_review_state(session, version_id)
        return state.groups, state.categories, state.noise, state.progress


def undone(engine: sa.Engine, version_id: int) -> tuple[object, ...]:
    """What reviewers see after the version was reopened and every decision taken back."""
    with transaction(engine) as session:
        version = get_version(session, version_id)
        if version.status == VersionStatus.APPROVED:
            reopen(session, version_id, person=None, reason="to undo all of it")
    while True:
        try:
            with transaction(engine) as session:
                undo(session, version_id, person=None, seen_revision=None)
        except NotFound:
            return projected(engine, version_id)
